"""What a run of ``trailforward forward`` reads, and how to continue it after Ctrl-C."""

from __future__ import annotations

import hashlib
import json
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.cli._backfill import Window
from trailforward.cli._input import is_bucket, is_folder
from trailforward.cli._resume import State, StateError
from trailforward.cli._times import parse_time
from trailforward.cli._world import stop
from trailforward.errors import StorageError
from trailforward.sources._gzip import GZIP

if TYPE_CHECKING:
    from trailforward.cli._forward_run import Run

#: The state file of a run that names none. The number identifies what the run reads.
STATE = "trailforward-NUMBER.state.json"


class Plan(NamedTuple):
    """What a run reads.

    Attributes:
        window: which log files; None for every file.
        undelivered: the file for undelivered events; None if they are not kept.
        state: None if the run cannot be resumed.
        backfill: whether it reads folders or buckets.
    """

    window: Window | None
    undelivered: Path | None
    state: State | None
    backfill: bool


def make_plan(
    names: list[str],
    times: tuple[str, str],
    places: tuple[list[str] | None, list[str] | None],
    match: str,
    files: tuple[Path | None, Path | None],
    now: datetime,
) -> Plan:
    """Checks the options about inputs.

    Raises:
        typer.Exit: with 2, after printing what is wrong.
    """
    accounts, regions = places
    undelivered, state_path = files
    backfill = any(is_bucket(name) or is_folder(name) for name in names)
    window = None
    if times[0]:
        window = _window(names, times, accounts, regions, now)
    elif any(is_bucket(name) for name in names):
        stop("s3:// needs --since, because the whole history can be large. Fix: add --since 24h or a date.")
    elif times[1] or accounts or regions:
        stop("--until, --account, and --region need --since. Fix: add --since 24h or a date.")
    if not backfill and state_path is None:
        return Plan(window, undelivered, None, backfill=False)
    if "-" in names:
        stop("Standard input cannot be read again, so forward it in a run without folders and --state.")
    asked = {
        "inputs": [name if is_bucket(name) else str(Path(name).resolve()) for name in names],
        "times": list(times),
        "accounts": sorted(accounts or ()),
        "regions": sorted(regions or ()),
        "match": match,
    }
    if state_path is None:
        state_path = _default(asked) if undelivered is None else Path(f"{undelivered}.state.json")
    if undelivered is None:
        undelivered = Path(f"{str(state_path).removesuffix('.state.json')}.undelivered.ndjson")
    resolved = [f"{time.isoformat()}" for time in window[:2]] if window else []
    state = State(state_path, asked, resolved)
    try:
        state.load()
        if window is not None:
            since, until = map(datetime.fromisoformat, state.window)
            window = window._replace(since=since, until=until)
    except (StateError, ValueError) as error:
        stop(str(error))
    return Plan(window, undelivered, state, backfill=backfill)


def _default(asked: dict[str, Any]) -> Path:
    """A name that differs for runs that read something else, so that they do not disturb each other."""
    number = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]
    return Path(STATE.replace("NUMBER", number))


def _window(
    names: list[str],
    times: tuple[str, str],
    accounts: list[str] | None,
    regions: list[str] | None,
    now: datetime,
) -> Window:
    from trailforward.storage import Location

    for name in names:
        if not is_bucket(name) and not is_folder(name):
            stop(f"{name}: --since is for s3:// and for folders with AWSLogs/. Fix: forward it without.")
        try:
            Location.parse(name)
        except StorageError as error:
            stop(str(error))
    found = []
    for option, text in zip(("--since", "--until"), (times[0], times[1] or "now"), strict=True):
        try:
            found.append(parse_time(text, now))
        except ValueError as error:
            stop(f"{option}: {error}")
    if found[0] >= found[1]:
        stop(f"--since {times[0]} is not before --until {times[1] or 'now'}. Fix: choose an earlier --since.")
    for one in accounts or ():
        if not (one.isascii() and one.isdigit() and len(one) == 12):  # noqa: PLR2004  # digits of an account ID
            stop(f"--account {one}: not an account ID. Fix: write 12 digits, such as 111122223333.")
    return Window(
        found[0], found[1], frozenset(accounts) if accounts else None, frozenset(regions or ()) or None
    )


def options_again(
    to: list[str] | None,
    config: str | None,
    form: str,
    match: str,
    undelivered: Path | None,
    *,
    old: bool | None,
) -> str:
    """The options of a command that continues."""
    parts = [part for one in to or () for part in ("--to", one)]
    parts += ["--config", config] if config else []
    parts += ["--format", form] if form != "raw" else []
    parts += ["--match", match] if match else []
    parts += [] if old is None else ["--no-alerts" if old else "--alerts"]
    parts += ["--undelivered", str(undelivered)] if undelivered else []
    return shlex.join(parts)


def where_to_continue(names: list[str], run: Run, plan: Plan, options: str) -> str:
    """Says where to continue: every event before has an outcome."""
    if plan.state is not None:
        return (
            f"interrupted: {plan.state.files:,} files are done. To continue, run the same command again: "
            f"{plan.state.path} remembers them. Events of the files that were being read may arrive twice"
        )
    files, ref, complete = run.position
    left = names[files:]
    if not left:
        return "interrupted: every event has an outcome"
    name = "stdin" if left[0] == "-" else left[0]
    line = ref.removeprefix(f"{name}:")
    number = int(line) + complete if line != ref and line.isascii() and line.isdigit() else 1
    after = "interrupted: every event before this has an outcome, and the next ones may arrive twice. "
    if left[0] == "-":
        return f"{after}Continue at line {number} of standard input"
    if number == 1:
        return f"{after}Continue: trailforward forward {shlex.join(left)} {options}".rstrip()
    rest = shlex.join(["-", *left[1:]])
    quoted = shlex.quote(left[0])
    tail = f"tail -n +{number} {quoted}"
    if _is_gzipped(left[0]):
        tail = f"gzip -dc {quoted} | tail -n +{number}"
    return f"{after}Continue: {tail} | trailforward forward {rest} {options}".rstrip()


def _is_gzipped(name: str) -> bool:
    try:
        with Path(name).open("rb") as file:
            return file.read(len(GZIP)) == GZIP
    except OSError:
        return False
