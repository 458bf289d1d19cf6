"""AWS's REST protocol with JSON bodies: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html.

Only for operations whose parameters are all in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.aws.json_protocol import decode, encode, parsed_object

if TYPE_CHECKING:
    from trailforward.aws.direct import Service
    from trailforward.transport.connections import Response

__all__ = ("decode", "encode", "error", "headers")


def headers(_service: Service, _name: str) -> dict[str, str]:
    """The headers that the protocol requires, without the signature."""
    return {"Content-Type": "application/json"}


def error(response: Response) -> tuple[str, str]:
    """Code and message of an error response. The code is in a header or the body."""
    fields = parsed_object(response.body) or {}
    named = (fields.get(name) for name in ("__type", "code", "Code"))
    code = response.headers.get("x-amzn-errortype") or next(filter(None, named), response.status)
    return str(code).partition(":")[0], str(fields.get("message") or fields.get("Message") or "")
