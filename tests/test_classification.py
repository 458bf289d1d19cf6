"""Whose fault a failure is: the table in docs/delivery.md is what trailforward does."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.aws import point_at
from tests.support.events import envelope
from tests.support.receiver import Receiver, Status
from tests.support.stub_aws import Refuse, StubAws
from trailforward import Config, Fate, Forwarder, Message, Origin, sinks
from trailforward.aws.errors import CONTENT_CODES, INVALID_INPUT_CODES, TRANSIENT_CODES, entry_cause
from trailforward.errors import Cause, PermanentError, SinkError, TransientError
from trailforward.sinks import cloudwatch_logs, local
from trailforward.sinks.base import Entry
from trailforward.sinks.http import bulk
from trailforward.sinks.http.presets import google_chat, pagerduty, splunk_hec, teams
from trailforward.transport.http1 import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome

TABLE = (Path(__file__).parents[1] / "docs" / "delivery.md").read_text()
STREAM = "arn:aws:kinesis:us-west-2:111122223333:stream/siem"


class Row(NamedTuple):
    """One code in the table: who sends it, with which status of a list of items, and whose fault it is."""

    sender: str
    status: int
    code: str
    fault: str


def rows() -> Iterator[Row]:
    """Yields the rows of the table, one per code."""
    for line in TABLE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[2] in {"event", "unclear", "destination", "passing"}:
            sender, _, rest = cells[0].partition(", with status ")
            status = rest.removesuffix(" and a text")
            for code in re.findall("`([^`]+)`", cells[1]):
                yield Row(sender, int(status or 0), code, cells[2])


ROWS = list(rows())


def of(sender: str) -> list[Row]:
    """Returns the rows of one sender."""
    found = [row for row in ROWS if row.sender == sender]
    assert found, f"docs/delivery.md has no codes of {sender}"
    return found


def named(row: Row) -> str:
    """Names a test after a row."""
    return f"{row.code} {row.fault}"


def check(outcome: Outcome, calls: int, fault: str) -> None:
    """Checks what became of four events whose sink refused every call with a code."""
    totals = outcome.totals("siem")
    match fault:
        case "event":  # all four together, two, one, one, then the sink seems to refuse everything
            assert outcome.meeting(Fate.DEAD_LETTERED) == ["siem"]
            assert totals.dead_lettered == 3
        case "unclear":
            assert (totals.returned, calls) == (4, 6)
        case "destination":
            assert (totals.returned, calls) == (4, 1)
        case "passing":
            assert (totals.returned, calls) == (4, 2)
    assert totals.balanced


def outcome(to: str, tmp_path: Path, more: str = "") -> Outcome:
    """Forwards four events to a destination, with two attempts and a file for dead letters."""
    forwarder = Forwarder(
        Config.from_toml(
            f'dead_letter = "file:{tmp_path / "dead"}"\n[retry]\nmax_attempts = 2\ninitial_seconds = 0\n'
            f'[sinks.siem]\nto = "{to}"\nlimits = {{ max_concurrency = 1 }}\n{more}'
        )
    )
    try:
        return forwarder.forward([Message(envelope(number), Origin("test")) for number in range(4)])
    finally:
        forwarder.close()


@pytest.mark.parametrize("row", of("HTTP receivers"), ids=named)
def test_http_statuses(row: Row, tmp_path: Path) -> None:
    """An HTTP receiver's status decides what happens to the events, as the table says."""
    with Receiver([Status(int(row.code))] * 20) as receiver:
        check(outcome(receiver.url, tmp_path), len(receiver.requests), row.fault)


@pytest.mark.parametrize("row", of("OTLP receivers"), ids=named)
def test_a_partial_success_of_otlp(row: Row, tmp_path: Path) -> None:
    """A response that rejects a log record decides what happens to the events, as the table says."""
    rejected = b'{"partialSuccess":{"rejectedLogRecords":"1"}}'
    with Receiver([Status(row.status, {}, rejected)] * 20) as receiver:
        check(outcome(receiver.url, tmp_path, 'preset = "otlp"\n'), len(receiver.requests), row.fault)


@pytest.mark.parametrize("row", of("AWS"), ids=named)
def test_aws_codes(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's error code decides what happens to the events, as the table says."""
    with StubAws() as stub:
        point_at(stub.url, monkeypatch)
        stub.always("kinesis:us-west-2", Refuse(400, row.code))
        check(outcome(STREAM, tmp_path), stub.calls["kinesis:us-west-2"], row.fault)


def test_the_table_has_every_code_of_aws_that_is_classified() -> None:
    """No code of AWS is classified without being in the table."""
    content = {row.code for row in of("AWS") if row.fault == "event"}
    unclear = {row.code for row in of("AWS") if row.fault == "unclear"}
    passing = {row.code for row in of("AWS") if row.fault == "passing"}
    assert content == CONTENT_CODES
    assert unclear == INVALID_INPUT_CODES - CONTENT_CODES
    assert passing == TRANSIENT_CODES


@pytest.mark.parametrize("row", [row for row in of("AWS") if row.fault != "passing"], ids=named)
def test_aws_codes_of_single_entries(row: Row) -> None:
    """A code means the same for a single entry as for a whole call."""
    causes = {"event": Cause.CONTENT, "unclear": Cause.UNKNOWN, "destination": Cause.DESTINATION}
    assert entry_cause(row.code) is causes[row.fault]


@pytest.mark.parametrize(
    ("sender", "to"),
    [
        ("Lambda functions", "arn:aws:lambda:us-west-2:111122223333:function:remediate"),
        ("Step Functions", "arn:aws:states:us-west-2:111122223333:stateMachine:remediate"),
    ],
)
def test_codes_of_acting_destinations(
    sender: str, to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function or state machine that is not ready passes, and the table has every such code."""
    kind = sinks.load(sinks.type_of(to) or "")
    module = import_module(kind.__module__)
    assert {row.code for row in of(sender)} == module.TRANSIENT
    place = ":".join(to.split(":")[2:4])
    with StubAws() as stub:
        point_at(stub.url, monkeypatch)
        for row in of(sender):
            stub.always(place, Refuse(409, row.code))
            stub.calls.clear()
            check(outcome(to, tmp_path), stub.calls[place], "passing")


@pytest.mark.parametrize("row", of("Splunk HEC"), ids=named)
def test_splunk_codes(row: Row) -> None:
    """Splunk's code decides what happens to the events, as the table says."""
    body = b'{"text":"refused","code":%d}' % int(row.code)
    error = splunk_hec.PRESET.failure(Response(row.status, {}, body), "https://siem.example.com")
    assert isinstance(error, PermanentError)
    assert error.cause is {"event": Cause.CONTENT, "destination": Cause.DESTINATION}[row.fault]


def check_error(error: SinkError, fault: str) -> None:
    """Checks whose fault an error is."""
    assert isinstance(error, TransientError) is (fault == "passing")
    causes = {"event": Cause.CONTENT, "unclear": Cause.UNKNOWN, "destination": Cause.DESTINATION}
    assert not isinstance(error, PermanentError) or error.cause is causes[fault]


@pytest.mark.parametrize("row", of("Google Chat"), ids=named)
def test_google_chat_codes(row: Row) -> None:
    """Google's status and code decide what happens to the alert, as the table says."""
    body = b'{"error":{"code":%d,"status":"%s"}}' % (row.status, row.code.encode())
    error = google_chat.PRESET.failure(Response(row.status, {}, body), "https://chat.googleapis.com")
    assert row.code in str(error)
    check_error(error, row.fault)


@pytest.mark.parametrize("row", of("Microsoft Teams"), ids=named)
def test_teams_error_texts(row: Row) -> None:
    """An error in the text of a successful response decides what happens to the alert, as the table says."""
    text = (
        f"Webhook message delivery failed with error: Microsoft Teams endpoint returned {row.code} with ids"
    )
    with pytest.raises(SinkError) as caught:
        teams.PRESET.rejections(Response(row.status, {}, text.encode()), 1)
    check_error(caught.value, row.fault)


@pytest.mark.parametrize("row", of("PagerDuty"), ids=named)
def test_pagerduty_errors(row: Row) -> None:
    """The field that PagerDuty's error names decides what happens to the alert, as the table says."""
    body = b'{"status":"invalid event","errors":["\'%s\' is missing or blank"]}' % row.code.encode()
    error = pagerduty.PRESET.failure(Response(row.status, {}, body), "https://events.pagerduty.com")
    check_error(error, row.fault)


ELASTIC = [row for row in ROWS if row.sender == "Elasticsearch and OpenSearch items"]


@pytest.mark.parametrize("row", ELASTIC, ids=named)
def test_elasticsearch_codes(row: Row) -> None:
    """The type and status of an Elasticsearch item decide what happens to its event, as the table says."""
    item = {"create": {"status": row.status, "error": {"type": row.code}}}
    found = bulk._rejection(0, item)
    assert found is not None
    assert found.transient is (row.fault == "passing")
    causes = {"event": Cause.CONTENT, "unclear": Cause.UNKNOWN, "destination": Cause.DESTINATION}
    assert row.fault == "passing" or found.cause is causes[row.fault]


def test_the_table_has_every_elasticsearch_type_that_names_content() -> None:
    """No type of an Elasticsearch error is classified without being in the table."""
    assert {row.code for row in ELASTIC if row.fault == "event"} == bulk._CONTENT


@pytest.mark.parametrize("row", of("files and standard output"), ids=named)
def test_errors_of_files(row: Row) -> None:
    """An error of the file system decides what happens to the events, as the table says."""
    import errno

    error = local._sink_error(OSError(getattr(errno, row.code), "by the test"), "a file")
    assert isinstance(error, TransientError) is (row.fault == "passing")
    assert not isinstance(error, PermanentError) or error.cause is Cause.DESTINATION


def test_cloudwatch_logs_rejections() -> None:
    """CloudWatch Logs rejects events by their time, which no retry can change."""
    info = {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    batch = [(index, Entry(b"{}", "key")) for index in range(3)]
    found = cloudwatch_logs._rejections(info, batch) + cloudwatch_logs._rejections(
        {"expiredLogEventEndIndex": 1}, batch
    )
    assert {rejection.code for rejection in found} == {row.code for row in of("CloudWatch Logs")}
    assert {rejection.cause for rejection in found} == {Cause.CONTENT}


def raised() -> dict[str, SinkError]:
    """Returns the codes that the source code raises, found by its text, with the class of the error."""
    folder = Path(local.__file__).parents[1]
    text = "".join(path.read_text() for path in sorted(folder.rglob("*.py")))
    kinds: dict[str, type[TransientError | PermanentError]] = {
        "Transient": TransientError,
        "Permanent": PermanentError,
    }
    return {
        code: kinds[kind](code)
        for kind, code in re.findall(r'(Transient|Permanent)Error\("([a-zA-Z_]+)"', text)
    }


@pytest.mark.parametrize("row", of("the path to a destination"), ids=named)
def test_errors_on_the_path(row: Row) -> None:
    """Errors on the path to a destination are never the fault of an event."""
    from trailforward.aws.errors import UNPARSEABLE
    from trailforward.transport.connections import _CONNECT_ERRORS

    passing = {code for _, code, _ in _CONNECT_ERRORS} | {UNPARSEABLE}
    kinds = raised() | {code: TransientError(code) for code in passing}
    error = kinds[row.code]
    assert isinstance(error, TransientError) is (row.fault == "passing")
    assert not isinstance(error, PermanentError) or error.cause is Cause.DESTINATION
