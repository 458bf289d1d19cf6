"""The Lambda handler. A function needs ``Handler: trailforward.handler.lambda_handler`` and a configuration.

The configuration is read once, when Lambda loads this module. If it is wrong, loading fails, and the error
lists every problem.
"""

from __future__ import annotations

import gc
from typing import Any

# Everything that is loaded now stays loaded. Garbage collection here would take a fifth of a cold start.
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
    # Python's error names neither the platform of the package nor that of the function.
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
    """Forwards the events of a payload, and returns the response that the event source expects.

    Args:
        event: the payload of any source: an SQS, SNS, or Kinesis batch, an EventBridge event …
        context: Lambda's context; its remaining time limits all retries.

    Returns:
        ``{"batchItemFailures": […]}`` for SQS and Kinesis, ``{"records": […]}`` for Firehose, else None.

    Raises:
        PayloadError: messages of an asynchronous or direct invocation were not delivered; retry the payload.
    """
    return forwarder.handle(event, context)
