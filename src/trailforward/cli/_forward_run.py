"""One run of ``trailforward forward``: reads, forwards in batches, and accounts for every event."""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from rich.table import Table

from trailforward import redelivery
from trailforward.cli._backfill import Listing, read_ahead
from trailforward.cli._forward_progress import Meter, showing
from trailforward.cli._resume import StateError
from trailforward.errors import EventError, StorageError
from trailforward.outcome import Fate, Totals
from trailforward.pipeline.batching import message_batches
from trailforward.pipeline.telemetry import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from trailforward.cli._backfill import Work
    from trailforward.cli._resume import State
    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.patterns import Pattern
    from trailforward.pipeline.forwarder import Forwarder
    from trailforward.pipeline.sender import SinkState
    from trailforward.sources.base import ObjectReader

_SHOWN = 10
#: Reasons that are counted separately, so that a file of bad events does not fill the memory.
_KEPT = 1_000
#: Problems that are shown; the others are counted.
_PROBLEMS = 50
#: How Python names the error of a pipe whose reader has ended.
_CLOSED_PIPE = frozenset({"EPIPE", "EBADF"})


class Position(NamedTuple):
    """Up to where everything has an outcome, if there is no state file.

    Attributes:
        files: how many inputs are done.
        ref: the last event that was forwarded: ``FILE:LINE`` or ``FILE#NUMBER``.
        complete: whether its line is done: a line can hold several events.
    """

    files: int = 0
    ref: str = ""
    complete: bool = True


class Run:
    """One run of the command. It is also the telemetry of the forwarder, and collects the outcomes.

    Args:
        console: standard error.
        undelivered: events that were not delivered are appended to this file; None to keep none.
        state: remembers which files are done; None if the run cannot be resumed.
        pattern: only events that match are forwarded; None for all.

    Attributes:
        problems: sentences about what went wrong, except with single events.
        position: up to where everything has an outcome.
        pipes: names of the sinks that write to standard output.
        keeps_unread: whether events that nobody read from standard output are undelivered events to keep.
        closed: whether nobody reads standard output any more.
        stopped: whether reading ended early.
        began: whether a file was read.
    """

    def __init__(
        self,
        console: Console,
        undelivered: Path | None = None,
        state: State | None = None,
        pattern: Pattern | None = None,
    ) -> None:
        self.problems: list[str] = []
        self.position = Position()
        self.pipes: frozenset[str] = frozenset()
        self.keeps_unread = True
        self.closed = False
        self.began = False
        self.stopped = self._failed = False
        self._more_problems = 0
        self._console = console
        self._undelivered = undelivered
        self._kept = 0
        self._state = state
        self._pattern = pattern
        self._unmatched = 0
        self._totals: dict[str, Totals] = {}
        self._troubles: Counter[tuple[str, str, str]] = Counter()
        self._examples: dict[tuple[str, str, str], str] = {}
        self._balanced = True
        # Messages read and forwarded, and for each file that was read: how many messages were read then.
        self._read = self._forwarded = 0
        self._latest = ""
        self._ends: deque[tuple[int, Work]] = deque()

    @property
    def exit_code(self) -> int:
        """0 if every event was delivered or filtered, 2 if nothing could be read, else 1."""
        if self._failed and not self.began:
            return 2
        clean = self._balanced and not self.problems and not self._troubles
        return 0 if clean else 1

    def forward(
        self, forwarder: Forwarder, works: Iterator[Work], reader: Callable[[Work], ObjectReader]
    ) -> None:
        """Reads all files and forwards their events in batches.

        Args:
            forwarder: with this run as its telemetry.
            works: the files.
            reader: reads the objects that notifications in a file name.
        """
        listing = Listing(works)
        meter = Meter(listing)

        def passed(work: Work) -> bool:
            done = self._state is not None and self._state.passed(work.place)
            if done:
                meter.skip(work.size)
            return done

        states: dict[str, SinkState] = {}  # a sink that refuses everything is not called again
        with showing(self._console, meter) as show:
            messages = self._messages(read_ahead(listing, passed), reader, meter, show)
            for batch in message_batches(messages):
                forwarder.forward(batch, states=states)
                self._forwarded += len(batch)
                self._settle(batch[-1].origin.ref)
                show()
                if self.stopped:
                    return
            self._settle("")
        if self._state is not None and not self.stopped:
            self._state.remove()

    def _messages(
        self,
        works: Iterator[Work],
        reader: Callable[[Work], ObjectReader],
        meter: Meter,
        show: Callable[[], None],
    ) -> Iterator[Message]:
        try:
            for work in works:
                yield from self._file(work, reader(work), meter, show)
                if self.stopped:
                    return
                meter.files += 1
                meter.bytes, meter.current = meter.bytes + work.size, 0
                self._ends.append((self._read, work))
                show()
        except (StorageError, OSError) as error:  # of the listing
            self._fail(_text(error, ""))

    def _file(
        self, work: Work, reader: ObjectReader, meter: Meter, show: Callable[[], None]
    ) -> Iterator[Message]:
        try:
            with work.open() as file:
                self.began = True
                for message in self.events(file, work, reader):
                    meter.events += 1
                    if work.read is None and work.size:
                        meter.current = file.tell()
                    show()
                    if self._wanted(message):
                        self._read += 1
                        self._latest = message.origin.ref
                        yield message
        except StorageError as error:
            # The next file would probably fail as well, and a resumed run must read this one again.
            if error.code == "unavailable" or (error.code == "access_denied" and not self.began):
                self._fail(str(error))
            else:
                self.problem(str(error))
        except EventError as error:
            text = str(error)
            self.problem(text if text.startswith(work.name) else f"{work.name}: {text}")
        except OSError as error:
            self.problem(_text(error, work.name))

    def events(self, file: BinaryIO, work: Work, reader: ObjectReader) -> Iterator[Message]:
        """The events of a file.

        Raises:
            EventError: the file is damaged. What was read before has been yielded.
        """
        from trailforward.sources import file as source

        return source.read(file, work.name, reader)

    def _wanted(self, message: Message) -> bool:
        """Whether to forward a message: what is not an event always, so that it is reported."""
        if self._pattern is None:
            return True
        try:
            wanted = self._pattern.matches(message.event)
        except EventError:
            return True
        self._unmatched += not wanted
        return wanted

    def _settle(self, ref: str) -> None:
        """Remembers what is done after a batch, of which this was the last message."""
        if self.closed:
            return  # whoever read standard output did not get the batch
        done = 0
        while self._ends and self._ends[0][0] <= self._forwarded:
            count, work = self._ends.popleft()
            done += 1
            if count == self._forwarded:
                ref = ""  # it was the last one of its file
            if self._state is not None:
                self._state.finish(work.place)
        complete = self._read == self._forwarded or self._latest != ref
        self.position = Position(self.position.files + done, ref, complete)
        if done and self._state is not None:
            try:
                self._state.save()
            except StateError as error:
                self._fail(str(error))

    def problem(self, text: str) -> None:
        """Adds a sentence to the summary. The run then ends with status 1."""
        if len(self.problems) < _PROBLEMS:
            self.problems.append(text)
        else:
            self._more_problems += 1

    def _fail(self, text: str) -> None:
        """Ends reading because of a problem."""
        self.stopped = self._failed = True
        self.problem(text)

    def publish(self, outcome: Outcome) -> None:
        """Adds a batch to the summary, and writes undelivered events to the file of ``--undelivered``."""
        for sink in outcome.accounts:
            self._totals[sink] = self._totals.get(sink, Totals()) + outcome.totals(sink)
        self._balanced &= not outcome.breaks
        for index, message in enumerate(outcome.messages):
            owed = {}
            for sink, verdicts in outcome.verdicts.items():
                verdict = verdicts.get(index)
                if verdict is not None and verdict.fate in {Fate.DEAD_LETTERED, Fate.RETURNED}:
                    if sink in self.pipes and verdict.code in _CLOSED_PIPE:
                        self.closed = self.stopped = True
                        if not self.keeps_unread:
                            continue
                    key = sink, verdict.code, verdict.reason
                    if key not in self._troubles and len(self._troubles) >= _KEPT:
                        key = sink, verdict.code, ""  # reasons with positions differ from event to event
                    self._troubles[key] += 1
                    self._examples.setdefault(key, message.origin.ref)
                    owed[sink] = verdict
            if owed and self._undelivered is not None:
                try:
                    self._keep(message, owed)
                except OSError as error:
                    self._unkept(f"{self._undelivered}: {error.strerror}")

    def _unkept(self, text: str) -> None:
        self.problem(text)
        if self._state is not None:  # a resumed run must read these events again
            self.stopped = True
            self._ends.clear()
            self._state = None

    def _keep(self, message: Message, owed: dict[str, Any]) -> None:
        verdict = next(iter(owed.values()))
        attributes = redelivery.to_attributes(
            message, owed, code=verdict.code, reason=verdict.reason, attempts=verdict.attempts
        )
        with Path(str(self._undelivered)).open("ab") as file:
            file.write(redelivery.to_json_line(message.raw, attributes) + b"\n")
        self._kept += 1

    def error(self, text: str, **fields: Any) -> None:
        """Records an error of a sink or format."""
        self.problem(f"{text}: {', '.join(f'{name} {value}' for name, value in fields.items())}")

    def fault(self, sink: str, error: BaseException) -> None:
        """Records an unexpected exception of a sink or format."""
        self.error("a sink or format failed", sink=sink, **place_of(error))

    def refusing(self, sink: str, code: str, problem: str, fix: str) -> None:  # noqa: ARG002  # in the problem
        """Records that the run does not send to a sink any more. A run that can be resumed ends."""
        if self.closed:
            self.problem(f"{sink}: nobody reads standard output any more, so reading stopped")
            return
        what = "so the rest was not sent" if self._state is None else "so reading stopped"
        self.problem(f"{sink} refuses everything, {what}: {problem}. Fix: {fix}")
        self.stopped |= self._state is not None

    def show(self) -> None:
        """Prints the summary."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("sink", overflow="fold")
        for name in ("received", *(str(fate) for fate in Fate)):
            table.add_column(name.replace("_", "-"), justify="right")
        for sink, totals in self._totals.items():
            figures = (totals.received, *(getattr(totals, fate) for fate in Fate))
            table.add_row(sink, *(f"{figure:,}" for figure in figures))
        if self._totals:
            self._console.print(table)
        else:
            self.say("There were no events to forward.")
        if self._unmatched:
            self.say(f"{self._unmatched:,} events do not match --match, and were not forwarded.")
        self._show_troubles()
        if not self._balanced:
            self.say("The ledger does not add up. This is a bug: please report it.")
        for problem in self.problems:
            self.say(problem)
        if self._more_problems:
            self.say(f"… and {self._more_problems:,} further problems")

    def _show_troubles(self) -> None:
        for (sink, code, reason), count in self._troubles.most_common(_SHOWN):
            place = self._examples[sink, code, reason]
            text = f"{count:,} not delivered to {sink}: {code}"
            text += f" ({reason})" if reason else ""
            self.say(f"{text}, first at {place}")
        if len(self._troubles) > _SHOWN:
            self.say(f"… and {len(self._troubles) - _SHOWN} further reasons")
        if self._kept:
            self.say(f"written to {self._undelivered}")

    def say(self, text: str) -> None:
        """Prints a line on standard error."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _text(error: StorageError | OSError, name: str) -> str:
    if isinstance(error, StorageError):
        return str(error)
    return f"{name or error.filename}: {error.strerror}"
