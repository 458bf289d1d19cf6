"""Writes converted rules as a configuration: routes with their tests, and a sink to replace."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from trailforward.sigma.examples import SAMPLE, examples
from trailforward.sigma.judge import lints_of
from trailforward.sigma.rule import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward.sigma.conversion import Converted
    from trailforward.sigma.rule import Rule

#: Limits of a route's keys (``trailforward.config``).
_NAME, _TITLE, _DESCRIPTION, _AUTHOR, _TAGS = 64, 150, 1000, 100, 20
_HEAD = """\
# Made by `trailforward sigma convert` from Sigma rules. Rules under the Detection Rule License require that
# messages about a match name the author; formats for people show `author`. Replace the sink with your own.
"""
_COUNTS = """\
# Routes with `threshold` count events. Without `state`, each execution environment of the function counts
# alone, so such a route sends too little, or nothing. Set `state` to the ARN of a table, or the stack's
# parameter StateTable to true, and then remove "no-state" from `allow_lints` of these routes.
"""
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_LINK = re.compile(r"https://[^/?#@\s]+([/?#][^\s]*)?")
_LONGEST_LINK = 500


def names(rules: Iterable[Rule]) -> list[str]:
    """A unique name for the route of each rule, made of the name of its file."""
    taken: set[str] = set()
    found = []
    for rule in rules:
        stem = re.sub(r"[^a-z0-9]+", "-", rule.stem.lower()).strip("-")[: _NAME - 5] or "rule"
        name, count = stem, 1
        while name in taken:
            count += 1
            name = f"{stem}-{count}"
        taken.add(name)
        found.append(name)
    return found


def configuration(found: list[Converted], sink: str, tables: Callable[[str, dict[str, Any]], str]) -> str:
    """The TOML text of a configuration with one route for each rule that an event can match.

    Args:
        found: the converted rules.
        sink: the name of the sink that gets the events.
        tables: writes a table with its header.
    """
    counts = any(one.threshold is not None and one.patterns for one in found)
    parts = [
        _HEAD + (_COUNTS if counts else ""),
        tables(f"sinks.{sink}", {"to": "stdout:", "format": "text"}),
    ]
    for name, one in zip(names([each.rule for each in found]), found, strict=True):
        if one.patterns:
            parts.append("\n".join([*_comments(one), *_route(name, one, sink, tables)]))
    return "\n".join(parts)


def _comments(one: Converted) -> Iterator[str]:
    rule = one.rule
    yield f"# {rule.title}" + (f" ({rule.id})" if rule.id else "")
    if rule.author:
        yield f"# By {rule.author}" + (f". License: {rule.license}" if rule.license else "")
    for reference in rule.references:
        yield f"# {reference}"
    if rule.counting is not None and rule.counting.parts:
        yield f"# Counts events of: {one_line('; '.join(rule.counting.parts))}"
    for note in one.notes:
        yield f"# Approximate: {one_line(note)}"
    for text in one.judgement.never:
        yield f"# Never written: {one_line(text)}"
    if one.judgement.read_only:
        calls = ", ".join(map(one_line, one.judgement.read_only))
        yield f"# Only with the rule state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS: {calls}"


def _route(
    name: str, one: Converted, sink: str, tables: Callable[[str, dict[str, Any]], str]
) -> Iterator[str]:
    rule = one.rule
    head: dict[str, Any] = {"name": name, "sinks": [sink]}
    head |= {"severity": rule.level} if rule.level else {}
    head["title"] = _cut(rule.title, _TITLE)
    head |= {"description": _cut(rule.description, _DESCRIPTION)} if rule.description else {}
    head |= {"author": authors(rule.author)} if rule.author else {}
    link = next(
        (each for each in rule.references if _LINK.fullmatch(each) and len(each) <= _LONGEST_LINK), None
    )
    head |= {"runbook": link} if link else {}
    tags = [tag for tag in rule.tags if _TAG.fullmatch(tag)][:_TAGS]
    head |= {"tags": tags} if tags else {}
    lints = {code for pattern in one.patterns for code in lints_of(pattern)}
    lints |= {"no-state"} if one.threshold is not None else set()
    head |= {"allow_lints": sorted(lints)} if lints else {}
    patterns = dict(zip(("pattern", "only"), one.patterns, strict=False))
    as_text = {key: json.dumps(pattern) for key, pattern in patterns.items() if _has_null(pattern)}
    yield tables("routes", head | as_text).replace("[routes]", "[[routes]]", 1)
    for key, pattern in patterns.items():
        if key not in as_text:
            yield tables(f"routes.{key}", pattern)
    if one.threshold is not None:
        yield tables("routes.threshold", one.threshold.table())
    for example in examples(rule):
        table = {"sample": SAMPLE, "matches": example.matches}
        table |= {"unset": list(example.unset)} if example.unset else {}
        table |= {"set": example.set} if example.set else {}
        text = tables("routes.tests", table)
        yield text.replace("[routes.tests]", "[[routes.tests]]", 1)


def _has_null(value: Any) -> bool:
    """Whether a pattern has a null, which TOML cannot write."""
    if isinstance(value, (dict, list)):
        return any(map(_has_null, value.values() if isinstance(value, dict) else value))
    return value is None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def authors(text: str) -> str:
    """The authors of a rule, as many as fit into a message."""
    if len(text) <= _AUTHOR:
        return text
    more = " and others"
    first = text[: _AUTHOR - len(more)].rpartition(",")[0]
    return f"{first}{more}" if first else _cut(text, _AUTHOR)
