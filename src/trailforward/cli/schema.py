"""``trailforward schema``: prints the JSON Schema of ``trailforward.toml``."""

from __future__ import annotations

import json

import typer


def schema() -> None:
    """Print the JSON Schema of trailforward.toml, for editors and CI.

    Exit status: 0 the schema was printed.
    """
    from trailforward.config import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
