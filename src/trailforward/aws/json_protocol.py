"""AWS's JSON protocols: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html."""

from __future__ import annotations

import json
from binascii import b2a_base64
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.aws.direct import Service
    from trailforward.transport.connections import Response

#: Operations whose successful response is empty.
_EMPTY_RESPONSE = frozenset({"CreateLogStream"})


def request(service: Service, name: str, parameters: Mapping[str, Any]) -> tuple[str, dict[str, str], bytes]:
    """Path, required headers without the signature, and body of a request."""
    required = {
        "Content-Type": f"application/x-amz-json-{service.version}",
        "X-Amz-Target": f"{service.target}.{name}",
    }
    if service.target == "AmazonSQS":
        # Requests the error codes that SQS had before it supported JSON.
        required["X-Amzn-Query-Mode"] = "true"
    return service.path, required, encode(parameters)


def encode(parameters: Mapping[str, Any]) -> bytes:
    """Parameters as JSON. Bytes become base64."""
    try:
        return orjson.dumps(parameters, default=_base64)
    except orjson.JSONEncodeError:  # a lone surrogate, which needs an escape sequence
        return json.dumps(parameters, default=_base64).encode()


def decode(name: str, response: Response) -> dict[str, Any] | None:
    """The result in the body of a successful response; None if the body is unparseable."""
    return {} if not response.body and name in _EMPTY_RESPONSE else parsed_object(response.body)


def error(response: Response) -> tuple[str, str]:
    """Code and message of an error response."""
    fields = parsed_object(response.body) or {}
    code = str(fields.get("__type") or response.headers.get("x-amzn-errortype") or response.status)
    # ``AWS.SimpleQueueService.NonExistentQueue;Sender``
    query_code = response.headers.get("x-amzn-query-error", "").partition(";")[0]
    return query_code or code.partition(":")[0], str(fields.get("message") or fields.get("Message") or "")


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


def parsed_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body; None if it is anything else."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
