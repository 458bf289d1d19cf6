"""Parameters: their values, and the constraints that CloudFormation checks.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.template.errors import TemplateError
from trailforward.doctor.world.unknown import is_unknown, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

_SSM = "AWS::SSM::Parameter::Value<"
_PATTERN_CHARACTERS = 4_096


class ParameterValues(NamedTuple):
    """The values of a template's parameters.

    Attributes:
        values: by name; unknown values are texts that stand for them.
        missing: parameters without a default and without a given value.
    """

    values: dict[str, Any]
    missing: tuple[str, ...]


def parameter_values(template: Mapping[str, Any], given: Mapping[str, Any]) -> ParameterValues:
    """The values of a template's parameters.

    Args:
        template: a template.
        given: values by name. For a parameter of Systems Manager, the value that it contains, not its name.

    Raises:
        TemplateError: a given value violates a constraint, or its parameter does not exist.
    """
    declared = template.get("Parameters") or {}
    declared = declared if isinstance(declared, dict) else {}
    if absent := sorted(given.keys() - declared.keys()):
        known = ", ".join(map(str, declared)) or "none"
        raise TemplateError(f"the template has no parameter {', '.join(absent)}; it has: {known}")
    values: dict[str, Any] = {}
    missing = []
    for name, item in declared.items():
        item = item if isinstance(item, dict) else {}  # noqa: PLW2901  # anything else has no default
        kind = str(item.get("Type", "String"))
        is_list = kind == "CommaDelimitedList" or "List<" in kind
        if name in given:
            text = _text(given[name])
            if not is_unknown(text):
                _check(name, text, item, kind)
        elif kind.startswith(_SSM):
            of = "the elements of the SSM parameter" if is_list else "the SSM parameter"
            text = unknown(f"{of} {item.get('Default', name)}")
        elif "Default" in item:
            text = _text(item["Default"])
        else:
            missing.append(name)
            text = unknown(f"the elements of the parameter {name}" if is_list else f"the parameter {name}")
        values[name] = [part.strip() for part in text.split(",")] if is_list else text
    return ParameterValues(values, tuple(missing))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def _check(name: str, text: str, item: Mapping[str, Any], kind: str) -> None:
    """Checks a given value against the constraints of its parameter."""
    hint = f" ({item['ConstraintDescription']})" if "ConstraintDescription" in item else ""
    for part in text.split(",") if kind == "CommaDelimitedList" or kind.startswith("List<") else [text]:
        problem = _problem(part.strip(), item, kind)
        if problem:
            raise TemplateError(f"--parameter {name}={text[:80]}: {problem}{hint}")


def _problem(text: str, item: Mapping[str, Any], kind: str) -> str:
    allowed = item.get("AllowedValues")
    if isinstance(allowed, list) and text not in map(_text, allowed):
        return f"not one of the allowed values {', '.join(map(_text, allowed))[:300]}"
    pattern = item.get("AllowedPattern")
    if isinstance(pattern, str) and len(pattern) <= _PATTERN_CHARACTERS:
        try:
            matches = re.fullmatch(pattern, text) is not None
        except re.error:  # Java's expressions are not quite Python's
            matches = True
        if not matches:
            return f"does not match {pattern[:200]}"
    if kind in {"Number", "List<Number>"}:
        try:
            number = float(text)
        except ValueError:
            return "not a number"
        return _bounds(number, item.get("MinValue"), item.get("MaxValue"), "")
    return _bounds(len(text), item.get("MinLength"), item.get("MaxLength"), " characters")


def _bounds(number: float, least: Any, most: Any, what: str) -> str:
    if (bound := _number(least)) is not None and number < bound:
        return f"less than {least}{what}"
    if (bound := _number(most)) is not None and number > bound:
        return f"more than {most}{what}"
    return ""


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
