"""``trailforward schema``: prints the JSON Schema of ``trailforward.toml`` or of the doctor's report."""

from __future__ import annotations

import json
from typing import Annotated

import typer

_WHAT = ("config", "doctor")


def schema(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[config|doctor]",
            help="config: trailforward.toml. doctor: the report of trailforward doctor --format json.",
        ),
    ] = "config",
) -> None:
    """Print the JSON Schema of trailforward.toml or of the doctor's JSON report, for editors and programs.

    Exit status: 0 the schema was printed, 2 there is no such schema.
    """
    if what not in _WHAT:
        typer.echo(f"There is no schema of {what}: choose one of {', '.join(_WHAT)}.", err=True)
        raise typer.Exit(2)
    if what == "doctor":
        from trailforward.doctor.report.json_report import json_schema
    else:
        from trailforward.config import json_schema
    typer.echo(json.dumps(json_schema(), indent=2))
