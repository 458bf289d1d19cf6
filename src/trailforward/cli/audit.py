"""``trailforward audit``: did every event that CloudTrail wrote to S3 arrive?"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trailforward.cli._arrived import receipts_place
from trailforward.cli._audit_inputs import read_known, trail_at
from trailforward.cli._files import keep_inputs, write_file, write_lines
from trailforward.cli._progress import showing_progress
from trailforward.cli._world import split, stop
from trailforward.errors import MissingExtraError, StorageError

if TYPE_CHECKING:
    from trailforward.audit.report import Result

_FORMS = ("terminal", "json", "markdown", "html")


def audit(  # noqa: PLR0913, PLR0915, PLR0917  # the options of a command
    trail: Annotated[
        str, typer.Option(metavar="PLACE", help="Where CloudTrail writes its log files: above AWSLogs.")
    ],
    since: Annotated[str, typer.Option(metavar="TIME", help="First delivery time of log files, in UTC.")],
    until: Annotated[
        str, typer.Option(metavar="TIME", help="End of the delivery times, in UTC; now by default.")
    ] = "",
    delivered: Annotated[
        str,
        typer.Option(
            metavar="PLACE", help="The events that arrived: NDJSON, Firehose's files, or log files."
        ),
    ] = "",
    receipts: Annotated[
        str, typer.Option(metavar="PLACE", help="Instead of --delivered: the receipts of all events.")
    ] = "",
    sink: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Sink whose events --delivered has; with --receipts, the only sink that counts.",
        ),
    ] = "",
    account: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Audit only this account; repeatable.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(metavar="REGION", help="Audit only this Region; repeatable.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Configuration of the forwarder, for its routes.")
    ] = None,
    own_role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARN",
            help="Role of the forwarder, whose own calls it leaves out, and its resources; repeatable.",
        ),
    ] = None,
    snapshot: Annotated[
        Path | None, typer.Option(help="Snapshot of trailforward doctor, for the rules and reasons.")
    ] = None,
    rule: Annotated[
        str,
        typer.Option(metavar="NAME", help="Names of forwarding rules that are not in a snapshot, with *."),
    ] = "*trailforward*",
    wait: Annotated[
        float, typer.Option(metavar="HOURS", help="Age below which a missing event is pending, in hours.")
    ] = 24.0,
    compare: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--compare/--no-compare", help="Compare the bytes of the events, too.")
    ] = True,
    digests: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--digests", help="Check CloudTrail's digests of the log files, too.")
    ] = False,
    public_keys: Annotated[
        Path | None, typer.Option(help="Public keys of CloudTrail; by default, ListPublicKeys is called.")
    ] = None,
    original: Annotated[
        str, typer.Option(metavar="PLACE", help="Where CloudTrail wrote the files, if --trail is a copy.")
    ] = "",
    delivered_since: Annotated[
        str, typer.Option(metavar="DAY", help="First day of the delivered files; by default the day before.")
    ] = "",
    delivered_until: Annotated[
        str, typer.Option(metavar="DAY", help="Last day of the delivered files; today by default.")
    ] = "",
    state: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep what was read here, to continue after a stop.")
    ] = None,
    format: Annotated[str, typer.Option(metavar="|".join(_FORMS), help="Report format.")] = "terminal",  # noqa: A002
    output: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    missing: Annotated[
        Path | None, typer.Option(help="Write the unexpectedly missing events to this file, as NDJSON.")
    ] = None,
    repair: Annotated[  # noqa: FBT002  # as Typer calls it
        bool,
        typer.Option("--repair", help="Forward these events, as trailforward repair does with --config."),
    ] = False,
) -> None:
    """Compare CloudTrail's log files with what arrived, and explain what did not.

    Exit status: 0 nothing is unexpectedly missing, 1 something is, or digests prove a change, 2 undetermined,
    not everything could be read, or wrong options, 3 an internal error. With --repair, events that were
    repaired do not count as missing
    """
    place = _place(delivered, receipts)
    needs = own_role or (sink if delivered else "")
    _check_options(format, needs, config, digests=digests, more=public_keys is not None or bool(original))
    _check_repair(missing, config, wanted=repair)
    inputs = {
        "--snapshot": snapshot,
        "--public-keys": public_keys,
        "--trail": _path(trail),
        "--delivered" if delivered else "--receipts": _path(place),
    }
    keep_inputs({"--output": output, "--missing": missing}, inputs)
    try:
        from trailforward.audit.places import AuditError
        from trailforward.audit.plan import begin, finish
        from trailforward.audit.reasons import assumptions
        from trailforward.audit.run import Audit
        from trailforward.audit.run import audit as run
        from trailforward.cli._audit_digests import check, stop_with
    except MissingExtraError as error:
        stop(str(error))
    logs = trail_at(trail, split(account), split(region))
    asked = [*map(str, logs), place, since, until, compare, sink, delivered_since, delivered_until]
    times = [
        _time(option, text) if text else None
        for option, text in (
            ("--since", since),
            ("--until", until),
            ("--delivered-since", delivered_since),
            ("--delivered-until", delivered_until),
        )
    ]
    known = read_known(config, sink, split(own_role), snapshot, rule)
    try:
        now = begin(state, {"audit": asked}, datetime.now(UTC))
    except AuditError as error:
        stop(str(error))
    young = f"{now - timedelta(hours=wait):%Y-%m-%dT%H:%M:%SZ}"
    wanted = Audit(
        logs.place,
        place,
        times[0] or now,
        times[1] or now.replace(second=0),
        logs.accounts,
        logs.regions,
        exact=compare,
        receipts=bool(receipts),
        sink=sink if receipts else "",
        sinks=known.sinks,
        delivered_since=times[2],
        delivered_until=times[3],
        now=now,
        explained_by=known.fingerprint(young),
    )
    if wanted.since >= wanted.until:
        finish(state)
        stop(f"--since {since} is not before --until {until or 'now'}.")

    found = None
    try:
        with tempfile.TemporaryDirectory(prefix="trailforward-audit-") as folder, showing_progress() as show:
            if digests:
                found = check(wanted, public_keys, original, show, state)
            result = run(
                wanted, lambda changes: known.classifier(changes, young), state or Path(folder), show
            )
            result.digests = found
    except (AuditError, StorageError, MissingExtraError) as error:
        if not isinstance(error, StorageError) or error.code != "unavailable":
            finish(state)  # the next run has other options
        stop_with(str(error), found)
    except OSError as error:
        stop(f"{error.filename or 'a file'}: {error.strerror}")
    result.assumptions = assumptions(
        rule, snapshot=snapshot is not None, config=config is not None, receipts=bool(receipts)
    )
    result.sink, result.listed_in = sink, str(missing or "")
    if missing is not None:
        write_lines(missing, map(json.dumps, result.unexpected))
    _report(result, format, output)
    finish(state)
    if repair and missing is not None and result.unexpected:
        from trailforward.cli.repair import forward_missing

        failed = forward_missing(missing, trail, None, config, [sink] if sink else None, receipts=receipts)
        raise typer.Exit(failed or result.exit_code_repaired)
    raise typer.Exit(result.exit_code)


def _report(result: Result, form: str, output: Path | None) -> None:
    """Prints or writes the report."""
    from rich.console import Console

    from trailforward.audit.report import print_terminal, render

    if output is not None:
        write_file(output, render(result, form) + "\n")
    elif form == "terminal":
        print_terminal(result, Console())
    else:
        typer.echo(render(result, form))


def _check_options(form: str, needs_config: object, config: str | None, *, digests: bool, more: bool) -> None:
    if form not in _FORMS:
        stop(f"Unknown format {form}: choose one of {', '.join(_FORMS)}.")
    if more and not digests:
        stop("--public-keys and --original need --digests.")
    if needs_config and config is None:
        stop("--sink and --own-role need --config, which says what the forwarder does.")


def _place(delivered: str, receipts: str) -> str:
    """Where the side to compare with is."""
    if bool(delivered) == bool(receipts):
        stop("Give either --delivered, for the events that arrived, or --receipts.")
    return delivered or receipts_place(receipts)


def _check_repair(missing: Path | None, config: str | None, *, wanted: bool) -> None:
    if wanted and (config is None or missing is None):
        stop("--repair needs --config, for the sinks, and --missing, for the list of what is forwarded.")


def _path(place: str) -> Path | None:
    return None if place.startswith("s3://") else Path(place)


def _time(option: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        stop(f"{option} {text}: write a time such as 2026-11-26T00:00Z.")
    time = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return time.astimezone(UTC)
