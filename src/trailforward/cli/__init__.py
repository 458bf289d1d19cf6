"""The ``trailforward`` command: one module per subcommand.

Data goes to standard output, messages go to standard error. Exit status: 0 success, 1 the command worked and
the result is negative (an event was not delivered, a test failed), 2 the command could not do its work (or
the options are wrong), 3 an internal error, 130 interrupted with Ctrl-C, 141 the program that reads standard
output has ended (``| head -1``).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
import typer.core

from trailforward._version import __version__
from trailforward.cli import (
    audit,
    check_sinks,
    cost,
    demo,
    detections,
    doctor,
    forward,
    iam,
    match,
    redrive,
    repair,
    samples,
    schema,
    sigma,
    tail,
    test,
    trace,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: As a shell reports a program that SIGPIPE ended.
_BROKEN_PIPE = 141


class _Group(typer.core.TyperGroup):
    """The commands; all of them end quietly when nobody reads their output any more."""

    def invoke(self, ctx: Any) -> Any:  # Typer's own class of contexts is private
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Python flushes standard output again when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(_BROKEN_PIPE) from None


app = typer.Typer(
    name="trailforward",
    help="Forward CloudTrail events from every Region, byte for byte, and lose none of them silently.",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class _Command(NamedTuple):
    """A command in the order of the help.

    Attributes:
        name: the name of the command.
        run: the function with its options.
        summary: one line in the list of commands, at most 62 characters.
        example: arguments that many people need.
    """

    name: str
    run: Callable[..., None]
    summary: str
    example: str


COMMANDS = (
    _Command(
        "forward",
        forward.forward,
        "Forward events from files, folders, S3, or standard input.",
        "events.ndjson --config trailforward.toml",
    ),
    _Command(
        "redrive",
        redrive.redrive,
        "Forward the messages of a dead-letter or retry queue.",
        "arn:aws:sqs:eu-west-1:111122223333:dead-letters",
    ),
    _Command("validate", validate.validate, "Check configurations.", "trailforward.toml --strict"),
    _Command("test", test.run, "Run the tests of routes.", "trailforward.toml --junit results.xml"),
    _Command(
        "check-sinks",
        check_sinks.check_sinks,
        "Send one test event to every sink.",
        "trailforward.toml",
    ),
    _Command(
        "match",
        match.match,
        "Say which events a pattern matches, and why.",
        "@root-sign-in events.ndjson --explain",
    ),
    _Command("detections", detections.detections, "List the shipped detections.", "root-sign-in"),
    _Command("samples", samples.samples, "Print sample events.", "root-console-login"),
    _Command("demo", demo.demo, "Forward events of 13 Regions on a local AWS.", ""),
    _Command(
        "doctor",
        doctor.doctor,
        "Report which Regions are blind, and why.",
        "--organization --format html --output report.html",
    ),
    _Command(
        "audit",
        audit.audit,
        "Compare CloudTrail's log files with what arrived.",
        "--trail logs --delivered events --since 2026-11-26",
    ),
    _Command(
        "repair",
        repair.repair,
        "Forward the events that an audit found missing.",
        "--missing missing.ndjson --trail s3://example-trail",
    ),
    _Command(
        "trace",
        trace.trace,
        "Follow one call to its destination, step by step.",
        "--call iam:CreateUser --snapshot world.json",
    ),
    _Command(
        "tail",
        tail.tail,
        "Show events of all Regions live, without deploying.",
        "--region eu-west-1 --region us-east-1 --for 10m",
    ),
    _Command(
        "cost",
        cost.cost,
        "Estimate the cost by topology and destination.",
        "--events-per-day 2M --regions 17 --to firehose",
    ),
    _Command(
        "iam",
        iam.iam,
        "Print the IAM policy that a configuration needs.",
        "--config trailforward.toml",
    ),
    _Command(
        "schema",
        schema.schema,
        "Print a JSON Schema, for editors and programs.",
        "> trailforward.schema.json",
    ),
)
for _each in COMMANDS:
    _line = f"trailforward {_each.name} {_each.example}".rstrip()
    # \b keeps the lines of the paragraph as they are.
    app.command(_each.name, short_help=_each.summary, epilog=f"\b\nExample:\n  {_line}")(_each.run)
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
