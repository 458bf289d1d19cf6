"""Metrics and logs: what they contain, and that they never contain payload."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.events import envelope
from trailforward import Config, Forwarder, Message, Origin, PermanentError, TransientError
from trailforward.aws.errors import to_sink_error
from trailforward.pipeline.telemetry import PlainTelemetry, PowertoolsTelemetry, place_of, troubles
from trailforward.sinks._aws_batches import by_position
from trailforward.testing import FlakySink, refuse
from trailforward.transport.http1 import Response
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.errors import SinkError
    from trailforward.outcome import Outcome


def outcome_of(sink: FlakySink, count: int = 3) -> Outcome:
    """The outcome of some events at one sink."""
    config = Config.from_toml('[sinks.a]\nto = "stdout:"\n[retry]\ninitial_seconds = 0\n')
    messages = [Message(envelope(number), Origin("test")) for number in range(count)]
    return Forwarder(config, made={"a": sink}).forward(messages)


@pytest.fixture
def telemetry(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> PowertoolsTelemetry:
    """Each test uses its own service name, because Powertools keeps one logger per service."""
    return PowertoolsTelemetry(service=request.node.name)


def emf(text: str) -> list[dict[str, Any]]:
    """The EMF documents among lines of output."""
    return [line for line in map(json.loads, text.splitlines()) if "_aws" in line]


def test_troubles_are_counted_by_sink_fate_and_code() -> None:
    """Events that failed for the same reason are one trouble with a count."""
    outcome = outcome_of(FlakySink([refuse(0, 2, transient=False, code="Bad"), *[refuse()] * 9]))
    assert troubles(outcome) == [
        {"sink": "a", "fate": "returned", "code": "Bad", "reason": "rejected by the script", "count": 2}
    ]


def test_metrics_contain_the_whole_ledger(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sinks have the four fates, received, retries, bytes, and ledger_breaks; Regions have the latency."""
    outcome = outcome_of(FlakySink([refuse(1)]))
    capsys.readouterr()
    telemetry.publish(outcome)
    by_sink, by_region = emf(capsys.readouterr().out)
    assert by_sink["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "trailforward"
    assert {name: value for name, value in by_sink.items() if isinstance(value, list)} == {
        "received": [3.0],
        "delivered": [3.0],
        "filtered": [0.0],
        "dead_lettered": [0.0],
        "returned": [0.0],
        "retries": [1.0],
        "bytes": [float(sum(len(envelope(number)) for number in range(3)))],
        "ledger_breaks": [0.0],
    }
    assert (by_sink["sink"], by_sink["service"]) == ("a", "test_metrics_contain_the_whole_ledger")
    assert by_region["region"] == "eu-west-1"
    assert len(by_region["latency"]) == 3


def test_all_latencies_are_published(
    telemetry: PowertoolsTelemetry,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An EMF document can have 100 values per metric; more values go into more documents."""
    outcome = outcome_of(FlakySink(), count=250)
    capsys.readouterr()
    telemetry.publish(outcome)
    values = [len(line["latency"]) for line in emf(capsys.readouterr().out) if "latency" in line]
    assert sum(values) == 250
    assert max(values) <= 100


def test_metrics_are_those_that_powertools_writes(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """The metrics are the same documents that Powertools writes."""
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

    outcome = outcome_of(FlakySink(), count=2)
    capsys.readouterr()
    telemetry.publish(outcome)
    ours = emf(capsys.readouterr().out)
    for document in ours:
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        (dimensions,) = directive["Dimensions"]
        metrics = {
            each["Name"]: {"Unit": each["Unit"], "StorageResolution": 60, "Value": document[each["Name"]]}
            for each in directive["Metrics"]
        }
        own = {name: document[name] for name in dimensions if name != "service"}
        AmazonCloudWatchEMFProvider(
            metric_set=metrics,
            dimension_set=own,
            namespace=directive["Namespace"],
            service=document["service"],
        ).flush_metrics()
    theirs = emf(capsys.readouterr().out)
    for document in (*ours, *theirs):
        del document["_aws"]["Timestamp"]
    assert len(ours) == 2
    assert ours == theirs


@pytest.mark.parametrize(
    ("variables", "written"),
    [
        ({}, 2),
        ({"POWERTOOLS_METRICS_DISABLED": "true"}, 0),
        ({"POWERTOOLS_DEV": "1"}, 0),
        ({"POWERTOOLS_DEV": "true", "POWERTOOLS_METRICS_DISABLED": "false"}, 2),
    ],
)
def test_metrics_are_switched_as_powertools_switches_them(
    variables: dict[str, str], written: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """POWERTOOLS_METRICS_DISABLED and POWERTOOLS_DEV turn metrics off."""
    environ = {"TRAILFORWARD_TO": "file:/dev/null", **variables}
    Forwarder.from_env(environ).forward([Message(envelope(0), Origin("test"))])
    assert len(emf(capsys.readouterr().out)) == written


def test_a_quiet_invocation_needs_no_logger() -> None:
    """Powertools is imported only if there is something to log, because it takes a tenth of a cold start."""
    script = (
        "import sys\ntelemetry.publish(outcome)\n"
        "quiet = 'aws_lambda_powertools.logging' not in sys.modules\n"
        "telemetry.error('now', quiet=quiet)"
    )
    (error,) = [line for line in lines_of(script) if line.get("level") == "ERROR"]
    assert error["quiet"] is True


def lines_of(script: str) -> list[dict[str, Any]]:
    """The log lines of a new process, such as Lambda starts."""
    before = (
        "from tests.pipeline.test_telemetry import *\n"
        "outcome, telemetry = outcome_of(FlakySink()), PowertoolsTelemetry()\n"
    )
    done = subprocess.run([sys.executable, "-c", before + script], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]


def test_a_broken_ledger_is_a_metric_and_an_error() -> None:
    """If the sums disagree, ledger_breaks is above 0 and an error names the sink."""
    lines = lines_of("outcome.accounts['a'].received += 1\ntelemetry.publish(outcome)")
    (error,) = [line for line in lines if line.get("level") == "ERROR"]
    assert (error["sink"], error["break"].partition(" is")[0]) == ("a", "received 4")
    assert [line["ledger_breaks"] for line in lines if "ledger_breaks" in line] == [[1.0]]


def raising(error: Exception) -> Callable[..., None]:
    """Returns a function that raises an error, whatever its arguments."""

    def function(*_: object) -> None:
        raise error

    return function


def test_an_error_while_publishing_is_not_raised() -> None:
    """An error while publishing is logged without its text, and is not raised."""
    (line,) = lines_of("telemetry._write = raising(RuntimeError('secret words'))\ntelemetry.publish(outcome)")
    assert (line["message"], line["error"]) == ("metrics not published", "RuntimeError")
    assert "secret words" not in str(line)


def test_bugs_are_logged_by_type_and_place_only(
    telemetry: PowertoolsTelemetry,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The text of a bug may contain payload, so only its type and place are logged."""
    with pytest.raises(ValueError, match="payload") as caught_info:
        raising(ValueError("payload"))()
    caught = caught_info.value
    assert place_of(caught)["error"] == "ValueError"
    assert "test_telemetry.py:" in place_of(caught)["place"]
    assert place_of(ValueError("never raised"))["place"] == "?"
    PlainTelemetry().fault("a", caught)
    telemetry.fault("a", caught)
    out, err = capsys.readouterr()
    assert "ValueError" in caplog.text
    assert "ValueError" in out + err
    assert "payload" not in caplog.text + out + err


def test_without_powertools_standard_logging_is_used(caplog: pytest.LogCaptureFixture) -> None:
    """Programs without Powertools get troubles as warnings from the logger ``trailforward``."""
    with caplog.at_level(logging.WARNING):
        outcome = outcome_of(FlakySink([TransientError("http_503")] * 9))
    assert outcome.totals("a").returned == 3
    assert "3 returned at a: http_503" in caplog.text


def unavailable(telemetry: PowertoolsTelemetry, step: Any, capsys: pytest.CaptureFixture[str]) -> int:
    """How often the metric was written for one batch that a sink returned."""
    sink = FlakySink([step] * 9)
    config = Config.from_toml('[sinks.a]\nto = "file:/dev/null"\n[retry]\ninitial_seconds = 0\n')
    Forwarder(config, telemetry=telemetry, made={"a": sink}).forward([Message(envelope(), Origin("test"))])
    return capsys.readouterr().out.count('"unavailable":[1]')


@pytest.mark.parametrize("code", ["http_503", "http_timeout", "ServiceUnavailable", "deadline"])
def test_a_sink_that_is_down_is_unavailable(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """A batch of which a sink accepts nothing is counted, whatever the error is."""
    assert unavailable(telemetry, TransientError(code), capsys) == 1


@pytest.mark.parametrize(
    "error",
    [
        *(
            to_sink_error(code, "", 400, None)
            for code in (
                "ThrottlingException",
                "ProvisionedThroughputExceededException",
                "SlowDown",
                "Throttled",
            )
        ),
        to_sink_error("Unheard", "", 429, None),
        failure(Response(429, {}, b""), "https://siem.example.com"),
    ],
    ids=str,
)
def test_a_sink_that_throttles_is_not_unavailable(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str], error: SinkError
) -> None:
    """Throttling is ordinary, so it does not count, whether AWS or an HTTP API reports it."""
    assert unavailable(telemetry, error, capsys) == 0


@pytest.mark.parametrize("code", ["BudgetExceeded", "InternalFailure429", "DiskLimitExceeded"])
def test_a_code_that_only_sounds_like_throttling_is_an_outage(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """What the sink says counts, not the letters of a code."""
    assert unavailable(telemetry, to_sink_error(code, "", 503, None), capsys) == 1


@pytest.mark.parametrize(
    ("code", "count"), [("ProvisionedThroughputExceededException", 0), ("InternalFailure", 1)]
)
def test_entries_that_are_throttled_are_not_an_outage(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str], code: str, count: int
) -> None:
    """The same is true if the call succeeds and each entry has its own code."""
    result = {"ErrorCode": code, "ErrorMessage": ""}
    assert unavailable(telemetry, lambda _: by_position([result], 1, "Id"), capsys) == count


DENIED = PermanentError("AccessDeniedException", "not authorized to perform: kinesis:PutRecords")
KINESIS = '[sinks.siem]\nto = "arn:aws:kinesis:eu-west-1:111122223333:stream/siem"\n'


def refusing(telemetry: Any, *script: Any) -> Forwarder:
    """A forwarder for a Kinesis stream that follows a script."""
    config = Config.from_toml(KINESIS)
    return Forwarder(config, telemetry=telemetry, made={"siem": FlakySink(script)})


def test_a_sink_that_refuses_everything_is_one_metric_and_one_error_with_the_fix(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many batches an invocation has, it reports a refusing sink once; the code is a property."""
    forwarder = refusing(telemetry, *[DENIED] * 4)
    forwarder.forward(Message(envelope(number), Origin("test")) for number in range(25_000))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metric,) = [line for line in lines if "refusing" in line]
    assert (metric["sink"], metric["refusing"], metric["code"]) == ("siem", [1], "AccessDeniedException")
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["sink", "service"]]
    assert [named["Name"] for named in metric["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["refusing"]
    (error,) = [line for line in lines if line.get("level") == "ERROR"]
    assert (error["sink"], error["code"]) == ("siem", "AccessDeniedException")
    stream = "arn:aws:kinesis:eu-west-1:111122223333:stream/siem"
    assert error["fix"].startswith(f"grant kinesis:PutRecords on {stream}")
    forwarder.forward([Message(envelope(), Origin("test"))])
    assert capsys.readouterr().out.count('"refusing":[1]') == 1


@pytest.mark.parametrize(
    "script",
    [
        [TransientError("ThrottlingException")] * 5,
        [refuse(0, transient=False, code="Bad"), None],
        [PermanentError("InvalidMessageContents", content=True)],
    ],
    ids=["throttled", "one event refused", "content"],
)
def test_throttling_and_refused_events_are_not_a_refusing_sink(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str], script: list[Any]
) -> None:
    """Throttling, and events that are at fault, do not count as a sink that refuses everything."""
    refusing(telemetry, *script).forward([Message(envelope(), Origin("test"))])
    lines = capsys.readouterr().out
    assert '"refusing"' not in lines
    assert "refuses everything" not in lines


def test_long_texts_are_cut_in_the_log(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """A destination's error text of any length makes a log line of a few kilobytes."""
    long = PermanentError("Odd" * 100_000, "x" * 1_000_000)
    refusing(telemetry, long).forward([Message(envelope(), Origin("test"))])
    assert max(map(len, capsys.readouterr().out.splitlines())) < 10_000


def test_without_powertools_the_error_says_how_to_install_it() -> None:
    """Without Powertools, the error contains the command that installs it."""
    code = (
        "import sys; sys.modules['aws_lambda_powertools'] = None\n"
        "from trailforward.pipeline.telemetry import PowertoolsTelemetry\n"
        "PowertoolsTelemetry()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("pip install 'trailforward[aws]'")
