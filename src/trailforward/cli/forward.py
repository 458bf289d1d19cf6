"""``trailforward forward``: forwards events from files, folders, buckets, or standard input."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from trailforward.aws.objects import Objects
from trailforward.cli._backfill import find
from trailforward.cli._completion import complete_detection
from trailforward.cli._forward_plan import STATE, make_plan, options_again, where_to_continue
from trailforward.cli._forward_run import Run
from trailforward.cli._options import ConfigOption, Inputs, To, load_config
from trailforward.cli._resume import StateError
from trailforward.cli._world import stop
from trailforward.errors import ConfigError, EventError, MissingExtraError
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.aws.objects import S3Object
    from trailforward.cli._backfill import Work
    from trailforward.cli._forward_plan import Plan
    from trailforward.config import Config
    from trailforward.pipeline.forwarder import Forwarder

#: Events that are older do not alert people, unless ``--alerts`` is given.
_OLD = timedelta(days=1)
_INTERRUPTED = 130


def forward(  # noqa: PLR0913, PLR0917  # the options of a command
    inputs: Inputs = None,
    to: To = None,
    config: ConfigOption = None,
    format: Annotated[  # noqa: A002
        str, typer.Option("--format", help="The format for all --to destinations: raw, record, or text.")
    ] = "raw",
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Only log files that CloudTrail delivered at this time or later: 2026-11-26, "
            "2026-11-26T08:30Z, or 24h (ago). Required for s3://; a folder must contain AWSLogs/.",
        ),
    ] = "",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="Only log files delivered before this time. Default: now.")
    ] = "",
    account: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="With --since: only this account. Repeatable.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(metavar="REGION", help="With --since: only this Region. Repeatable.")
    ] = None,
    match: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            help="Only events that match: JSON, a file, or the @NAME of a detection.",
            autocompletion=complete_detection,
        ),
    ] = "",
    alerts: Annotated[
        bool | None,
        typer.Option(
            "--alerts/--no-alerts",
            help="Whether events older than a day go to sinks that alert people. "
            "Default: not from folders and s3://.",
        ),
    ] = None,
    undelivered: Annotated[
        Path | None,
        typer.Option(
            help="Append undelivered events to this file, with the reason. Forward the file again later."
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Remember here which files are done; the same command continues there. Default for folders "
            f"and s3://: next to --undelivered, or {STATE}."
        ),
    ] = None,
) -> None:
    """Forward events from files, folders, buckets, or standard input; report the outcome of each.

    Exit status: 0 every event was delivered or filtered, 1 an event was not or a file could not be read, 2
    invalid options or configuration, or nothing could be read, 130 interrupted.
    """
    names = list(inputs or ["-"])
    now = datetime.now(UTC)
    plan = make_plan(names, (since, until), (account, region), match, (undelivered, state), now)
    old = alerts is False or (alerts is None and plan.backfill)
    pattern = None
    if match:
        from trailforward.cli.match import read_pattern

        pattern = read_pattern(match)
    console = Console(stderr=True)
    run = Run(console, plan.undelivered, plan.state, pattern)
    options = options_again(to, config, format, match, undelivered, old=old if alerts is not None else None)
    status = 0
    try:
        with ExitStack() as stack:
            loaded = load_config(config, to, format).config
            run.pipes = frozenset(name for name, settings in loaded.sinks.items() if settings.to == "stdout:")
            run.keeps_unread = state is not None or undelivered is not None or plan.state is None
            forwarder = _forwarder(loaded, run, now - _OLD if old else None)
            stack.callback(forwarder.close)
            objects = Objects(loaded.pipeline.bucket_owners)
            stack.callback(objects.close)
            if plan.state is not None and plan.state.resumed:
                run.say(f"Continuing after {plan.state.files:,} files: {plan.state.path}")
            works = find(names, plan.window, run.problem, _written(loaded, plan))
            run.forward(forwarder, works, lambda work: _reader(work, objects))
    except (ConfigError, MissingExtraError, StateError) as error:
        stop(str(error))
    except KeyboardInterrupt:
        run.problem(where_to_continue(names, run, plan, options))
        status = _INTERRUPTED
    run.show()
    if run.closed and not status:
        if plan.state is not None and state is None and undelivered is None:
            plan.state.remove()
        raise BrokenPipeError
    if run.stopped and plan.state is not None:
        if plan.state.resumed:
            run.say(f"Run the same command again to continue: {plan.state.path} remembers what is done.")
        else:
            plan.state.remove()
    raise typer.Exit(status or run.exit_code)


def _forwarder(config: Config, run: Run, alerts_since: datetime | None) -> Forwarder:
    """Creates the forwarder, with the run as its telemetry."""
    from trailforward.pipeline.forwarder import Forwarder
    from trailforward.pipeline.old_alerts import BackfillForwarder

    logging.getLogger("trailforward").addHandler(logging.NullHandler())
    if alerts_since is None:
        return Forwarder(config, telemetry=run)
    return BackfillForwarder(config, alerts_since=alerts_since, telemetry=run)


def _written(config: Config, plan: Plan) -> list[Path]:
    """The files that the run writes."""
    written = [settings.to for settings in config.sinks.values()]
    written += [config.pipeline.dead_letter or "", config.pipeline.retry_queue or ""]
    found = [Path(to.removeprefix("file:")) for to in written if to.startswith("file:")]
    found += [plan.undelivered] if plan.undelivered is not None else []
    found += [plan.state.path] if plan.state is not None else []
    return found


def _reader(work: Work, objects: Objects) -> ObjectReader:
    """Reads the objects that notifications name. Log files of a bucket contain none that may be followed."""
    return ObjectReader(objects if work.read is None else _refuse)


def _refuse(s3_object: S3Object) -> Iterable[bytes]:
    text = f"a log file names the object s3://{s3_object.bucket}/{s3_object.key}, which is not followed"
    raise EventError("not_followed", text[:300])
