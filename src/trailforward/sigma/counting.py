"""Reads what a rule counts: the section ``correlation``, and the ``count`` of old conditions.

Source: https://github.com/SigmaHQ/sigma-specification, correlation rules 2.1.0; the old form is that of 1.0.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from trailforward.sigma.rule import Counting, one_line

_COUNT = (
    r"count\s*\(\s*(?P<field>[^()]*?)\s*\)\s*(?:by\s+(?P<by>\S.*?))?\s*(?P<operator>[<>]=?|==?|!=)\s*"
    r"(?P<number>\d{1,9})"
)
_OPERATORS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "eq", "==": "eq", "!=": "neq"}
_TIMESPAN = "0*[1-9][0-9]{0,8}[smhdwMy]"
_LONGEST_NAME = 200

_KEYS = frozenset({"type", "rules", "group-by", "timespan", "condition", "aliases", "generate"})
#: Why types of correlations are not expressible.
_TYPES = {
    "temporal": "it combines several rules in time, but a route decides about the events of one rule",
    "temporal_ordered": "it wants several rules in order, but a route decides about the events of one rule",
    "value_count": "it counts different values of a field, but the threshold of a route counts events",
    "value_sum": "it adds up the values of a field, but the threshold of a route counts events",
    "value_avg": "it averages the values of a field, but the threshold of a route counts events",
    "value_percentile": "it ranks the values of a field, but the threshold of a route counts events",
    "value_median": "it ranks the values of a field, but the threshold of a route counts events",
}


class NotCountableError(Exception):
    """The threshold of a route cannot express what a rule counts; the text says why."""


class Correlation(NamedTuple):
    """The section ``correlation`` of a document.

    Attributes:
        rules: the rules that it refers to, by ID, name, or title.
        generate: whether these also become routes.
        section: as written.
    """

    rules: tuple[str, ...]
    generate: bool
    section: dict[Any, Any]

    def counting(self, names: list[set[str]], titles: tuple[str, ...]) -> Counting:
        """What it counts.

        Args:
            names: for each rule, all references that mean it.
            titles: of the rules.

        Raises:
            NotCountableError: the threshold of a route cannot express it.
        """
        kind = self.section.get("type")
        if kind != "event_count":
            known = _TYPES.get(kind) if isinstance(kind, str) else None
            raise NotCountableError(known or f"its type is not known: {_short(kind)}")
        unknown = sorted(set(map(str, self.section)) - _KEYS)
        if unknown:  # group_by is a common slip, and would count all events together
            raise NotCountableError(f"its correlation has an unknown key: {_short(unknown[0])}")
        operator, number = _criterion(self.section.get("condition"))
        timespan = _timespan(self.section.get("timespan"), "timespan")
        aliases = self.section.get("aliases") or {}
        fields = tuple(_aliased(field, aliases, names) for field in _fields(self.section.get("group-by")))
        return Counting(operator, number, timespan, fields, titles)


def correlation(document: dict[Any, Any]) -> Correlation:
    """The section ``correlation`` of a document.

    Raises:
        NotCountableError: it does not name rules, or has values of a wrong type.
    """
    section = document["correlation"]
    if not isinstance(section, dict):
        raise NotCountableError("its correlation is not a table of keys")
    rules = section.get("rules")
    listed = [rules] if isinstance(rules, str) else rules
    if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
        kind = section.get("type")
        known = _TYPES.get(kind) if isinstance(kind, str) else None
        raise NotCountableError(known or "its correlation does not list rules")
    # The specification's schema has it at the top, pySigma and public rules have it in the section.
    generate = document.get("generate") is True or section.get("generate") is True
    return Correlation(tuple(dict.fromkeys(listed)), generate, section)


def without_aggregation(detection: dict[Any, Any]) -> dict[Any, Any]:
    """A detection without the part after ``|`` of its conditions."""
    condition = detection["condition"]
    listed = condition if isinstance(condition, list) else [condition]
    return {**detection, "condition": [str(one).partition("|")[0].strip() for one in listed]}


def aggregation(detection: dict[Any, Any]) -> Counting:
    """What an old condition counts: the part after ``|``.

    Raises:
        NotCountableError: the threshold of a route cannot express it.
    """
    condition = detection.get("condition")
    if isinstance(condition, list) and len(condition) == 1:
        condition = condition[0]
    if not isinstance(condition, str):
        raise NotCountableError("one of several conditions counts events, and a route has one threshold")
    after = " ".join(condition.partition("|")[2].split())
    found = re.fullmatch(_COUNT, after) if len(after) <= _LONGEST_NAME * 10 else None
    if found is None:
        raise NotCountableError(f"a route cannot express the part after |: {_short(after)}")
    fields = tuple(part.strip() for part in found["by"].split(",")) if found["by"] else ()
    if found["field"]:
        if found["field"] in fields:
            text = f"it counts the values of {_short(found['field'])} per value of it, which is always one"
            raise NotCountableError(text)
        raise NotCountableError(_TYPES["value_count"])
    operator, number = _criterion({_OPERATORS[found["operator"]]: int(found["number"])})
    if detection.get("timeframe") is None:
        raise NotCountableError("it counts without timeframe, but the threshold of a route needs a time")
    timespan = _timespan(detection["timeframe"], "timeframe")
    return Counting(operator, number, timespan, _fields(list(fields)))


def _criterion(condition: Any) -> tuple[Literal["gt", "gte"], float]:
    """The operator and the number of a condition.

    Raises:
        NotCountableError: it is not exactly one of ``gt`` and ``gte`` with a number.
    """
    if not isinstance(condition, dict) or not condition:
        raise NotCountableError("its condition is not a comparison with a number")
    names = set(map(str, condition))
    unknown = sorted(names - {"gt", "gte", "lt", "lte", "eq", "neq"})
    if unknown:
        raise NotCountableError(f"its condition has an unknown key: {_short(unknown[0])}")
    if not names <= {"gt", "gte"}:
        some = ", ".join(sorted(names & {"lt", "lte", "eq", "neq"}))
        text = "it is decided only when the time is over, but a route decides when an event arrives"
        raise NotCountableError(f"its condition has {some}: {text}")
    if len(condition) > 1:
        raise NotCountableError("its condition has both gt and gte")
    ((operator, number),) = condition.items()
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) < 1e9:  # noqa: PLR2004
        raise NotCountableError(f"its condition does not compare with a number: {_short(number)}")
    return ("gt" if operator == "gt" else "gte"), number


def _timespan(value: Any, key: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(_TIMESPAN, value):
        raise NotCountableError(f"its {key} is not a number with s, m, h, or d: {_short(value)}")
    return value


def _fields(value: Any) -> tuple[str, ...]:
    listed = [] if value is None else value if isinstance(value, list) else [value]
    for field in listed:
        if not isinstance(field, str) or not re.fullmatch(r"[^.\s]{1,200}(\.[^.\s]{1,200}){0,18}", field):
            raise NotCountableError(f"it groups by something that is not a field: {_short(field)}")
    return tuple(dict.fromkeys(listed))


def _aliased(field: str, aliases: Any, names: list[set[str]]) -> str:
    """The field that an alias stands for, which must be the same for every rule."""
    if not isinstance(aliases, dict):
        raise NotCountableError("its aliases are not a table of keys")
    if field not in aliases:
        return field
    mapping = aliases[field]
    if not isinstance(mapping, dict):
        raise NotCountableError(f"its alias {_short(field)} is not a table of keys")
    found = [next((mapping[name] for name in sorted(each) if name in mapping), None) for each in names]
    if None in found:
        raise NotCountableError(f"its alias {_short(field)} has no field for one of the rules")
    different = _fields(found)
    if len(different) > 1:
        text = "stands for a different field of each rule, but the threshold of a route has one"
        raise NotCountableError(f"its alias {_short(field)} {text}")
    return different[0]


def _short(value: Any) -> str:
    text = one_line(str(value)[: 4 * _LONGEST_NAME])
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
