"""Addresses: the parts of Terraform's resource addresses and references.

Source: https://developer.hashicorp.com/terraform/cli/state/resource-addressing
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import NamedTuple


class Step(NamedTuple):
    """One name of an address, with its key.

    Attributes:
        name: the name.
        key: the key in brackets; None without brackets.
    """

    name: str
    key: str | int | None = None


@lru_cache(maxsize=4096)
def steps(text: str) -> tuple[Step, ...]:
    """The steps of an address: ``module.a["x"].aws_sqs_queue.q[0]``.

    A text of another form gives whatever can be read of it.
    """
    found: list[Step] = []
    position = 0
    while position < len(text):
        end = position
        while end < len(text) and text[end] not in ".[":
            end += 1
        name = text[position:end]
        key: str | int | None = None
        while end < len(text) and text[end] == "[":
            key, end = _key(text, end + 1)
        found.append(Step(name, key))
        position = end + 1
    return tuple(found)


def _key(text: str, start: int) -> tuple[str | int | None, int]:
    """A key in brackets, and the position after them."""
    if text[start : start + 1] == '"':
        end = start + 1
        while end < len(text) and text[end] != '"':
            end += 2 if text[end] == "\\" else 1
        quoted, after = text[start : end + 1], end + 2
        try:
            return str(json.loads(quoted)), after
        except ValueError:
            return quoted.strip('"'), after
    end = text.find("]", start)
    end = len(text) if end < 0 else end
    number = text[start:end]
    return (int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None), end + 1  # noqa: PLR2004


def module_of(address: str) -> str:
    """The address of the module instance that a resource is in; empty for the root module."""
    parts: list[str] = []
    found = steps(address)
    position = 0
    while position + 1 < len(found) and found[position].name == "module":
        parts.append(f"module.{with_key(found[position + 1])}")
        position += 2
    return ".".join(parts)


@lru_cache(maxsize=4096)
def path_of(module: str) -> tuple[str, ...]:
    """The names of the modules in the address of a module instance."""
    return tuple(step.name for step in steps(module)[1::2])


def with_key(step: Step) -> str:
    """A step as text."""
    if step.key is None:
        return step.name
    return f"{step.name}[{json.dumps(step.key, ensure_ascii=False)}]"


def inside(module: str, name: str) -> str:
    """The address of something inside a module instance."""
    return f"{module}.{name}" if module else name


def whole(references: list[str]) -> list[str]:
    """The references of an expression, without the shorter forms that Terraform adds after each one."""
    found: list[str] = []
    for text in references:
        if not found or not (found[-1].startswith(text) and found[-1][len(text) : len(text) + 1] in ".["):
            found.append(text)
    return list(dict.fromkeys(found))
