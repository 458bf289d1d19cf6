"""Turns Pydantic's errors into problems that a user can act on: the key as written, what is wrong, the fix.

No text repeats a value from the configuration, because the value may be a secret.
"""

from __future__ import annotations

import re
from dataclasses import replace
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from trailforward.errors import Problem, SettingError
from trailforward.settings import Settings, fields, read_fast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import ErrorDetails


def validated(
    kind: type[Any], table: Any, key: str, problems: list[Problem], *, beside: tuple[str, ...] = ()
) -> Any:
    """Returns the settings in a table; None if the table is invalid.

    Args:
        kind: the class of settings.
        table: the parsed table.
        key: the key of the table; empty for the whole document.
        problems: gets every problem of the table.
        beside: more keys that the table may have, which are checked elsewhere.
    """
    settings = read_fast(kind, table)
    if settings is not None:
        return settings
    # Pydantic is authoritative for everything that the fast path does not read.
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(table)
    except ValidationError as error:
        problems += [_problem(kind, details, key, beside) for details in error.errors(include_url=False)]
        return None


def with_written_keys(problems: Iterable[Problem], written: Mapping[str, str]) -> list[Problem]:
    """Returns the problems with each key replaced by the place where the user wrote the value.

    Args:
        problems: problems with keys of ``trailforward.toml``.
        written: key → place, for values from outside the TOML: ``sinks.http-siem`` →
            ``TRAILFORWARD_TO, destination 1``.
    """
    found = []
    for problem in problems:
        places = [key for key in written if re.match(re.escape(key) + r"(?![\w-])", problem.key)]
        if places:
            place = max(places, key=len)
            rest = problem.key.removeprefix(place)
            problem = replace(problem, key=written[place] + ("" if rest == ".to" else rest))  # noqa: PLW2901
        found.append(problem)
    return found


def _unknown(key: str, name: str, known: list[str]) -> Problem:
    """Reports an unknown key: a former one with its current name, any other with the most similar key."""
    from trailforward.config.former_keys import current_key

    if (current := current_key(key)) is not None:
        former = ".".join(key.split(".")[-1 - current.count(".") :])
        fix = f"write {current.rpartition('.')[2]}"
        return Problem(key, f"`{former}` is now `{current}`", fix)
    from difflib import get_close_matches

    similar = get_close_matches(name, known, 1)
    fix = f"write {similar[0]}, or remove it" if similar else f"remove it, or use one of: {', '.join(known)}"
    return Problem(key, "unknown key", fix)


def _problem(kind: type[Any], details: ErrorDetails, prefix: str, beside: tuple[str, ...]) -> Problem:
    names, holder, declared = _place(kind, details["loc"])
    key = ".".join(part for part in (prefix, *names) if part) or "trailforward.toml"
    code, context = details["type"], details.get("ctx", {})
    if isinstance(error := context.get("error"), SettingError):
        return Problem(key, error.what, error.fix)
    if code == "missing":
        return Problem(key, "missing", f"add {names[-1]} = …")
    if code == "extra_forbidden":
        return _unknown(key, names[-1], [*(beside if holder is kind else ()), *fields(holder)])
    if code in {"union_tag_not_found", "union_tag_invalid"}:
        known = ", ".join(f'"{name}"' for name in _members(declared))
        what = "missing" if code == "union_tag_not_found" else "unknown value"
        return Problem(f"{key}.type", what, f"set type to one of {known}")
    if code == "literal_error":
        return Problem(key, "unknown value", f"write one of {context['expected']}".replace("'", '"'))
    what, fix = _words(code, context)
    return Problem(key, what or details["msg"].removeprefix("Value error, "), fix)


def _place(kind: Any, steps: tuple[int | str, ...]) -> tuple[list[str], Any, Any]:
    """Locates an error: the keys as written, the class that has the last key, its declared type.

    Pydantic puts names of union members, and ``[key]``, between the keys that the user wrote; both are left
    out.
    """
    names: list[str] = []
    holder = declared = kind
    for step in steps:
        declared = _bare(declared)
        if (chosen := _members(declared).get(str(step))) is not None:
            declared = chosen
        elif isinstance(declared, type) and issubclass(declared, Settings):
            holder = declared
            declared = fields(holder).get(str(step))
            names.append(str(step))
        elif step != "[key]":  # an element of an array, or a key of a table
            declared = next((part for part in reversed(get_args(declared)) if part is not ...), None)
            if isinstance(step, int) and names:
                names[-1] += f"[{step}]"
            else:
                names.append(str(step))
    return names, holder, declared


def _bare(annotation: Any) -> Any:
    """Returns an annotation without its metadata and without None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        rest = [member for member in get_args(annotation) if member is not NoneType]
        if len(rest) == 1:
            return _bare(rest[0])
    return annotation


def _members(annotation: Any) -> Mapping[str, Any]:
    """Returns ``type`` value → class, for a union of settings classes that ``type`` distinguishes."""
    found: dict[str, Any] = {}
    for member in get_args(_bare(annotation)):
        if isinstance(member, type) and issubclass(member, Settings):
            found |= dict.fromkeys(get_args(fields(member).get("type")), member)
    return found


def _words(code: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Returns what is wrong and the fix, for the error codes that Pydantic defines."""
    if code in _TYPES:
        return _TYPES[code]
    for name, relation in _BOUNDS.items():
        if name in context:
            return "out of range", f"write a number {relation} {context[name]:g}"
    if "max_length" in context:
        return "too long", f"use at most {context['max_length']}" + _unit(code)
    if "min_length" in context:
        return "empty", f"give at least {context['min_length']}" + _unit(code)
    if "pattern" in context:
        return "malformed", f"write a value that matches {context['pattern']}"
    return "", "correct the value"


_TYPES = {
    "bool_type": ("not true or false", "write true or false, without quotes"),
    "dict_type": ("not a table", "write { NAME = … }"),
    "finite_number": ("not a finite number", "write a number"),
    "float_type": ("not a number", "write a number, without quotes"),
    "int_from_float": ("not a whole number", "write a whole number"),
    "int_type": ("not a whole number", "write a whole number, without quotes"),
    "model_attributes_type": ("not a table", "write { KEY = … }"),
    "model_type": ("not a table", "write { KEY = … }"),
    "string_type": ("not a string", "write a string in quotes"),
    "tuple_type": ("not a list", 'write a list: ["…", "…"]'),
}

_BOUNDS = {"ge": "of at least", "le": "of at most", "gt": "greater than", "lt": "less than"}


def _unit(code: str) -> str:
    return " character(s)" if code.startswith("string") else ""
