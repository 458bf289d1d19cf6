"""``trailforward sigma``: converts Sigma rules into routes, and compares the routes with the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailforward.cli._input import expand, open_input
from trailforward.errors import EventError, MissingExtraError

if TYPE_CHECKING:
    from trailforward.cli._sigma_report import Report
    from trailforward.sigma.comparison import Compared

app = typer.Typer(
    help="Convert Sigma rules about CloudTrail into routes.", no_args_is_help=True, rich_markup_mode=None
)

Paths = Annotated[
    list[str], typer.Argument(metavar="PATH...", help="Files of Sigma rules, or folders with *.yml files.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("convert")
def convert(
    paths: Paths,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the routes with their tests to this file; - prints them."),
    ] = None,
    sink: Annotated[str, typer.Option(metavar="NAME", help="The sink of the routes.")] = "alerts",
    as_json: AsJson = False,  # noqa: FBT002  # as Typer calls it
) -> None:
    """Convert Sigma rules about CloudTrail into routes, and report how exact each of them is.

    Exit status: 0 every rule became a route, 1 a rule could not be converted, 2 there is no rule, or a file
    cannot be read or written.
    """
    from trailforward.cli import _sigma_report as reports

    report = _read(paths)
    to_stdout = out == "-"
    if out is not None and any(one.patterns for one in report.converted):
        _write(out, report, sink)
    elif out is not None:  # a configuration without routes would forward every event
        typer.echo(f"No rule became a route, so {out} is not written.", err=True)
    if as_json:
        typer.echo(json.dumps(reports.to_json(report), indent=2, ensure_ascii=False), err=to_stdout)
    else:
        reports.show(report, err=to_stdout)
    if not report.rules:
        typer.echo("There is no rule about CloudTrail.", err=True)
        raise typer.Exit(2)
    raise typer.Exit(1 if report.missing else 0)


@app.command("check")
def check(
    paths: Paths,
    events: Annotated[
        list[str],
        typer.Option(
            metavar="FILE",
            help="A file of events, or a folder of them: NDJSON, JSON, or CloudTrail log files. Repeatable.",
        ),
    ],
    as_json: AsJson = False,  # noqa: FBT002  # as Typer calls it
) -> None:
    """Compare the routes with an independent evaluation of the rules, and print every difference.

    Exit status: 0 the routes match the same events as the rules, 1 there are differences, 2 there is no rule,
    or a file cannot be read.
    """
    from trailforward.sigma.comparison import Compared

    report = _read(paths)
    run = _Run([Compared(one) for one in report.converted])
    if not run.compared:
        typer.echo("There is no rule that could be converted.", err=True)
        raise typer.Exit(2)
    try:
        for name in expand(events):
            run.read(name)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        run.problem(f"{error.filename}: {error.strerror}")
    run.show(as_json=as_json)
    raise typer.Exit(2 if run.broken else 1 if run.found else 0)


def _read(paths: list[str]) -> Report:
    try:
        from trailforward.cli import _sigma_report as reports

        return reports.read(paths)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"sigma", "yaml", "re2"}:
            raise
        typer.echo(str(MissingExtraError("reading Sigma rules", "sigma")), err=True)
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
    raise typer.Exit(2) from None


def _write(out: str, report: Report, sink: str) -> None:
    from trailforward.cli._toml import tables
    from trailforward.sigma.routes import configuration

    text = configuration(report.converted, sink, tables)
    if out == "-":
        typer.echo(text, nl=False)
        return
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        typer.echo(f"{out}: {error.strerror}", err=True)
        raise typer.Exit(2) from None


class _Run:
    """One comparison."""

    def __init__(self, compared: list[Compared]) -> None:
        self.compared = compared
        self.count = 0
        self.others = 0
        self.found: list[dict[str, Any]] = []
        self.broken = False

    def read(self, name: str) -> None:
        """Compares all rules over the events of one file."""
        from trailforward.sigma.comparison import differences, is_cloudtrail
        from trailforward.sources import file as source

        try:
            with open_input(name) as file:
                for message in source.read(file, "stdin" if name == "-" else name):
                    try:
                        event = message.event
                    except EventError as error:
                        self.problem(f"{message.origin.ref}: {error}")
                        continue
                    if not is_cloudtrail(event):
                        self.others += 1
                        continue
                    self.count += 1
                    self.found += (
                        {"file": one.converted.rule.file, "event": message.origin.ref, "difference": text}
                        for one, text in differences(self.compared, event)
                    )
        except BrokenPipeError:  # the reader of standard output is gone
            raise
        except OSError as error:
            self.problem(f"{name}: {error.strerror}")
        except EventError as error:
            self.problem(str(error))

    def problem(self, text: str) -> None:
        """Prints what is wrong; the exit status will be 2."""
        self.broken = True
        typer.echo(text, err=True)

    def show(self, *, as_json: bool) -> None:
        """Prints every difference, and the counts."""
        hit = sum(bool(one.by_rule or one.by_route) for one in self.compared)
        if as_json:
            rules = [
                {
                    "file": one.converted.rule.file,
                    "rule": one.by_rule,
                    "route": one.by_route,
                    "problem": one.problem,
                }
                for one in self.compared
            ]
            made = {
                "events": self.count,
                "other_events": self.others,
                "rules": rules,
                "differences": self.found,
            }
            typer.echo(json.dumps(made, indent=2, ensure_ascii=False))
            return
        for each in self.found:
            typer.echo(f"{each['file']}: {each['event']}: {each['difference']}")
        for one in self.compared:
            if one.problem:
                typer.echo(f"{one.converted.rule.file}: {one.problem}", err=True)
        typer.echo(
            f"{len(self.compared)} rules, {self.count:,} events of CloudTrail, {self.others:,} other events: "
            f"{hit} rules match at least one event, {len(self.found)} differences",
            err=True,
        )
