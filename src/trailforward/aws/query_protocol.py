"""AWS's query protocol: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trailforward.aws.direct import Service
    from trailforward.transport.connections import Response

#: Parameters that are maps. The protocol encodes maps and structures differently.
_MAPS = frozenset({"MessageAttributes"})


def request(service: Service, name: str, parameters: Mapping[str, Any]) -> tuple[str, dict[str, str], bytes]:
    """Path, required headers without the signature, and body of a request.

    The body is a form. Lone surrogates become question marks, because a form cannot contain them.
    """
    form = [("Action", name), ("Version", service.version), *_fields("", parameters)]
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    return service.path, headers, urlencode(form, errors="replace").encode()


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


def decode(name: str, response: Response) -> dict[str, Any] | None:
    """The result in the body of a successful response; None if the body is unparseable."""
    result = _element(response.body, f"{name}Result")
    return result if isinstance(result, dict) else None


def error(response: Response) -> tuple[str, str]:
    """Code and message of an error response."""
    fields = _element(response.body, "Error")
    if not isinstance(fields, dict):
        return str(response.status), ""
    return str(fields.get("Code") or ""), str(fields.get("Message") or "")


def _element(body: bytes, name: str) -> Any:
    """The value of an element below the root; None if it is absent or the body is not XML."""
    try:
        root = ET.fromstring(body)  # noqa: S314  # size is limited, and expat limits entities
        found = root.find(f"{{*}}{name}")
        return None if found is None else _value(found)
    except (ET.ParseError, LookupError, RecursionError, ValueError):
        return None


def _value(node: ET.Element) -> Any:
    """A string, a list (of ``member`` elements), or a structure."""
    if node.tag.endswith("SenderFault"):
        return node.text == "true"
    children = [(child.tag.rpartition("}")[2], child) for child in node]
    if not children:
        return node.text or ""
    if all(tag == "member" for tag, _ in children):
        return [_value(child) for _, child in children]
    return {tag: _value(child) for tag, child in children}
