"""``trailforward schema``: prints the JSON Schema of ``trailforward.toml`` or of the doctor's report."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from trailforward._version import __version__

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

    Editors with TOML support (Even Better TOML in VS Code, Taplo, PyCharm) complete and check a configuration
    whose first line is "#:schema ./trailforward.schema.json".

    Exit status: 0 the schema was printed, 2 there is no such schema.
    """
    if what not in _WHAT:
        typer.echo(f"There is no schema of {what}: choose one of {', '.join(_WHAT)}.", err=True)
        raise typer.Exit(2)
    if what == "doctor":
        from trailforward.doctor.report.json_report import json_schema
    else:
        from trailforward.config import json_schema
    found = json_schema()
    # A URN, because the schema is not published at an address. It tells the schemas of two versions apart.
    identity = {"$schema": found.pop("$schema"), "$id": f"urn:trailforward:schema:{what}:{__version__}"}
    typer.echo(json.dumps(identity | found, indent=2))
