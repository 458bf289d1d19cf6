"""Limits of what sources unpack: one refusal per hostile container, and progress at every deadline."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.events import envelope
from tests.support.payloads import kinesis_record, log_data, log_file, logs, record, s3_record
from tests.test_jsontext import fault
from trailforward import redelivery
from trailforward.aws import objects
from trailforward.errors import EventError
from trailforward.message import Message, Origin
from trailforward.sources import _limits, _unwrap, detect
from trailforward.sources._gzip import inflate
from trailforward.sources._notifications import parse_notifications, read_records
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCS = Path(__file__).parents[2] / "docs" / "sources.md"


class Ending(ObjectReader):
    """A reader whose deadline passes after some looks at the clock.

    Args:
        data: of every object.
        looks: looks at the clock before the deadline.
    """

    def __init__(self, data: bytes, looks: int) -> None:
        super().__init__(lambda _: [data])
        self.looks = looks

    @property
    def stop_reason(self) -> tuple[str, str] | None:
        """The deadline, after enough looks."""
        self.looks -= 1
        return ("deadline", "not read before the deadline") if self.looks < 0 else None


def code(message: Message) -> str:
    """The error code of a message; empty if it is an event."""
    error = fault(lambda: message.event)
    return error.code if error else ""


def read(data: bytes, *, looks: int = 10**9, skip: int = 0) -> list[Message]:
    """The messages of a log file, until the deadline."""
    (notification,) = parse_notifications({"Records": [s3_record("b")]}) or []
    return list(read_records(notification, Origin("sqs", "m", skip=skip), Ending(data, looks)))


def test_skipping_ends_at_the_deadline() -> None:
    """While records are skipped, the deadline counts, and the number of records that are done is kept."""
    data = log_file(*map(record, range(50)))
    (message,) = read(data, looks=20, skip=40)
    assert (code(message), message.origin.skip) == ("deadline", 40)
    assert "raise the timeout" in str(fault(lambda: message.event))


def test_every_invocation_makes_progress() -> None:
    """If the time suffices for skipping, at least one further record is forwarded, until the file is done."""
    data, done, seen = log_file(*map(record, range(9))), 0, []
    for _ in range(9):
        # Two looks per block, one per skipped record, and not one more.
        *made, last = read(data, looks=2 + done, skip=done)
        seen += made
        if code(last) != "deadline":
            seen.append(last)
            break
        assert last.origin.skip > done
        done = last.origin.skip
    assert [message.detail for message in seen] == [record(number) for number in range(9)]


def test_a_flood_of_bad_records_is_one_refusal() -> None:
    """A file with too many records that are not events ends with one refusal, and the place to continue."""
    data = log_file(record(1), *([b"{}"] * (_limits.MAX_BAD_ITEMS + 1)))
    first, refusal = read(data)
    assert first.detail == record(1)
    assert (code(refusal), refusal.origin.skip) == ("too_many_bad_items", 1)
    assert [code(message) for message in read(data, skip=1)] == ["too_many_bad_items"]


def test_a_few_bad_records_stay_separate() -> None:
    """As many bad records as are allowed are dead letters of their own, in order."""
    data = log_file(record(1), *([b"{}"] * _limits.MAX_BAD_ITEMS), record(2))
    made = read(data)
    assert [bool(code(message)) for message in made] == [False, *[True] * _limits.MAX_BAD_ITEMS, False]


def test_on_the_command_line_as_many_bad_items_as_events_are_allowed() -> None:
    """A file may have any number of bad lines, as long as it has at least as many events."""
    most = _limits.MAX_BAD_ITEMS
    good = [Message(envelope(number), Origin("file")) for number in range(2 * most)]
    bad = [Message(b"x", Origin("file"), error=EventError("not_json", "")) for _ in range(most + 1)]
    assert len(list(_limits.refuse_floods(iter([*good, *bad]), lenient=True))) == len(good) + len(bad)


def test_a_flood_of_bad_log_events_continues_after_the_good_ones() -> None:
    """Log data with too many bad log events is one refusal that says how many log events are done."""
    data = log_data(record(1).decode(), *(["x"] * (_limits.MAX_BAD_ITEMS + 1)))
    payload = logs(data)
    first, refusal = detect(payload).messages(payload)
    assert first.detail == record(1)
    assert (refusal.raw, code(refusal), refusal.origin.skip) == (data, "too_many_bad_items", 1)
    again = list(_unwrap.messages_in(data, Origin("sqs", skip=1), ObjectReader()))
    assert [code(message) for message in again] == ["too_many_bad_items"]


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
def test_too_little_memory_costs_one_message(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """If Python runs out of memory or stack, that message is refused, and its neighbors are delivered."""

    def fail(*_: object) -> Any:
        raise error

    monkeypatch.setattr("trailforward.sources._log_events.read", fail)
    data = gzip.compress(b"{}")
    payload = {"Records": [kinesis_record(each, "1") for each in (envelope(1), data, envelope(2))]}
    first, refused, last = detect(payload).messages(payload)
    assert (first.raw, last.raw) == (envelope(1), envelope(2))
    assert (refused.raw, code(refused)) == (data, error.__name__)


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-east-1", "eusc-de-east-1", "ap-southeast-7", ""])
def test_regions(region: str) -> None:
    """Notifications of every Region are read."""
    (notification,) = parse_notifications({"Records": [s3_record("b", region=region)]}) or []
    made = list(read_records(notification, Origin("sqs"), Ending(log_file(record(1)), 100)))
    assert [code(message) for message in made] == [""]


@pytest.mark.parametrize("region", ["eu-west-1.example.com", "x" * 100, "../", "eu-west-1\n", "EU-WEST-1"])
def test_what_is_not_a_region_is_refused(region: str) -> None:
    """A Region that cannot be one never becomes part of a host name."""
    (notification,) = parse_notifications({"Records": [s3_record("b", region=region)]}) or []
    made = list(read_records(notification, Origin("sqs"), Ending(b"", 100)))
    assert [code(message) for message in made] == ["bad_notification"]


def test_few_clients_are_kept() -> None:
    """A thousand Regions do not make a thousand clients; the Region that was used last stays."""
    made = objects.Objects()
    for number in range(30):
        made._client(f"xx-test-{number % 10}")
        assert len(made._clients) <= objects.MAX_CLIENTS
    assert made._client("xx-test-9") is made._client("xx-test-9")
    made.close()


def test_gzip_members_are_bounded() -> None:
    """A file of very many gzip members is refused."""
    error = fault(lambda: list(inflate([gzip.compress(b"") * (_limits.MAX_GZIP_MEMBERS + 1)])))
    assert error is not None
    assert error.code == "bad_gzip"


def _rows() -> Iterable[tuple[str, str]]:
    text = DOCS.read_text().partition("## Limits")[2].partition("\n## ")[0]
    for line in text.splitlines():
        if line.startswith("| ") and "`" in line:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            yield cells[-1].strip("`"), cells[1]


def test_the_documented_limits() -> None:
    """The table of limits has the values of the code, and every limit of the sources."""
    names = {**vars(_limits), "MAX_CLIENTS": objects.MAX_CLIENTS, "MAX_BODY_BYTES": redelivery.MAX_BODY_BYTES}
    rows = dict(_rows())
    written = {name for name in vars(_limits) if name.startswith("MAX_")}
    assert rows.keys() == written | {"EXPANSION_FREE_BYTES", "MAX_CLIENTS", "MAX_BODY_BYTES"}
    for name, value in rows.items():
        assert value == f"{names[name]:,}", name


@pytest.mark.parametrize("data", [b"", b"{", b"\x1f", b"\x1f\x8b"[:1] + b"x"])
def test_data_shorter_than_a_gzip_header_stays_as_it_is(data: bytes) -> None:
    """A file of one byte is that byte, however it arrives."""
    assert b"".join(inflate(iter([data]))) == data
    assert b"".join(inflate(bytes([byte]) for byte in data)) == data


def test_no_object_is_opened_after_the_deadline() -> None:
    """After the deadline, an object that the payload names is not even asked for."""
    asked: list[object] = []

    def fetch(named: object) -> list[bytes]:
        asked.append(named)
        return [log_file(record(1))]

    reader = ObjectReader(fetch, until=0)
    payload = {"Records": [s3_record("b", region="eu-west-1")]}
    assert len(list(detect(payload).messages(payload, reader))) == 1
    assert asked == []


def test_the_deadline_is_looked_at_after_each_block() -> None:
    """Blocks without a record do not keep an invocation beyond its deadline."""
    read: list[int] = []

    def blocks() -> Iterable[bytes]:
        yield b'{"Records":['
        for number in range(1_000):
            read.append(number)
            yield b" " * 100

    reader = Ending(b"", 5)
    reader._fetch = lambda _: blocks()
    payload = {"Records": [s3_record("b", region="eu-west-1")]}
    assert len(list(detect(payload).messages(payload, reader))) == 1
    assert len(read) < 10


@pytest.mark.parametrize(
    ("origin", "unit"),
    [
        (Origin("sqs", "m-1"), "m-1"),
        (Origin("kinesis", "m-1", item="49"), "49"),
        (Origin("sns", "m-1", unit="payload"), "payload"),
    ],
)
def test_records_of_a_file_belong_to_what_named_it(origin: Origin, unit: str) -> None:
    """The records of a log file go back together with the queue message, stream record, or payload."""
    (notification,) = parse_notifications({"Records": [s3_record("b", region="eu-west-1")]}) or []
    reader = ObjectReader(lambda _: [log_file(record(1), record(2))])
    found = list(read_records(notification, origin, reader))
    assert [message.origin.unit for message in found] == [unit, unit]
