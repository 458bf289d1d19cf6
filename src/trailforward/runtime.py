"""Integration with the Lambda runtime: fast payload parsing, and SnapStart hooks."""

from __future__ import annotations

import random
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.sources.eventbridge import ListPayload, Payload

if TYPE_CHECKING:
    from collections.abc import Callable

#: The module of Lambda's Python runtime client. It is loaded only in a Lambda function.
_CLIENT = "awslambdaric.lambda_runtime_client"
#: How batches, EventBridge events, and lists begin. The runtime client parses all other payloads.
_BATCH, _EVENTS, _LIST = (
    b'{"Records"',
    (b'{"version"', b'{"Data"', b'{"Metadata"', b'{"SystemMetadata"'),
    b"[",
)


def read_payloads() -> None:
    """Makes the runtime client parse payloads with orjson, in a fifth of the time, and keep an event's bytes.

    It replaces the client's class attribute ``marshaller``, which functions may override
    (https://github.com/aws/aws-lambda-python-runtime-interface-client, ``lambda_runtime_client.py``).
    In the parsed payload, integers beyond 64 bits become floats, as in
    :func:`trailforward.jsontext.parse_fast`; the bytes stay unchanged. trailforward's handler calls this
    function; your own function may call it too.
    """
    client = getattr(sys.modules.get(_CLIENT), "BaseLambdaRuntimeClient", None)
    marshaller = getattr(client, "marshaller", None)
    if hasattr(marshaller, "unmarshal_request") and not isinstance(marshaller, Marshaller):
        client.marshaller = Marshaller(marshaller)  # type: ignore[union-attr]  # None has no marshaller


class Marshaller:
    """Parses batches, events, and lists, and leaves everything else to the runtime client's marshaller.

    Args:
        original: the runtime client's marshaller.
    """

    def __init__(self, original: Any) -> None:
        self._original = original

    def unmarshal_request(self, request: Any, content_type: str = "application/json") -> Any:
        """The parsed payload; an event becomes a :class:`Payload`, a list a :class:`ListPayload`."""
        if content_type == "application/json" and isinstance(request, bytes):
            with suppress(orjson.JSONDecodeError):
                if request.startswith(_BATCH):
                    return orjson.loads(request)
                if request.startswith(_EVENTS):
                    event = Payload(orjson.loads(request))
                    event.raw = request
                    return event
                if request.startswith(_LIST):
                    events = ListPayload(orjson.loads(request))
                    events.raw = request
                    return events
        return self._original.unmarshal_request(request, content_type)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def around_snapshots(prepare: Callable[[], None]) -> None:
    """Registers SnapStart hooks: prepare before the snapshot, and reseed random numbers after each restore.

    Without SnapStart the hooks never run. Source:
    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html

    Args:
        prepare: creates everything that the first event would otherwise have to wait for.
    """
    try:
        from snapshot_restore_py import register_after_restore, register_before_snapshot
    except ImportError:  # Python 3.11 has no SnapStart
        return
    register_before_snapshot(prepare)
    # Otherwise every copy of a snapshot would use the same "random" backoff delays.
    register_after_restore(random.seed)
