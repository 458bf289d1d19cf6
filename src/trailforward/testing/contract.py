"""SinkContract: the tests that every sink must pass, a third party's as well as our own.

The contract itself stands in ``trailforward.sinks.base``. A subclass says how to make the sink and how to
look behind it; pytest does the rest::

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
from trailforward.sinks.base import Entry, Limits, Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from trailforward.sinks.base import Sink

#: Numbers, escapes and characters that no parse and dump gives back.
EVENTS = (
    b'{"number":1.10,"big":9007199254740993,"far":1E400}',
    b'{"lone":"\\ud800","same":"\\u003d"}',
    b'{ "blanks" : [ 1 , 2 ] }',
    '{"text":"bücher 日本 𝄞 \u2028"}'.encode(),
)

#: What no error, log or output may ever hold.
PAYLOAD = "payload-5f0c8a"
_REFUSED = b'{"refuse":"' + PAYLOAD.encode() + b'"}'
_THREADS = 8
_PATIENCE_SECONDS = 20.0


class SinkContract:
    """Checks one sink. Override ``make`` and ``taken``, and where the destination can, the two refusals.

    Attributes:
        events: what is sent, where bytes matter.
    """

    events: ClassVar[Sequence[bytes]] = EVENTS

    def make(self) -> Sink:
        """A new sink whose destination works."""
        raise NotImplementedError

    def taken(self) -> list[bytes]:
        """The events that the destination holds, without what the sink wrote around them."""
        raise NotImplementedError

    def refuse_entries(self, text: bytes) -> bool:  # noqa: ARG002
        """Makes the destination refuse entries that hold these bytes; False if it takes calls as a whole."""
        return False

    def fail_call(self, *, transient: bool) -> bool:  # noqa: ARG002
        """Makes the first call of the next sink fail, for now or for good; False if none ever does."""
        return False

    def entry(self, data: bytes, number: int = 0) -> Entry:
        """An entry as the forwarder makes it."""
        fields = {"source": "aws.ec2", "account": "111122223333", "region": "eu-west-1"}
        key, when = f"00000000-0000-4000-8000-{number:012}", "2026-05-04T09:15:00Z"
        return Entry(data, key, "111122223333", fields=fields, content_type="application/json", time=when)

    # What a sink promises.

    def test_its_limits_can_be_kept(self) -> None:
        """The limits admit at least one entry, and no entry admitted is too large for a call."""
        with _Closing(self.make()) as sink:
            assert isinstance(sink.limits, Limits)
            assert sink.limits.max_entries >= 1
            assert 0 < sink.limits.max_entry_bytes <= sink.limits.max_batch_bytes
            assert sink.limits.batch_overhead >= 0
            assert isinstance(sink.arn, str)

    def test_an_entrys_size_counts_all_its_bytes(self) -> None:
        """The size is that of the data at least, and grows with it byte by byte."""
        with _Closing(self.make()) as sink:
            short, long = (self.entry(b'{"pad":"' + b"x" * count + b'"}') for count in (10, 110))
            assert sink.size(short) >= len(short.data)
            assert sink.size(long) >= sink.size(short) + 100

    def test_bytes_arrive_unchanged(self) -> None:
        """The destination holds exactly the bytes that were handed in, each event once."""
        with _Closing(self.make()) as sink:
            batch = [self.entry(data, number) for number, data in enumerate(self.events)]
            for some in _batches(batch, sink.limits.max_entries):
                assert list(sink.send(some)) == []
            self._expect(self.events)

    def test_a_full_batch_is_taken(self) -> None:
        """As many entries as the limits admit go in one call."""
        with _Closing(self.make()) as sink:
            data = [b'{"number":%d}' % number for number in range(min(sink.limits.max_entries, 1_000))]
            assert list(sink.send([self.entry(each, number) for number, each in enumerate(data)])) == []
            self._expect(data)

    def test_refused_entries_are_named_and_no_others(self, caplog: Any, capfd: Any) -> None:
        """A partial failure tells the place, code and kind of each refused entry; the others are taken."""
        with _Closing(self.make()) as sink:
            if sink.limits.max_entries == 1 or not self.refuse_entries(PAYLOAD.encode()):
                raise SkipTest("this destination takes calls as a whole")
            good = [b'{"number":%d}' % number for number in range(3)]
            data = [good[0], _REFUSED, *good[1:]]
            rejections = list(sink.send([self.entry(each, number) for number, each in enumerate(data)]))
            assert [rejection.index for rejection in rejections] == [1]
            _check_words(rejections, caplog, capfd)
            self._expect(good)

    def test_a_passing_failure_may_be_tried_again(
        self, caplog: Any, capfd: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is told as passing, without a wait and without a second attempt of the sink's own."""
        slept = _watch_sleep(monkeypatch)
        self._fail(transient=True, caplog=caplog, capfd=capfd)
        assert slept == [], "a sink never sleeps: the forwarder waits"

    def test_a_failure_for_good_is_told_as_one(self, caplog: Any, capfd: Any) -> None:
        """What can never succeed is not tried again."""
        self._fail(transient=False, caplog=caplog, capfd=capfd)

    def test_it_may_be_used_by_many_threads(self) -> None:
        """Calls from several threads at once lose, mix and repeat nothing."""
        with _Closing(self.make()) as sink:
            data = [b'{"thread":%d}' % number for number in range(_THREADS * 4)]
            told: list[object] = []

            def work(start: int) -> None:
                for number in range(start, len(data), _THREADS):
                    try:
                        told.extend(sink.send([self.entry(data[number], number)]))
                    except Exception as error:  # noqa: BLE001  # the assertion below shows it
                        told.append(error)

            threads = [threading.Thread(target=work, args=(start,)) for start in range(_THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert told == []
            self._expect(data)

    def test_it_may_be_closed_at_any_time(self) -> None:
        """Closing an unused sink, and closing it twice, do no harm."""
        sink = self.make()
        sink.close()
        sink.close()

    # The means.

    def _expect(self, data: Sequence[bytes]) -> None:
        """Some destinations take a moment to show what they hold."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while len(found := self.taken()) < len(data) and time.monotonic() < end:
            threading.Event().wait(0.01)
        assert sorted(found) == sorted(data)

    def _fail(self, *, transient: bool, caplog: Any, capfd: Any) -> None:
        if not self.fail_call(transient=transient):
            raise SkipTest("this destination never fails so")
        with _Closing(self.make()) as sink:
            told: list[Any] = []
            try:
                told += sink.send([self.entry(_REFUSED)])
            except SinkError as error:
                told.append(error)
            kinds = [_is_transient(each) for each in told]
            assert kinds == [transient], f"told as transient: {kinds}, expected [{transient}]: {told}"
            _check_words(told, caplog, capfd)


class _Closing:
    """Closes a sink at the end of a test."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __enter__(self) -> Sink:
        return self._sink

    def __exit__(self, *_: object) -> None:
        self._sink.close()


def _is_transient(told: SinkError | Rejection) -> bool | None:
    if isinstance(told, Rejection):
        return told.transient
    if isinstance(told, PermanentError):
        return False
    return True if isinstance(told, TransientError) else None  # of neither kind: against the contract


def _batches(entries: Sequence[Entry], most: int) -> list[Sequence[Entry]]:
    return [entries[start : start + most] for start in range(0, len(entries), most)]


def _check_words(told: Sequence[SinkError | Rejection], caplog: Any, capfd: Any) -> None:
    """Codes and reasons are there, and no payload is anywhere that people look."""
    for each in told:
        assert each.code, "a refusal has a code"
        assert PAYLOAD not in f"{each} {each!r}", "no error holds payload"
    output = capfd.readouterr()
    assert PAYLOAD not in output.out + output.err, "a sink prints no payload"
    assert PAYLOAD not in caplog.text, "a sink logs no payload"


def _watch_sleep(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of this thread."""
    slept: list[float] = []
    here, sleep = threading.get_ident(), time.sleep

    def watched(seconds: float) -> None:
        if threading.get_ident() == here:
            slept.append(seconds)
        else:
            sleep(seconds)

    monkeypatch.setattr(time, "sleep", watched)
    return slept
