"""What people need to test code that handles CloudTrail events. Loaded on first use; pytest is not needed.

::

    from trailforward.testing import as_sqs, assert_matches, cloudtrail_event, root

    event = cloudtrail_event("StopLogging", region="sa-east-1", user=root())
    assert_matches({"detail": {"eventName": ["StopLogging"]}}, event)
    handler(as_sqs(event), None)

- Events: ``cloudtrail_event``, ``console_sign_in``, ``service_event`` …; ``samples`` holds exact bytes.
- Identities: ``iam_user``, ``assumed_role``, ``root`` …
- Lambda payloads: ``as_sqs``, ``as_sns``, ``as_kinesis`` …, ``trail_file``.
- Sinks: ``MemorySink``, ``FlakySink``; ``SinkContract`` checks one of your own.
- Assertions: ``assert_matches``, ``assert_no_match``, ``assert_forwarded``.
- ``strategies`` are Hypothesis's; ``routes`` runs the tests that routes carry.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trailforward.testing import routes, samples, strategies
    from trailforward.testing.assertions import assert_forwarded, assert_matches, assert_no_match
    from trailforward.testing.calls import cloudtrail_event
    from trailforward.testing.contract import SinkContract
    from trailforward.testing.event import Event
    from trailforward.testing.identities import (
        assumed_role,
        aws_account,
        aws_service,
        federated_user,
        iam_user,
        identity_center_user,
        root,
        web_identity_user,
    )
    from trailforward.testing.kinds import (
        aggregated_event,
        console_action,
        console_sign_in,
        insight_event,
        network_activity_event,
        service_event,
    )
    from trailforward.testing.payloads import (
        as_cloudwatch_logs,
        as_eventbridge,
        as_fifo_sqs,
        as_firehose,
        as_kinesis,
        as_sns,
        as_sns_in_sqs,
        as_sqs,
        log_batch,
    )
    from trailforward.testing.sinks import FlakySink, MemorySink, lost_answer, refuse
    from trailforward.testing.trail_files import (
        as_s3_notification,
        as_s3_object_created,
        as_trail_notification,
        s3_test_message,
        trail_file,
        trail_key,
    )

#: Module → its public names.
_HOMES = {
    "assertions": ("assert_forwarded", "assert_matches", "assert_no_match"),
    "calls": ("cloudtrail_event",),
    "contract": ("SinkContract",),
    "event": ("Event",),
    "identities": (
        *("assumed_role", "aws_account", "aws_service", "federated_user", "iam_user"),
        *("identity_center_user", "root", "web_identity_user"),
    ),
    "kinds": (
        *("aggregated_event", "console_action", "console_sign_in", "insight_event"),
        *("network_activity_event", "service_event"),
    ),
    "payloads": (
        *("as_cloudwatch_logs", "as_eventbridge", "as_fifo_sqs", "as_firehose", "as_kinesis", "as_sns"),
        *("as_sns_in_sqs", "as_sqs", "log_batch"),
    ),
    "sinks": ("FlakySink", "MemorySink", "lost_answer", "refuse"),
    "trail_files": (
        *("as_s3_notification", "as_s3_object_created", "as_trail_notification", "s3_test_message"),
        *("trail_file", "trail_key"),
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = ("routes", "samples", "strategies")

__all__ = [
    "Event",
    "FlakySink",
    "MemorySink",
    "SinkContract",
    "aggregated_event",
    "as_cloudwatch_logs",
    "as_eventbridge",
    "as_fifo_sqs",
    "as_firehose",
    "as_kinesis",
    "as_s3_notification",
    "as_s3_object_created",
    "as_sns",
    "as_sns_in_sqs",
    "as_sqs",
    "as_trail_notification",
    "assert_forwarded",
    "assert_matches",
    "assert_no_match",
    "assumed_role",
    "aws_account",
    "aws_service",
    "cloudtrail_event",
    "console_action",
    "console_sign_in",
    "federated_user",
    "iam_user",
    "identity_center_user",
    "insight_event",
    "log_batch",
    "lost_answer",
    "network_activity_event",
    "refuse",
    "root",
    "routes",
    "s3_test_message",
    "samples",
    "service_event",
    "strategies",
    "trail_file",
    "trail_key",
    "web_identity_user",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"trailforward.testing.{name}")
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module 'trailforward.testing' has no attribute {name!r}") from None
    value = getattr(import_module(f"trailforward.testing.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
