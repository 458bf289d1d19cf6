"""The ``trailforward`` command: one file per subcommand.

Standard output carries data, standard error speaks to people. Exit codes: 0 done, 1 something was not
delivered or did not hold, 2 the command could not do its work.
"""

from __future__ import annotations

from typing import Annotated

import typer

import trailforward
from trailforward.cli import cost, demo, doctor, forward, iam, match, routes, schema, test, trace, validate

app = typer.Typer(
    name="trailforward",
    help="CloudTrail events of every Region, to where they are wanted: byte for byte, none lost silently.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("forward")(forward.forward)
app.command("validate")(validate.validate)
app.command("test")(test.run)
app.command("match")(match.match)
app.command("routes")(routes.routes)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("trace")(trace.trace)
app.command("cost")(cost.cost)
app.command("iam")(iam.iam)
app.command("schema")(schema.schema)


def _version(wanted: bool) -> None:  # noqa: FBT001  # as Typer calls it
    if wanted:
        typer.echo(f"trailforward {trailforward.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version  # the callback has done the work
