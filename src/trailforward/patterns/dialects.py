"""Checks that the service where a pattern runs supports its operators; event buses support all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.patterns.invalid import InvalidPatternError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.patterns.parser import Rule

_NESTED_ANYTHING_BUT = frozenset(
    f"anything-but/{name}" for name in ("prefix", "suffix", "equals-ignore-case", "wildcard")
)
_AFFIX_CASE = frozenset({"prefix/equals-ignore-case", "suffix/equals-ignore-case"})

#: Operators that a service does not support. Pipes: user guide, "Amazon EventBridge Pipes event filtering".
#: Lambda: the developer guide, "Filter rule syntax", does not list them, so they may not work.
UNSUPPORTED: dict[str, frozenset[str]] = {
    "rules": frozenset(),
    "pipes": _NESTED_ANYTHING_BUT,
    "lambda-esm": _NESTED_ANYTHING_BUT | _AFFIX_CASE | {"wildcard"},
}


def check_dialect(dialect: str, rules: Iterable[Rule]) -> None:
    """Rejects operators that a service does not support.

    Raises:
        InvalidPatternError: names the operator and the path.
        ValueError: the dialect is unknown.
    """
    if dialect not in UNSUPPORTED:
        raise ValueError(f"unknown dialect {dialect!r}; use one of {', '.join(UNSUPPORTED)}")
    for path, kind in unsupported_operators(dialect, rules):
        raise InvalidPatternError(f"{kind} is not supported by {dialect}: {path}")


def unsupported_operators(dialect: str, rules: Iterable[Rule]) -> list[tuple[str, str]]:
    """The path and operator of each condition that a dialect does not support."""
    unsupported = UNSUPPORTED[dialect]
    found = {
        (path, member.kind): None
        for rule in rules
        for path, condition in rule.items()
        for member in condition.members
        if member.kind in unsupported
    }
    return list(found)
