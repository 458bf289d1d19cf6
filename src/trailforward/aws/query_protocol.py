"""AWS's query protocol: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trailforward.aws.direct import Service
    from trailforward.transport.connections import Response

#: Parameters that are maps, which are spelt otherwise than structures.
_MAPS = frozenset({"MessageAttributes"})


def headers(_service: Service, _name: str) -> dict[str, str]:
    """What the service asks for, beside the signature."""
    return {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def encode(service: Service, name: str, parameters: Mapping[str, Any]) -> bytes:
    """The body: a form. Lone surrogates, which no form can hold, become question marks."""
    form = [("Action", name), ("Version", service.version), *_fields("", parameters)]
    return urlencode(form, errors="replace").encode()


def _fields(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _fields(f"{path}.member.{number}", item)
    elif path.rpartition(".")[2] in _MAPS:
        for number, (key, item) in enumerate(value.items(), 1):
            yield f"{path}.entry.{number}.Name", key
            yield from _fields(f"{path}.entry.{number}.Value", item)
    else:
        for key, item in value.items():
            yield from _fields(f"{path}.{key}" if path else key, item)


def read(name: str, body: bytes) -> dict[str, Any] | None:
    """What a successful answer tells; None if it is none."""
    result = _part(body, f"{name}Result")
    return result if isinstance(result, dict) else None


def error(answer: Response) -> tuple[str, str]:
    """Code and message of an error."""
    told = _part(answer.body, "Error")
    if not isinstance(told, dict):
        return str(answer.status), ""
    return str(told.get("Code") or ""), str(told.get("Message") or "")


def _part(body: bytes, name: str) -> Any:
    """An element below the root, as a structure; None if it is not there."""
    try:
        root = ET.fromstring(body)  # noqa: S314  # AWS's answer, of limited size; expat limits entities
        found = root.find(f"{{*}}{name}")
        return None if found is None else _value(found)
    except (ET.ParseError, LookupError, RecursionError, ValueError):
        return None


def _value(node: ET.Element) -> Any:
    """Text, a list of what is called ``member``, or a structure."""
    if node.tag.endswith("SenderFault"):
        return node.text == "true"
    children = [(child.tag.rpartition("}")[2], child) for child in node]
    if not children:
        return node.text or ""
    if all(tag == "member" for tag, _ in children):
        return [_value(child) for _, child in children]
    return {tag: _value(child) for tag, child in children}
