"""What the Lambda handler asks of the runtime that runs it, where that can give it."""

from __future__ import annotations

import random
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.sources.eventbridge import Payload

if TYPE_CHECKING:
    from collections.abc import Callable

#: Lambda's Python runtime client, which has loaded this function; absent anywhere else.
_CLIENT = "awslambdaric.lambda_runtime_client"
#: How batches begin, and events of EventBridge. Whatever begins otherwise is left to the runtime client.
_BATCH, _EVENT = b'{"Records"', b'{"version"'


def read_payloads() -> None:
    """Lets the runtime client read payloads with orjson, in a fifth of the time, and keep an event's bytes.

    The client's class attribute ``marshaller`` is there for functions to override
    (https://github.com/aws/aws-lambda-python-runtime-interface-client, ``lambda_runtime_client.py``).
    Integers beyond 64 bits become floats in what the function gets, as in
    :func:`trailforward.jsontext.parse_fast`; the bytes have them as they came. trailforward's handler calls
    this; a function of one's own may.
    """
    client = getattr(sys.modules.get(_CLIENT), "BaseLambdaRuntimeClient", None)
    marshaller = getattr(client, "marshaller", None)
    if hasattr(marshaller, "unmarshal_request") and not isinstance(marshaller, Marshaller):
        client.marshaller = Marshaller(marshaller)  # type: ignore[union-attr]  # None has no marshaller


class Marshaller:
    """Reads batches and events itself, and leaves everything else to the runtime client's own.

    Args:
        own: the runtime client's marshaller.
    """

    def __init__(self, own: Any) -> None:
        self._own = own

    def unmarshal_request(self, request: Any, content_type: str = "application/json") -> Any:
        """The payload; an event as :class:`Payload`; what is neither, or not plain JSON, as ever."""
        if content_type == "application/json" and isinstance(request, bytes):
            with suppress(orjson.JSONDecodeError):
                if request.startswith(_BATCH):
                    return orjson.loads(request)
                if request.startswith(_EVENT):
                    event = Payload(orjson.loads(request))
                    event.raw = request
                    return event
        return self._own.unmarshal_request(request, content_type)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def around_snapshots(prepare: Callable[[], None]) -> None:
    """With SnapStart: prepares before the snapshot is taken, and makes restored copies differ.

    Without SnapStart nothing happens: hooks never run. Source:
    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html

    Args:
        prepare: makes whatever the first event would have to wait for.
    """
    try:
        from snapshot_restore_py import register_after_restore, register_before_snapshot
    except ImportError:  # Python 3.11 has no SnapStart
        return
    register_before_snapshot(prepare)
    # Every copy of a snapshot would wait the same "random" times before it tries again.
    register_after_restore(random.seed)
