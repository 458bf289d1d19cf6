"""Events, Lambda payloads, sinks, and assertions for testing code that handles CloudTrail events.

The names load on first use. pytest is not needed.

::

    from trailforward.testing import as_sqs, assert_matches, cloudtrail_event, root

    event = cloudtrail_event("StopLogging", region="sa-east-1", user=root())
    assert_matches({"detail": {"eventName": ["StopLogging"]}}, event)
    handler(as_sqs(event), None)

- Events: ``cloudtrail_event``, ``console_sign_in``, ``service_event`` …; ``samples``: exact bytes.
- Identities: ``iam_user``, ``assumed_role``, ``root`` …
- Lambda payloads: ``as_sqs``, ``as_sns``, ``as_kinesis`` …
- CloudTrail log files in S3: ``log_file``, ``log_file_key``, ``as_s3_notification`` …
- Sinks: ``MemorySink`` and ``FlakySink``; ``SinkContract`` tests a sink that you wrote.
- Assertions: ``assert_matches``, ``assert_no_match``, ``assert_forwarded``.
- ``strategies`` are Hypothesis strategies; ``route_tests`` runs the tests in a configuration's routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward._lazy import lazy_names

if TYPE_CHECKING:
    from trailforward.testing import route_tests, samples, strategies
    from trailforward.testing.api_calls import cloudtrail_event
    from trailforward.testing.assertions import assert_forwarded, assert_matches, assert_no_match
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
    from trailforward.testing.log_files import (
        as_cloudtrail_notification,
        as_s3_notification,
        as_s3_object_created,
        log_file,
        log_file_key,
        s3_test_event,
    )
    from trailforward.testing.other_events import (
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
        as_list,
        as_sns,
        as_sns_in_sqs,
        as_sqs,
        log_batch,
        lookup_events,
    )
    from trailforward.testing.sinks import FlakySink, MemorySink, lost_response, refuse

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Event": "event",
        "FlakySink": "sinks",
        "MemorySink": "sinks",
        "SinkContract": "contract",
        "aggregated_event": "other_events",
        "as_cloudtrail_notification": "log_files",
        "as_cloudwatch_logs": "payloads",
        "as_eventbridge": "payloads",
        "as_fifo_sqs": "payloads",
        "as_firehose": "payloads",
        "as_list": "payloads",
        "as_kinesis": "payloads",
        "as_s3_notification": "log_files",
        "as_s3_object_created": "log_files",
        "as_sns": "payloads",
        "as_sns_in_sqs": "payloads",
        "as_sqs": "payloads",
        "assert_forwarded": "assertions",
        "assert_matches": "assertions",
        "assert_no_match": "assertions",
        "assumed_role": "identities",
        "aws_account": "identities",
        "aws_service": "identities",
        "cloudtrail_event": "api_calls",
        "console_action": "other_events",
        "console_sign_in": "other_events",
        "federated_user": "identities",
        "iam_user": "identities",
        "identity_center_user": "identities",
        "insight_event": "other_events",
        "log_batch": "payloads",
        "lookup_events": "payloads",
        "log_file": "log_files",
        "log_file_key": "log_files",
        "lost_response": "sinks",
        "network_activity_event": "other_events",
        "refuse": "sinks",
        "root": "identities",
        "s3_test_event": "log_files",
        "service_event": "other_events",
        "web_identity_user": "identities",
    },
    modules=("route_tests", "samples", "strategies"),
)

__all__ = [
    "Event",
    "FlakySink",
    "MemorySink",
    "SinkContract",
    "aggregated_event",
    "as_cloudtrail_notification",
    "as_cloudwatch_logs",
    "as_eventbridge",
    "as_fifo_sqs",
    "as_firehose",
    "as_kinesis",
    "as_list",
    "as_s3_notification",
    "as_s3_object_created",
    "as_sns",
    "as_sns_in_sqs",
    "as_sqs",
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
    "log_file",
    "log_file_key",
    "lookup_events",
    "lost_response",
    "network_activity_event",
    "refuse",
    "root",
    "route_tests",
    "s3_test_event",
    "samples",
    "service_event",
    "strategies",
    "web_identity_user",
]
