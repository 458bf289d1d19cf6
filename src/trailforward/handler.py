"""The Lambda handler: ``Handler: trailforward.handler.lambda_handler``, the layer, and ``TRAILFORWARD_TO``.

The configuration is read once, when Lambda loads this module: a wrong one fails there, with every fault.
"""

from __future__ import annotations

import gc
from typing import Any

# What is loaded now stays: to look for garbage in it is a fifth of a cold start, and of no use later.
gc.disable()
try:
    from trailforward.pipeline.forwarder import Forwarder
    from trailforward.runtime import around_snapshots, read_payloads

    forwarder = Forwarder.from_env()
    read_payloads()
    around_snapshots(forwarder.prepare)
except ImportError as error:
    package = (error.name or "").partition(".")[0]
    if package not in {"orjson", "pydantic_core"} or error.name == package:
        raise
    # Python's own words name neither what was built nor what runs.
    import platform
    import sys
    from pathlib import Path

    built = [path.name.split(".")[1] for entry in sys.path for path in Path(entry, package).glob("*.so")]
    raise ImportError(
        f"{package} is built for {' and '.join(built) or 'another system'}; this function runs "
        f"{sys.implementation.cache_tag}-{platform.machine()} ({error}). "
        "Fix: attach the layer for the function's Python version and architecture.",
        name=error.name,
    ) from error
finally:
    gc.enable()
gc.freeze()


def lambda_handler(event: Any, context: Any) -> Any:
    """Forwards what the function received and answers as the event source expects.

    Args:
        event: what any of the sources hands over: a batch of SQS, SNS or Kinesis, an EventBridge event …
        context: Lambda's context; its remaining time bounds every retry.

    Returns:
        ``{"batchItemFailures": […]}`` for SQS and Kinesis, ``{"records": […]}`` for Firehose, else None.

    Raises:
        PayloadError: something of a direct invocation was not delivered and must be tried again.
    """
    return forwarder.handle(event, context)
