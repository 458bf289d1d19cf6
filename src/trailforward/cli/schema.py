"""``trailforward schema``: the JSON Schema of ``trailforward.toml``."""

from __future__ import annotations

import json

import typer


def schema() -> None:
    """Print the JSON Schema of trailforward.toml, for editors and CI."""
    from trailforward.config import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
