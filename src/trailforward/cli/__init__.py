"""The ``trailforward`` command: one module per subcommand.

Data goes to standard output, messages go to standard error. Exit status: 0 success, 1 the command worked and
the result is negative (an event was not delivered, a test failed), 2 the command could not do its work (or
the options are wrong), 3 an internal error.
"""

from __future__ import annotations

from typing import Annotated

import typer

from trailforward._version import __version__
from trailforward.cli import (
    check_sinks,
    cost,
    demo,
    detections,
    doctor,
    forward,
    iam,
    match,
    redrive,
    samples,
    schema,
    sigma,
    test,
    trace,
    validate,
)

app = typer.Typer(
    name="trailforward",
    help="Forward CloudTrail events from every Region, byte for byte, and lose none of them silently.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("forward")(forward.forward)
app.command("redrive")(redrive.redrive)
app.command("validate")(validate.validate)
app.command("test")(test.run)
app.command("check-sinks")(check_sinks.check_sinks)
app.command("match")(match.match)
app.command("detections")(detections.detections)
app.command("samples")(samples.samples)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("trace")(trace.trace)
app.command("cost")(cost.cost)
app.command("iam")(iam.iam)
app.command("schema")(schema.schema)
app.add_typer(sigma.app, name="sigma")


def _version(wanted: bool) -> None:  # noqa: FBT001  # as Typer calls it
    if wanted:
        typer.echo(f"trailforward {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version  # the callback has done the work
