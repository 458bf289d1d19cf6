"""The modules without providers: resources become locals, so that ``terraform`` itself can evaluate them.

Only what needs a provider is replaced: data sources, what AWS decides about a resource (its ARN), and blocks,
which become lists. The expressions stay.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lark import Token

from tests.terraform.hcl import attributes, blocks, parse, parts
from tests.terraform.module import DATA, META

if TYPE_CHECKING:
    from pathlib import Path

    from tests.terraform.module import Instance, Module

COMPUTED = ("arn", "url", "name", "function_name", "version")


def write(module: Module, source: Path, target: Path) -> None:
    """Writes a module that has one output ``all``: address → instances.

    Args:
        module: the same, as our evaluator sees it. It says what AWS decides.
        source: the folder of the module.
        target: an empty folder.
    """
    local, shown = [], []
    for path in sorted(source.glob("*.tf")):
        if path.name.startswith("variables"):
            (target / path.name).write_text(path.read_text())
            continue
        for kind, labels, body in blocks(parse(path)):
            if kind == "locals":
                local += [f"{name} = {_text(one, source)}" for name, one in attributes(body).items()]
            elif kind == "resource":
                address = "__".join(labels)
                local.append(f"{address} = {_resource(module, labels, body, source)}")
                shown.append(f"{address} = local.{address}")
    lines = ["locals {", *local, "}", 'output "all" {', "sensitive = true", "value = {", *shown, "}", "}", ""]
    (target / "main.tf").write_text("\n".join(lines))


def values(instance: Instance) -> dict[str, Any]:
    """The arguments of an instance, and what AWS decides about it."""
    computed = {name: instance.attribute(name) for name in COMPUTED}
    return instance.arguments() | {name: value for name, value in computed.items() if value is not None}


def _resource(module: Module, labels: list[str], body: Any, source: Path) -> str:
    made = module.made(labels[0], labels[1])
    given = attributes(body)
    inner = _object(body, source)
    if isinstance(made, list):
        computed = [_computed(one) for one in made]
        inner = inner.replace("count . index", "index")
        over = f"range({_text(given['count'], source)})"
        return f"[for index in {over} : merge({inner}, {_json(computed)}[index])]"
    if isinstance(made, dict):
        computed_by_key = {key: _computed(one) for key, one in made.items()}
        inner = re.sub(r"\beach \. (key|value)\b", "each_key", inner)
        over = _text(given["for_each"], source)
        return f"{{for each_key in {over} : each_key => merge({inner}, {_json(computed_by_key)}[each_key])}}"
    return f"merge({inner}, {_json(_computed(made))})"


def _computed(instance: Instance) -> dict[str, Any]:
    return {name: value for name in COMPUTED if (value := instance.attribute(name)) is not None}


def _json(value: Any) -> str:
    return f"jsondecode({json.dumps(json.dumps(value))})"


def _object(body: Any, source: Path) -> str:
    """A block's body as an object."""
    lines = [f"{name} = {_text(one, source)}" for name, one in attributes(body).items() if name not in META]
    lists: dict[str, list[str]] = {}
    for kind, labels, inner in blocks(body):
        if kind == "dynamic":
            ((_, _, content),) = blocks(inner)
            over = _text(attributes(inner)["for_each"], source)
            lists.setdefault(labels[0], []).append(f"[for dynamic in {over} : {_object(content, source)}]")
        elif kind != "lifecycle":
            lists.setdefault(kind, []).append(f"[{_object(inner, source)}]")
    lines += [f"{name} = concat({', '.join(several)})" for name, several in lists.items()]
    return "{\n" + "\n".join(lines) + "\n}"


def _text(node: Any, source: Path) -> str:
    text = _plain(node)
    text = re.sub(r"\bdata \. (\w+) \. \w+ \. (\w+)", lambda m: json.dumps(DATA[m[1]][m[2]]), text)
    text = re.sub(r"\bfilebase64sha256 \( (.*?) \)", r'"digest of ${\1}"', text)
    text = text.replace("path . module", json.dumps(str(source)))
    return re.sub(r"\b(aws_\w+) \. (\w+)", r"local . \1__\2", text)


def _plain(node: Any) -> str:
    """The text of an expression."""
    if isinstance(node, Token):
        return str(node)
    if node.data == "new_line_or_comment":
        return "\n"
    if node.data == "interpolation":
        return "${" + _plain(parts(node)[0]) + "}"
    inside = node.data in {"string", "string_part", "identifier"}
    return ("" if inside else " ").join(_plain(one) for one in node.children)
