"""Forwards the records of log files, all or those of a list of missing events, and adds up their fates.

A child execution saves how far it is. If it runs again, it continues there, so that only the files between
two saves may be forwarded twice, if the function was killed.
"""

from __future__ import annotations

import io
import time
from bisect import bisect_right
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from trailforward.audit.steps.explaining import configuration
from trailforward.audit.steps.folder import Folder, together
from trailforward.audit.steps.ledger import Collector, Ledger, SinkRefusesError
from trailforward.audit.steps.missing import Row, events_of
from trailforward.audit.steps.settings import StepError
from trailforward.errors import EventError, StorageError
from trailforward.pipeline.batching import message_batches
from trailforward.pipeline.old_alerts import BackfillForwarder
from trailforward.pipeline.repaired import RepairForwarder
from trailforward.sources import file as source
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from trailforward.audit.steps.run import Run
    from trailforward.aws.objects import S3Object
    from trailforward.message import Message
    from trailforward.pipeline.forwarder import Forwarder
    from trailforward.pipeline.sender import SinkState

#: Events that are older do not alert people, unless the input has ``alerts``.
_OLD = timedelta(days=1)
#: Files and bytes that are forwarded together; then they are done.
_CHUNK_FILES, _CHUNK_BYTES = 25, 1024 * 1024
_READERS = 16
#: Seconds between two saves, and seconds that are kept for the last one.
_SAVE_SECONDS, RESERVE = 20.0, 60.0
#: Bytes of undelivered events that are held; then the function saves.
_MOST_UNDELIVERED = 32 * 1024 * 1024


class _File(NamedTuple):
    """A log file of a child execution, its group, and the events that a repair wants of it."""

    group: int
    key: str
    size: int
    rows: tuple[Row, ...] = ()


class _Save:
    """How far a child execution is: files of each group, and the ledger.

    Args:
        run: of the execution.
        groups: of the child.
    """

    def __init__(self, run: Run, groups: Sequence[dict[str, int]]) -> None:
        self.ledger = Ledger()
        self.done: Counter[int] = Counter()
        self._folder = run.folder
        self._name = f"{groups[0].get('round', 0):04d}-{groups[0]['group']:07d}"
        self._saves = 0
        self._last = time.monotonic()
        if (found := run.folder.find_json(f"forwarded/{self._name}.json")) is not None:
            self.ledger.add(found["ledger"])
            self.done.update({int(group): files for group, files in found["done"].items()})
            self._saves = found["saves"]

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        held = sum(map(len, self.ledger.undelivered))
        return time.monotonic() - self._last > _SAVE_SECONDS or held > _MOST_UNDELIVERED

    def write(self) -> None:
        """Saves. The undelivered events come first, so that none is lost."""
        if lines := self.ledger.undelivered:
            body = b"\n".join(lines) + b"\n"
            self._folder.put(
                f"undelivered/{self._name}-{self._saves:05d}.ndjson", body, "application/x-ndjson"
            )
            lines.clear()
        self._saves += 1
        value = {"saves": self._saves, "done": self.done, "ledger": self.ledger.as_json()}
        self._folder.put_json(f"forwarded/{self._name}.json", value)
        self._last = time.monotonic()


def forward(run: Run, groups: Sequence[dict[str, int]]) -> dict[str, Any]:
    """Forwards the log files of some groups, or as many of them as the time allows.

    Raises:
        SinkRefusesError: a sink refuses everything.
        StepError: the time was too short for anything.
        StorageError: log files cannot be read at the moment.
        ConfigError: the configuration is invalid.
    """
    save = _Save(run, groups)
    before = {one["group"]: one.get("done", 0) + save.done[one["group"]] for one in groups}
    files = [
        file
        for _, of_group in groupby(_files(run, groups), lambda file: file.group)
        for index, file in enumerate(of_group)
        if index >= before[file.group]
    ]
    collector = Collector()
    forwarder = _forwarder(run, collector)
    states: dict[str, SinkState] = {}
    count = 0
    try:
        for chunk in _chunks(files):
            if run.seconds < RESERVE:
                break
            tried = _forward_chunk(run, forwarder, collector, chunk, states)
            if collector.refused:
                save.write()
                raise SinkRefusesError(f"{collector.refused}. Then redrive the execution: it continues here.")
            save.ledger.add(tried.as_json())
            save.ledger.undelivered += tried.undelivered
            save.done.update(Counter(file.group for file in chunk))
            count += len(chunk)
            if save.due:
                save.write()
    finally:
        forwarder.close()
    if files and not count:
        raise StepError("The time was too short for 25 log files. Fix: start again with groups_per_child 1.")
    save.write()
    return {"files": count, "of": len(files), "events": save.ledger.events}


def _forwarder(run: Run, telemetry: Collector) -> Forwarder:
    wanted = run.request
    config = configuration()
    since = None if wanted.alerts else wanted.started - _OLD
    if wanted.mode == "backfill":
        return BackfillForwarder(config, alerts_since=since, telemetry=telemetry)
    name = run.folder.get_json("repair.json")["name"]
    never = datetime.min.replace(tzinfo=UTC)
    return RepairForwarder(config, name=name, alerts_since=since or never, telemetry=telemetry)


def _files(run: Run, groups: Sequence[dict[str, int]]) -> list[_File]:
    firsts = [group["first"] for group in groups]
    of = [group["group"] for group in groups]
    listed = listed_in(run)
    return [
        _File(
            of[bisect_right(firsts, number) - 1],
            row[0],
            row[1],
            tuple(Row(*one) for one in row[2]) if listed == "repair" else (),
        )
        for number, row in run.rows(listed, groups)
    ]


def listed_in(run: Run) -> str:
    """The name of the list that a mode forwards."""
    return "repair" if run.request.mode == "repair" else "trail"


def _chunks(files: Sequence[_File]) -> Iterator[list[_File]]:
    chunk: list[_File] = []
    size = 0
    for file in files:
        if chunk and (len(chunk) >= _CHUNK_FILES or size + file.size > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(file)
        size += file.size
    if chunk:
        yield chunk


def _forward_chunk(
    run: Run,
    forwarder: Forwarder,
    collector: Collector,
    files: Sequence[_File],
    states: dict[str, SinkState],
) -> Ledger:
    """Forwards some files, and returns their ledger."""
    ledger = collector.ledger = Ledger()
    with ThreadPoolExecutor(_READERS) as pool:
        bodies = [pool.submit(run.trail.read, file.key).result for file in files]
        messages = chain.from_iterable(
            _messages(run, file, body, ledger) for file, body in zip(files, bodies, strict=True)
        )
        for batch in message_batches(_counted(messages, ledger)):
            forwarder.forward(batch, states=states, seconds=max(run.seconds - RESERVE / 2, 1.0))
            if collector.refused:
                break
    ledger.files = len(files)
    return ledger


def _counted(messages: Iterable[Message], ledger: Ledger) -> Iterator[Message]:
    for message in messages:
        ledger.events += 1
        yield message


def _messages(run: Run, file: _File, read: Callable[[], bytes], ledger: Ledger) -> Iterator[Message]:
    """The events of a log file; what is damaged becomes a problem."""
    name = f"{run.trail.location}{file.key}"
    try:
        if run.request.mode == "repair":
            mark = run.folder.get_json("repair.json")["name"]
            owed = frozenset(run.request.sinks or run.request.sink_names or ())
            yield from events_of(read(), name, file.rows, mark, owed, ledger.problem)
        else:
            yield from source.read(io.BytesIO(read()), name, ObjectReader(_refuse))
    except StorageError as error:
        if error.code == "unavailable":  # the next file would probably fail as well
            raise
        ledger.problem(str(error))
    except EventError as error:
        text = str(error)
        ledger.problem(text if text.startswith(name) else f"{name}: {text}")


def _refuse(s3_object: S3Object) -> Iterable[bytes]:
    text = f"a log file names the object s3://{s3_object.bucket}/{s3_object.key}, which is not followed"
    raise EventError("not_followed", text[:300])


def add_up(run: Run, turn: dict[str, Any]) -> dict[str, Any]:
    """Adds up what became of all events, and writes it to the reports.

    Args:
        run: of the execution.
        turn: the number of the map's run, and how many files were done before.

    Returns:
        ``done``; if it is false, the state machine runs the map again with the list of what is left.

    Raises:
        StepError: events were not delivered, or log files cannot be forwarded. The text has the fix.
    """
    ledger = Ledger()
    done: Counter[int] = Counter()
    names = [name for name, _ in run.folder.names("forwarded/")]
    for found in together([lambda name=name: run.folder.get_json(name) for name in names]):  # type: ignore[misc]
        ledger.add(found["ledger"])
        done.update({int(group): files for group, files in found["done"].items()})
    left = [
        {**group, "done": done[group["group"]], "round": turn["round"] + 1}
        for group in map(orjson.loads, run.folder.lines(f"{listed_in(run)}-groups.jsonl"))
        if done[group["group"]] < group["files"]
    ]
    if not left:
        return _finish(run, ledger)
    if ledger.files == turn["files"]:
        raise StepError(
            f"{len(left):,} groups of log files could not be forwarded: their child executions failed. Fix: "
            "look for the errors of the map run, remove the cause, and start the execution again."
        )
    items = f"left-{turn['round'] + 1:04d}.jsonl"
    run.folder.put(items, b"".join(orjson.dumps(one) + b"\n" for one in left), "application/x-ndjson")
    number = turn["round"] + 1
    return {"done": False, "cursor": {}, "items": items, "round": number, "files": ledger.files, "result": {}}


def _finish(run: Run, ledger: Ledger) -> dict[str, Any]:
    mode = run.request.mode
    folder = Folder(run.s3, run.settings.bucket, f"reports/{run.request.started:%Y/%m/%d}/{run.request.run}/")
    place = f"s3://{folder.bucket}/{folder.prefix}"
    undelivered = 0
    with folder.writer("undelivered.ndjson") as out:
        for name, _ in run.folder.names("undelivered/"):
            text = run.folder.get(name)
            undelivered += text.count(b"\n")
            out.write(text)
    folder.put_json(f"{mode}.json", {"mode": mode, **ledger.as_json(), "undelivered": undelivered})
    if undelivered or ledger.problems or not ledger.balanced:
        first = (ledger.problems or ["none"])[0]
        raise StepError(
            f"{undelivered:,} events were not delivered, and there are "
            f"{len(ledger.problems) + ledger.more_problems:,} problems, the first is: {first}. "
            f"Fix: read {place}{mode}.json, and forward {place}undelivered.ndjson with trailforward forward."
        )
    sums = {name: totals._asdict() for name, totals in ledger.sinks.items()}
    result = {
        "log_files": ledger.files,
        "events": ledger.events,
        "sinks": sums,
        "report": f"{place}{mode}.json",
    }
    return {"done": True, "cursor": {}, "items": "", "round": 0, "files": ledger.files, "result": result}
