"""SinkContract: the tests that every sink must pass, including sinks in other packages.

``trailforward.sinks.base`` describes the contract. A subclass creates the sink and reads what its destination
received; pytest runs the tests::

    class TestMySink(SinkContract):
        def make(self):
            return MySink(MySettings(to="my://127.0.0.1"))

        def taken(self):
            return server.received
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import SkipTest

from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.jsontext import on_one_line
from trailforward.sinks.base import Entry, Limits, Rejection
from trailforward.sinks.settings import SinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from trailforward.sinks.base import Sink

#: Numbers, escapes, and characters that parsing and dumping would change.
EVENTS = (
    b'{"number":1.10,"big":9007199254740993,"far":1E400}',
    b'{"lone":"\\ud800","same":"\\u003d"}',
    b'{ "blanks" : [ 1 , 2 ] }',
    b'{\r\n  "indented": "\\r\\n"\n}',
    '{"text":"bücher 日本 𝄞 \u2028"}'.encode(),
)

#: A payload that must not appear in any error, log, or output.
PAYLOAD = "payload-5f0c8a"
_REFUSED = b'{"refuse":"' + PAYLOAD.encode() + b'"}'
_THREADS = 8
_TIMEOUT_SECONDS = 20.0


class SinkContract:
    """Tests one sink. Override ``make`` and ``taken``; also ``refuse_entries`` and ``fail_call`` if possible.

    Attributes:
        events: the events to send in tests that compare bytes.
    """

    events: ClassVar[Sequence[bytes]] = EVENTS

    def make(self) -> Sink:
        """Creates a sink whose destination works."""
        raise NotImplementedError

    def taken(self) -> list[bytes]:
        """The events that the destination received, without anything that the sink added around them."""
        raise NotImplementedError

    def refuse_entries(self, text: bytes) -> bool:  # noqa: ARG002
        """Makes the destination reject entries with these bytes; False if it cannot reject single entries."""
        return False

    def fail_call(self, *, transient: bool) -> bool:  # noqa: ARG002
        """Makes the first call of the next sink fail in this way; False if calls never do."""
        return False

    def entry(self, data: bytes, number: int = 0) -> Entry:
        """An entry like those from the forwarder."""
        fields = {"source": "aws.ec2", "account": "111122223333", "region": "eu-west-1"}
        key, when = f"00000000-0000-4000-8000-{number:012}", "2026-05-04T09:15:00Z"
        return Entry(data, key, "111122223333", fields=fields, content_type="application/json", time=when)

    # The contract.

    def test_limits_are_consistent(self) -> None:
        """The limits allow at least one entry, and an entry of the maximum size fits into a call."""
        with _Closing(self.make()) as sink:
            assert isinstance(sink.limits, Limits)
            assert sink.limits.max_entries >= 1
            assert 0 < sink.limits.max_entry_bytes <= sink.limits.max_batch_bytes
            assert sink.limits.batch_overhead >= 0
            assert isinstance(sink.arn, str)

    def test_its_settings_state_the_calls_it_makes(self) -> None:
        """The settings class lists the AWS calls of the sink, or states that there are none."""
        with _Closing(self.make()) as sink:
            settings = getattr(sink, "Settings", None)
            if settings is None:
                raise SkipTest("a sink without settings is not configured by anybody")
            states = [kind for kind in settings.__mro__ if "own_calls" in vars(kind)]
            assert states[0] is not SinkSettings, f"{settings.__name__} lacks the property own_calls"

    def test_size_counts_all_bytes(self) -> None:
        """The size is at least that of the data, and grows with each byte."""
        with _Closing(self.make()) as sink:
            short, long = (self.entry(b'{"pad":"' + b"x" * count + b'"}') for count in (10, 110))
            assert sink.size(short) >= len(short.data)
            assert sink.size(long) >= sink.size(short) + 100

    def test_bytes_arrive_unchanged(self) -> None:
        """The destination receives exactly the bytes that were sent, each event once.

        Only line breaks between tokens may be missing: a destination that reads lines cannot hold them.
        """
        with _Closing(self.make()) as sink:
            batch = [self.entry(data, number) for number, data in enumerate(self.events)]
            for some in _batches(batch, sink.limits.max_entries):
                assert list(sink.send(some)) == []
            self._expect(self.events)

    def test_a_full_batch_is_sent(self) -> None:
        """The sink sends as many entries in one call as the limits allow."""
        with _Closing(self.make()) as sink:
            data = [b'{"number":%d}' % number for number in range(min(sink.limits.max_entries, 1_000))]
            assert list(sink.send([self.entry(each, number) for number, each in enumerate(data)])) == []
            self._expect(data)

    def test_only_rejected_entries_are_reported(self, caplog: Any, capfd: Any) -> None:
        """A partial failure reports index, code, and type of each rejected entry, and delivers the others."""
        with _Closing(self.make()) as sink:
            if sink.limits.max_entries == 1 or not self.refuse_entries(PAYLOAD.encode()):
                raise SkipTest("this destination does not reject single entries")
            good = [b'{"number":%d}' % number for number in range(3)]
            data = [good[0], _REFUSED, *good[1:]]
            rejections = list(sink.send([self.entry(each, number) for number, each in enumerate(data)]))
            assert [rejection.index for rejection in rejections] == [1]
            _check_messages(rejections, caplog, capfd)
            self._expect(good)

    def test_a_transient_failure_is_reported_at_once(
        self, caplog: Any, capfd: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The sink reports a transient failure without waiting or retrying; the forwarder retries."""
        slept = _record_sleeps(monkeypatch)
        self._fail(transient=True, caplog=caplog, capfd=capfd)
        assert slept == [], "a sink must not sleep: the forwarder waits"

    def test_a_permanent_failure_is_reported(self, caplog: Any, capfd: Any) -> None:
        """The sink reports a failure that no retry can fix as permanent."""
        self._fail(transient=False, caplog=caplog, capfd=capfd)

    def test_threads_may_share_a_sink(self) -> None:
        """Concurrent calls from several threads do not lose, mix up, or repeat entries."""
        with _Closing(self.make()) as sink:
            data = [b'{"thread":%d}' % number for number in range(_THREADS * 4)]
            reported: list[object] = []

            def work(start: int) -> None:
                for number in range(start, len(data), _THREADS):
                    try:
                        reported.extend(sink.send([self.entry(data[number], number)]))
                    except Exception as error:  # noqa: BLE001  # the assertion below shows it
                        reported.append(error)

            threads = [threading.Thread(target=work, args=(start,)) for start in range(_THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert reported == []
            self._expect(data)

    def test_a_sink_may_be_closed_at_any_time(self) -> None:
        """Closing an unused sink, or closing a sink twice, has no effect."""
        sink = self.make()
        sink.close()
        sink.close()

    # Helpers.

    def _expect(self, data: Sequence[bytes]) -> None:
        """Waits until the destination has received the data, and compares it."""
        end = time.monotonic() + _TIMEOUT_SECONDS
        while len(found := self.taken()) < len(data) and time.monotonic() < end:
            threading.Event().wait(0.01)
        # A destination that reads lines gets events without the line breaks between their tokens.
        assert sorted(map(on_one_line, found)) == sorted(map(on_one_line, data))

    def _fail(self, *, transient: bool, caplog: Any, capfd: Any) -> None:
        if not self.fail_call(transient=transient):
            raise SkipTest("calls to this destination cannot fail in this way")
        with _Closing(self.make()) as sink:
            reported: list[Any] = []
            try:
                reported += sink.send([self.entry(_REFUSED)])
            except SinkError as error:
                reported.append(error)
            kinds = [_is_transient(each) for each in reported]
            assert kinds == [transient], f"reported as transient: {kinds}, expected [{transient}]: {reported}"
            _check_messages(reported, caplog, capfd)


class _Closing:
    """A context manager that closes a sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __enter__(self) -> Sink:
        return self._sink

    def __exit__(self, *_: object) -> None:
        self._sink.close()


def _is_transient(reported: SinkError | Rejection) -> bool | None:
    if isinstance(reported, Rejection):
        return reported.transient
    if isinstance(reported, PermanentError):
        return False
    return True if isinstance(reported, TransientError) else None  # neither type: violates the contract


def _batches(entries: Sequence[Entry], size: int) -> list[Sequence[Entry]]:
    return [entries[start : start + size] for start in range(0, len(entries), size)]


def _check_messages(reported: Sequence[SinkError | Rejection], caplog: Any, capfd: Any) -> None:
    """Checks that failures have codes, and that no error, output, or log contains the payload."""
    for each in reported:
        assert each.code, "a failure must have a code"
        assert PAYLOAD not in f"{each} {each!r}", "an error must not contain the payload"
    output = capfd.readouterr()
    assert PAYLOAD not in output.out + output.err, "a sink must not print the payload"
    assert PAYLOAD not in caplog.text, "a sink must not log the payload"


def _record_sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records the sleeps of this thread instead of sleeping."""
    slept: list[float] = []
    here, sleep = threading.get_ident(), time.sleep

    def watched(seconds: float) -> None:
        if threading.get_ident() == here:
            slept.append(seconds)
        else:
            sleep(seconds)

    monkeypatch.setattr(time, "sleep", watched)
    return slept
