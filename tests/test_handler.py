"""The handler with AWS's Lambda runtime client, in a separate process."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.events import envelope, sqs, sqs_record
from tests.support.receiver import Receiver, Status
from tests.support.runtime_api import FUNCTION_ARN, Function
from tests.support.stub_aws import StubAws

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("awslambdaric", reason="AWS's runtime client runs on Linux only")

SECRET = "do-not-log-this-value"


def test_a_queue_batch_with_the_real_runtime_client(tmp_path: Path) -> None:
    """With only the handler and TRAILFORWARD_TO, a batch arrives byte for byte."""
    bodies = [envelope(number, userAgent=SECRET) for number in range(3)]
    with Receiver() as receiver, Function({"TRAILFORWARD_TO": receiver.url}, tmp_path) as function:
        response = function.invoke(sqs(*(sqs_record(body, f"m-{i}") for i, body in enumerate(bodies))))
        assert response == ("response", {"batchItemFailures": []})
        assert receiver.requests[0].body == b"[" + b",".join(bodies) + b"]"


def test_metrics_and_logs_have_counts_and_never_payloads(tmp_path: Path) -> None:
    """The EMF metrics have the ledger per sink and the latency per Region; no log line has event data."""
    body = envelope(0, userAgent=SECRET)
    with (
        Receiver([Status(400)]) as receiver,
        Function({"TRAILFORWARD_TO": receiver.url}, tmp_path) as function,
    ):
        function.invoke(sqs(sqs_record(body, "m-0")))
        function.invoke(sqs(sqs_record(body, "m-0")))
    lines = [json.loads(line) for line in function.log.splitlines() if line.startswith("{")]
    metrics = [line for line in lines if "_aws" in line]
    by_sink = [line for line in metrics if "sink" in line]
    assert [(line["received"], line["delivered"], line["returned"]) for line in by_sink] == [
        ([1.0], [0.0], [1.0]),
        ([1.0], [1.0], [0.0]),
    ]
    assert all(line["ledger_breaks"] == [0.0] for line in by_sink)
    assert {"filtered", "dead_lettered", "retries", "bytes"} <= by_sink[0].keys()
    (latency,) = [line for line in metrics if "region" in line]
    assert latency["region"] == "eu-west-1"
    assert latency["latency"][0] > 0
    warning = next(line for line in lines if line.get("level") == "WARNING")
    assert (warning["fate"], warning["code"], warning["count"]) == ("returned", "http_400", 1)
    assert SECRET not in function.log
    assert "StopInstances" not in function.log


def test_a_refused_message_is_returned_by_its_id(tmp_path: Path) -> None:
    """The response names the message that the destination refused, and no other."""
    faults = [Status(400), Status(200), Status(400)]  # whole, then first half, then second half
    with Receiver(faults) as receiver, Function({"TRAILFORWARD_TO": receiver.url}, tmp_path) as function:
        response = function.invoke(sqs(sqs_record(envelope(0), "m-0"), sqs_record(envelope(1), "m-1")))
    assert response == ("response", {"batchItemFailures": [{"itemIdentifier": "m-1"}]})


def test_the_deadline_is_respected_when_a_destination_hangs(tmp_path: Path) -> None:
    """The function responds before the timeout, and returns the events."""
    from tests.support.receiver import Slow

    with Receiver([Slow(3)]) as receiver, Function({"TRAILFORWARD_TO": receiver.url}, tmp_path) as function:
        function.invoke(sqs())
        response = function.invoke(sqs(sqs_record(envelope(0), "m-0")), seconds=1.0)
    assert response == ("response", {"batchItemFailures": [{"itemIdentifier": "m-0"}]})


def test_a_direct_event_is_forwarded_or_raises(tmp_path: Path) -> None:
    """An event of a direct invocation keeps its bytes, and a failure raises, so that Lambda retries."""
    with (
        Receiver([Status(200), Status(404)]) as receiver,
        Function({"TRAILFORWARD_TO": receiver.url}, tmp_path) as function,
    ):
        assert function.invoke(envelope(0)) == ("response", None)
        kind, body = function.invoke(envelope(1))
    assert kind == "error"
    assert body["errorType"] == "PayloadError"
    assert "http_404" in body["errorMessage"]
    assert receiver.requests[0].body == b"[" + envelope(0) + b"]"


def test_the_functions_own_role_session_is_filtered_without_configuration(tmp_path: Path) -> None:
    """Calls of the pipeline by the function's own access key are filtered as self; others are forwarded."""
    issuer = {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/tf-role"}}
    session = "arn:aws:sts::111122223333:assumed-role/tf-role/trailforward"
    own = {
        "type": "AssumedRole",
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "arn": session,
        "sessionContext": issuer,
    }
    queue = {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/trailforward"}
    polling = {
        "eventSource": "sqs.amazonaws.com",
        "eventName": "DeleteMessageBatch",
        "requestParameters": queue,
    }
    foreign = {"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging"}
    bodies = [envelope(0, userIdentity=own, **polling), envelope(1, userIdentity=own, **foreign)]
    records = [sqs_record(body, f"m-{number}") for number, body in enumerate(bodies)]
    with Receiver() as receiver, Function({"TRAILFORWARD_TO": receiver.url}, tmp_path) as function:
        response = function.invoke(sqs(*records))
        assert response == ("response", {"batchItemFailures": []})
        assert [request.body for request in receiver.requests] == [b"[" + bodies[1] + b"]"]
    lines = [json.loads(line) for line in function.log.splitlines() if line.startswith("{")]
    (metric,) = [line for line in lines if "unusual_self" in line]
    assert (metric["guard"], metric["unusual_self"]) == ("self", [1])
    (warning,) = [line for line in lines if line.get("level") == "WARNING"]
    assert (warning["call"], warning["count"]) == ("cloudtrail.amazonaws.com:StopLogging", 1)


def test_a_wrong_configuration_fails_at_init_with_every_problem(tmp_path: Path) -> None:
    """With a wrong configuration, loading fails with an error that lists every problem and its fix."""
    wrong = {"TRAILFORWARD_TO": "arn:aws:dynamodb:eu-west-1:111122223333:table/x http://siem.example.com/in"}
    with Function(wrong, tmp_path) as function:
        kind, body = function.init_error()
    assert kind == "init"
    assert body["errorType"] == "ConfigError"
    assert "no sink supports ARNs of the service 'dynamodb'" in body["errorMessage"]
    assert "plain http" in body["errorMessage"]
    assert body["errorMessage"].count("Fix:") == 2


def test_a_handler_with_only_an_http_sink_never_imports_boto3(tmp_path: Path) -> None:
    """No AWS library is loaded if no AWS service is called, which keeps the cold start short."""
    (tmp_path / "spy.py").write_text(
        "import sys\n"
        "from trailforward.handler import lambda_handler as inner\n"
        # Powertools imports only botocore's __init__, to register its name.
        "UNWANTED = {'boto3', 'botocore.session', 'botocore.client', 'urllib3', 'rich', 'typer'}\n"
        "def handler(event, context):\n"
        "    response = inner(event, context)\n"
        "    return [response, sorted(UNWANTED & set(sys.modules))]\n"
    )
    with Receiver() as receiver:
        with Function({"TRAILFORWARD_TO": receiver.url}, tmp_path, "spy.handler") as function:
            response = function.invoke(sqs(sqs_record(envelope(0), "m-0")))
        assert len(receiver.requests) == 1
    assert response == ("response", [{"batchItemFailures": []}, []])


_SPY = """
import sys
from trailforward.handler import lambda_handler as inner

def handler(event, context):
    return [inner(event, context), sorted({"botocore.session"} & set(sys.modules))]
"""


@pytest.mark.parametrize(
    ("environ", "loaded"),
    [({}, []), ({"TRAILFORWARD_AWS_CLIENT": "botocore"}, ["botocore.session"])],
)
def test_one_setting_sends_everything_through_botocore(
    tmp_path: Path, environ: dict[str, str], loaded: list[str]
) -> None:
    """By default neither sinks nor failure queues need botocore; with one setting both use it."""
    (tmp_path / "spy.py").write_text(_SPY)
    stream = "arn:aws:kinesis:eu-west-1:111122223333:stream/events"
    dead = "arn:aws:sqs:eu-west-1:111122223333:dead"
    with StubAws() as stub:
        environ = {"TRAILFORWARD_TO": stream, "TRAILFORWARD_DEAD_LETTER": dead, **environ}
        with Function({**environ, "AWS_ENDPOINT_URL": stub.url}, tmp_path, "spy.handler") as function:
            response = function.invoke(sqs(sqs_record(envelope(0), "m-0"), sqs_record("no event", "m-1")))
        assert stub.taken("kinesis:eu-west-1") == [envelope(0)]
        assert stub.taken("sqs:eu-west-1") == [b"no event"]
    assert response == ("response", [{"batchItemFailures": []}, loaded])


@pytest.mark.parametrize(("client", "loaded"), [("direct", []), ("botocore", ["botocore.session"])])
def test_the_failure_queues_use_that_setting_too(tmp_path: Path, client: str, loaded: list[str]) -> None:
    """The failure queues use the configured client even if no sink calls AWS."""
    (tmp_path / "spy.py").write_text(_SPY)
    with StubAws() as stub:
        environ = {
            "TRAILFORWARD_TO": "file:copy",
            "TRAILFORWARD_DEAD_LETTER": "arn:aws:sqs:eu-west-1:111122223333:dead",
            "TRAILFORWARD_AWS_CLIENT": client,
            "AWS_ENDPOINT_URL": stub.url,
        }
        with Function(environ, tmp_path, "spy.handler") as function:
            response = function.invoke(sqs(sqs_record("no event", "m-0")))
        assert stub.taken("sqs:eu-west-1") == [b"no event"]
    assert response == ("response", [{"batchItemFailures": []}, loaded])


@pytest.mark.parametrize(
    ("environ", "made"),
    [
        ({}, ["trailforward.aws.api"]),
        (
            {"AWS_ACCESS_KEY_ID": ""},
            ["botocore.session"],
        ),  # SnapStart provides credentials, but not as variables
    ],
)
def test_clients_are_made_before_a_snapshot(tmp_path: Path, environ: dict[str, str], made: list[str]) -> None:
    """With SnapStart, clients are created before the snapshot: the first event waits for no import."""
    (tmp_path / "spy.py").write_text(
        "import sys\n"
        "from snapshot_restore_py import get_before_snapshot\n"
        "from trailforward import handler as inner\n"
        "WATCHED = {'botocore.session', 'trailforward.aws.api'}\n"
        "before = sorted(WATCHED & set(sys.modules))\n"
        "for hook, arguments, named in get_before_snapshot():\n"
        "    hook(*arguments, **named)\n"
        "after = sorted(WATCHED & set(sys.modules))\n"
        "def handler(event, context):\n"
        "    return [before, after]\n"
    )
    environ = {"TRAILFORWARD_TO": "arn:aws:kinesis:eu-west-1:111122223333:stream/events", **environ}
    with Function(environ, tmp_path, "spy.handler") as function:
        assert function.invoke({}) == ("response", [[], made])


def test_the_documented_function_works(tmp_path: Path) -> None:
    """``Forwarder.from_env()`` in your own function does the same as the layer's handler."""
    (tmp_path / "own.py").write_text(
        "import trailforward\n"
        "forwarder = trailforward.Forwarder.from_env()\n"
        "def handler(event, context):\n"
        "    names = [parsed.detail.event_name for parsed in trailforward.parse(event)]\n"
        "    return [forwarder.handle(event, context), names, context.invoked_function_arn]\n"
    )
    with (
        Receiver() as receiver,
        Function({"TRAILFORWARD_TO": receiver.url}, tmp_path, "own.handler") as function,
    ):
        response = function.invoke(sqs(sqs_record(envelope(0), "m-0")))
    assert response == ("response", [{"batchItemFailures": []}, ["StopInstances"], FUNCTION_ARN])


def test_loading_the_handler_needs_a_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any configuration, importing the handler raises an error that names the variable to set."""
    from trailforward import ConfigError

    monkeypatch.delenv("TRAILFORWARD_TO", raising=False)
    monkeypatch.delenv("TRAILFORWARD_CONFIG", raising=False)
    monkeypatch.delitem(sys.modules, "trailforward.handler", raising=False)
    with pytest.raises(ConfigError, match="TRAILFORWARD_TO: not set"):
        __import__("trailforward.handler")
