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

#: Operations whose success is an empty answer.
_WITHOUT_ANSWER = frozenset({"CreateLogStream"})


def headers(service: Service, name: str) -> dict[str, str]:
    """What the service asks for, beside the signature."""
    made = {
        "Content-Type": f"application/x-amz-json-{service.version}",
        "X-Amz-Target": f"{service.target}.{name}",
    }
    if service.target == "AmazonSQS":
        # Asks for the error codes that SQS had before it spoke JSON.
        made["X-Amzn-Query-Mode"] = "true"
    return made


def encode(_service: Service, _name: str, parameters: Mapping[str, Any]) -> bytes:
    """The body. Bytes travel as base64."""
    try:
        return orjson.dumps(parameters, default=_base64)
    except orjson.JSONEncodeError:  # lone surrogates, which only an escape can spell
        return json.dumps(parameters, default=_base64).encode()


def read(name: str, body: bytes) -> dict[str, Any] | None:
    """What a successful answer tells; None if it is none."""
    return {} if not body and name in _WITHOUT_ANSWER else _object(body)


def error(answer: Response) -> tuple[str, str]:
    """Code and message of an error."""
    told = _object(answer.body) or {}
    code = str(told.get("__type") or answer.headers.get("x-amzn-errortype") or answer.status)
    # ``AWS.SimpleQueueService.NonExistentQueue;Sender``
    older = answer.headers.get("x-amzn-query-error", "").partition(";")[0]
    return older or code.partition(":")[0], str(told.get("message") or told.get("Message") or "")


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None
