"""``trailforward repair``: forwards the events that an audit found missing."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from trailforward.cli._audit_inputs import trail_at
from trailforward.cli._missing import Missing, read_missing
from trailforward.cli._options import ConfigOption, To, load_config
from trailforward.cli._repair_run import RepairRun, works
from trailforward.cli._resume import State, StateError
from trailforward.cli._world import stop
from trailforward.errors import ConfigError, MissingExtraError, StorageError
from trailforward.sources.base import ObjectReader
from trailforward.storage import Location, open_store

if TYPE_CHECKING:
    from trailforward.config import Config
    from trailforward.pipeline.forwarder import Forwarder

#: Events that are older do not alert people, unless ``--alerts`` is given.
_OLD = timedelta(days=1)
_INTERRUPTED = 130


def repair(  # noqa: PLR0913, PLR0917  # the options of a command
    missing: Annotated[Path, typer.Option(help="The list that trailforward audit --missing wrote.")],
    trail: Annotated[
        str, typer.Option(metavar="PLACE", help="Where CloudTrail's log files are, as in the audit.")
    ],
    to: To = None,
    config: ConfigOption = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this sink of the configuration; repeatable."),
    ] = None,
    delivered: Annotated[
        str,
        typer.Option(
            metavar="PLACE", help="The events that arrived, as in the audit: they are not sent again."
        ),
    ] = "",
    receipts: Annotated[
        str,
        typer.Option(
            metavar="PLACE", help="The receipts, as in the audit: each event goes only to sinks that need it."
        ),
    ] = "",
    alerts: Annotated[  # noqa: FBT002  # as Typer calls it
        bool,
        typer.Option("--alerts", help="Also send events older than a day to sinks that alert people."),
    ] = False,
    undelivered: Annotated[
        Path | None,
        typer.Option(help="Append undelivered events to this file. Default: next to --missing."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Remember here which log files are done; the same command continues there. "
            "Default: next to --missing."
        ),
    ] = None,
) -> None:
    """Forward exactly the events that an audit found missing, with the bytes of CloudTrail's log files.

    Each event is marked: replay-name of its envelope is trailforward-repair-NUMBER. Events older than a day
    do not go to sinks that alert people.

    Exit status: 0 every event was delivered or filtered, 1 an event was not, or is not in its log file, 2
    invalid options or configuration, or nothing could be read, 130 interrupted.
    """
    raise typer.Exit(
        forward_missing(
            missing,
            trail,
            to,
            config,
            sink,
            delivered,
            receipts,
            alerts=alerts,
            undelivered=undelivered,
            state=state,
        )
    )


def forward_missing(  # noqa: PLR0913, PLR0917  # the options of a command
    missing: Path,
    trail: str,
    to: list[str] | None,
    config: str | None,
    sink: list[str] | None,
    delivered: str = "",
    receipts: str = "",
    *,
    alerts: bool = False,
    undelivered: Path | None = None,
    state: Path | None = None,
) -> int:
    """Does what :func:`repair` says, with the same options; returns the exit status.

    Raises:
        typer.Exit: with 2; an option, the list, or the configuration is invalid.
    """
    trail = trail_at(trail).place
    listed = read_missing(missing)
    name = f"trailforward-repair-{listed.name}"
    console = Console(stderr=True)
    asked = {"repair": name, "trail": trail, "sinks": sorted(sink or ())}
    remembered = State(state or Path(f"{missing}.state.json"), asked, [])
    status = 0
    run = None
    try:
        with ExitStack() as stack:
            store = open_store(Location.parse(trail))
            stack.callback(store.close)
            loaded = load_config(config, to).config
            _check_sinks(loaded, sink)
            listed = _open(listed, loaded, to, sink, delivered, receipts, console, alerts=alerts)
            if not listed.events:
                console.print("There are no events to repair.")
                return 0
            remembered.load()
            kept = undelivered or Path(f"{missing}.undelivered.ndjson")
            run = RepairRun(console, kept, remembered, listed, name)
            if remembered.resumed:
                run.say(f"Continuing after {remembered.files:,} log files: {remembered.path}")
            forwarder = _forwarder(loaded, run, name, alerts=alerts)
            stack.callback(forwarder.close)
            run.forward(forwarder, works(store, listed), lambda _: ObjectReader())
    except (ConfigError, MissingExtraError, StateError, StorageError) as error:
        stop(str(error))
    except KeyboardInterrupt:
        if run is not None:
            run.problem("interrupted. To continue, run the same command again: some events may arrive twice")
        status = _INTERRUPTED
    if run is not None:
        run.show()
        if run.stopped and remembered.resumed:
            run.say(f"Run the same command again to continue: {remembered.path} remembers what is done.")
    return status or (run.exit_code if run is not None else 0)


def _forwarder(config: Config, run: RepairRun, name: str, *, alerts: bool) -> Forwarder:
    from trailforward.pipeline.repaired import RepairForwarder

    logging.getLogger("trailforward").addHandler(logging.NullHandler())
    since = datetime.min.replace(tzinfo=UTC) if alerts else datetime.now(UTC) - _OLD
    return RepairForwarder(config, name=name, alerts_since=since, telemetry=run)


def _check_sinks(config: Config, names: list[str] | None) -> None:
    for name in names or ():
        if name not in config.sinks:
            stop(f"--sink {name}: the configuration has the sinks {', '.join(config.sinks)}.")


def _open(  # noqa: PLR0913, PLR0917  # the options that decide what is sent where
    listed: Missing,
    config: Config,
    to: list[str] | None,
    given: list[str] | None,
    delivered: str,
    receipts: str,
    console: Console,
    *,
    alerts: bool,
) -> Missing:
    """The list without what arrived meanwhile, with the sinks that need each of the other events."""
    from trailforward.cli._arrived import addressed, arrived, settled

    there = arrived(delivered, listed) if delivered else set()
    said = settled(receipts, listed, alerts=alerts) if receipts else {}
    files = {
        key: {index: row for index, row in rows.items() if row.event_id not in there}
        for key, rows in listed.files.items()
    }
    names = () if to else list(config.sinks)
    asked = addressed(listed, {}, names, given)
    left = addressed(listed._replace(files=files), said, names, given)
    if elsewhere := listed.events - asked.events:
        console.print(f"Missing at other sinks, and not sent: {elsewhere:,}", highlight=False)
    if found := asked.events - left.events:
        console.print(f"Arrived meanwhile, and not sent again: {found:,}", highlight=False)
    return left
