"""Where a pattern runs: some services take less than event buses do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.patterns.invalid import InvalidPatternError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.patterns.parser import Rule

_NESTED_BUT = frozenset(
    f"anything-but/{name}" for name in ("prefix", "suffix", "equals-ignore-case", "wildcard")
)
_AFFIX_CASE = frozenset({"prefix/equals-ignore-case", "suffix/equals-ignore-case"})

#: Member kinds that a service lacks. Pipes: user guide, "Amazon EventBridge Pipes event filtering", says so.
#: Lambda: developer guide, "Filter rule syntax", does not list them, so nothing promises that they work.
LACKS: dict[str, frozenset[str]] = {
    "rules": frozenset(),
    "pipes": _NESTED_BUT,
    "lambda-esm": _NESTED_BUT | _AFFIX_CASE | {"wildcard"},
}


def check_dialect(dialect: str, rules: Iterable[Rule]) -> None:
    """Refuses what a service lacks.

    Raises:
        InvalidPatternError: names the operator and the path.
        ValueError: no such dialect.
    """
    if dialect not in LACKS:
        raise ValueError(f"no dialect {dialect!r}; there are {', '.join(LACKS)}")
    for path, kind in lacking(dialect, rules):
        raise InvalidPatternError(f"{kind} is not supported by {dialect}: {path}")


def lacking(dialect: str, rules: Iterable[Rule]) -> list[tuple[str, str]]:
    """Path and operator of everything in the rules that a dialect lacks."""
    lacks = LACKS[dialect]
    found = {
        (path, member.kind): None
        for rule in rules
        for path, condition in rule.items()
        for member in condition.members
        if member.kind in lacks
    }
    return list(found)
