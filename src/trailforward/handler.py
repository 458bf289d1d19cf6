"""The Lambda handler: ``Handler: trailforward.handler.lambda_handler``, the layer, and ``TRAILFORWARD_TO``.

The configuration is read once, when Lambda loads this module: a wrong one fails there, with every fault.
"""

from __future__ import annotations

from typing import Any

from trailforward.forwarder import Forwarder

forwarder = Forwarder.from_env()


def lambda_handler(event: Any, context: Any) -> Any:
    """Forwards what the function received and answers as the event source expects.

    Args:
        event: an EventBridge event, or a batch of an SQS event source mapping.
        context: Lambda's context; its remaining time bounds every retry.

    Returns:
        ``{"batchItemFailures": […]}`` for SQS, None for EventBridge.

    Raises:
        PayloadError: a directly invoked event was not delivered and must be tried again.
    """
    return forwarder.handle(event, context)
