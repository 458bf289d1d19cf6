"""``trailforward check-sinks``: sends a test event to every sink, or only connects."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trailforward.cli._options import ConfigArgument, To, load_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.pipeline.sink_check import SinkCheck


def check_sinks(
    config: ConfigArgument = None,
    to: To = None,
    dry_run: Annotated[  # noqa: FBT002  # as Typer calls it
        bool,
        typer.Option(
            "--dry-run",
            help="Send nothing: read the secrets, connect with TLS, and ask IAM for the permission.",
        ),
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=900, metavar="SECONDS", help="How long each sink may take.")
    ] = 20.0,
    as_json: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--json", help="Print JSON for programs.")
    ] = False,
) -> None:
    """Send one test event to every sink, and report secret, permission, TLS, and latency of each.

    Lambda functions and state machines get none, because they would act on it.

    The event's source is trailforward.check-sinks, and its detail-type is "trailforward test event".

    Exit status: 0 every sink is fine, 1 a sink is not, 2 the options or the configuration are invalid.
    """
    from trailforward.pipeline import sink_check

    loaded = load_config(config, to).config
    who = sink_check.caller(loaded)
    event_id, results = sink_check.check_sinks(loaded, who, dry_run=dry_run, timeout=timeout)
    if as_json:
        found = {
            "event_id": None if dry_run else event_id,
            "identity": str(who.arn) if who.arn else None,
            "sinks": [{"ok": result.ok, **asdict(result)} for result in results],
        }
        typer.echo(json.dumps(found, indent=2))
    else:
        _show(results)
    if who.arn is not None:
        typer.echo(f"Checked as {who.arn}. The function's role may have other permissions.", err=True)
    elif who.why:
        typer.echo(f"The AWS identity is unknown: {who.why}", err=True)
    if not dry_run:
        typer.echo(f"The ID of the test event is {event_id}.", err=True)
    raise typer.Exit(0 if all(result.ok for result in results) else 1)


def _show(results: Sequence[SinkCheck]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("sink", overflow="fold")
    for name in ("result", "secret", "permission", "TLS"):
        table.add_column(name)
    table.add_column("latency", justify="right")
    for result in results:
        verdict = Text("ok", "green") if result.ok else Text("FAILED", "bold red")
        latency = "?" if result.milliseconds is None else f"{result.milliseconds:,} ms"
        table.add_row(result.name, verdict, result.secret, result.permission, result.tls, latency)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for result in results:
        if not result.ok:
            console.print(Text(f"{result.name}: {result.problem}. Fix: {result.fix}"))
