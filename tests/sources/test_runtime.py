"""Sources with AWS's Lambda runtime client: payloads and responses in the form that Lambda uses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.sources.test_s3 import put
from tests.support.events import envelope, sqs, sqs_record
from tests.support.payloads import (
    STREAM,
    firehose,
    kinesis_record,
    log_file,
    notification,
    record,
    s3_record,
)
from tests.support.receiver import Receiver, Status
from tests.support.runtime_api import Function

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import Reader

pytest.importorskip("awslambdaric", reason="AWS's runtime client runs on Linux only")


def test_a_log_file_named_through_a_topic_and_a_queue(
    tmp_path: Path, moto: tuple[str, Reader], local_aws: Reader
) -> None:
    """An S3 notification in an SNS notification in a queue message brings the file's records unchanged."""
    bucket = put(local_aws, log_file(record(1), record(2)))
    body = json.dumps(notification(json.dumps({"Records": [s3_record(bucket)]})))
    payload = sqs(sqs_record(body, "m-1"), sqs_record(envelope(3), "m-2"))
    environ = {"AWS_ENDPOINT_URL": moto[0]}
    with (
        Receiver() as receiver,
        Function({"TRAILFORWARD_TO": receiver.url, **environ}, tmp_path) as function,
    ):
        assert function.invoke(payload) == ("response", {"batchItemFailures": []})
        arrived = receiver.requests[0].body
    assert [event["detail"] for event in json.loads(arrived)[:2]] == [json.loads(record(n)) for n in (1, 2)]
    assert record(1) in arrived
    assert record(2) in arrived
    assert arrived.endswith(envelope(3) + b"]")


def test_a_firehose_transformation(tmp_path: Path) -> None:
    """Firehose gets its records back unchanged."""
    payload = firehose(envelope(1), envelope(2))
    with Receiver() as receiver, Function({"TRAILFORWARD_TO": receiver.url}, tmp_path) as function:
        kind, response = function.invoke(payload)
        assert receiver.requests[0].body == b"[" + envelope(1) + b"," + envelope(2) + b"]"
    assert kind == "response"
    expected = [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]} for r in payload["records"]]
    assert response == {"records": expected}


def test_a_tumbling_window_keeps_its_state(tmp_path: Path) -> None:
    """Lambda gets the window's state back, with what failed, and also at the end of the window."""
    window = {
        "window": {"start": "2026-05-04T09:14:00Z", "end": "2026-05-04T09:16:00Z"},
        "state": {"1": 282},
        "shardId": "shardId-000000000000",
        "eventSourceARN": STREAM,
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }
    first = {"Records": [kinesis_record(envelope(n), str(n)) for n in (1, 2)], **window}
    last = {"Records": [], **window, "isFinalInvokeForWindow": True}
    with Receiver([Status(200), Status(503)]) as receiver:
        toml = f'retry = {{ max_attempts = 1 }}\n[sinks.siem]\nto = "{receiver.url}"\n'
        with Function({"TRAILFORWARD_CONFIG": toml}, tmp_path) as function:
            assert function.invoke(first) == ("response", {"state": {"1": 282}, "batchItemFailures": []})
            failed = {"state": {"1": 282}, "batchItemFailures": [{"itemIdentifier": "1"}]}
            assert function.invoke(first) == ("response", failed)
            assert function.invoke(last) == ("response", {"state": {"1": 282}, "batchItemFailures": []})
