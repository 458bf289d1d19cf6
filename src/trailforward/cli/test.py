"""``trailforward test``: runs the tests of routes with the router that production uses."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer evaluates annotations
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from trailforward.cli._difference import Line, colored, difference
from trailforward.cli._options import ConfigArgument, load_config
from trailforward.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.pipeline.routing import Route
    from trailforward.testing.route_tests import RouteCase, RouteResult


def run(
    config: ConfigArgument = None,
    shipped: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--shipped", help="Run the tests of the shipped detections instead.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the results as JUnit XML.")
    ] = None,
    verbose: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--verbose", "-v", help="Also show the tests that passed.")
    ] = False,
) -> None:
    """Run the tests of the routes in a configuration, or with --shipped those of the shipped detections.

    Exit status: 0 every test passed, 1 a test failed, 2 the configuration is invalid or has no tests.
    """
    from trailforward.testing import route_tests as engine

    if shipped and config is not None:
        typer.echo("Use either --shipped or a configuration, not both.", err=True)
        raise typer.Exit(2)
    routes, tests = _detections() if shipped else _configured(config)
    if not tests:
        typer.echo("There are no tests: no route has [[routes.tests]].", err=True)
        raise typer.Exit(2)
    console = Console(highlight=False, soft_wrap=True)
    results = list(engine.run(routes, tests))
    for result in results:
        if verbose or not result.passed:
            _show(console, result)
    if junit is not None:
        from trailforward.cli._junit import write

        try:
            write(junit, [(result, _report(result)) for result in results])
        except OSError as error:
            typer.echo(f"{junit}: {error.strerror}", err=True)
            raise typer.Exit(2) from None
    failed = sum(not result.passed for result in results)
    tested = {test.route.configured for test in tests}
    untested = [name for name in dict.fromkeys(route.configured for route in routes) if name not in tested]
    if untested:
        typer.echo(f"Without a test: {', '.join(untested)}", err=True)
    if failed:
        console.print(Text(f"{failed} of {len(results)} tests failed", "bold red"))
        raise typer.Exit(1)
    console.print(Text(f"{len(results)} tests of {len(tested)} routes passed", "bold green"))


def _configured(where: str | None) -> tuple[Sequence[Route], list[RouteCase]]:
    from trailforward.pipeline.routing import build_routes
    from trailforward.testing.route_tests import cases

    loaded = load_config(where)
    problems: list[Problem] = []
    tests = cases(loaded.config, folder=loaded.folder, problems=problems)
    if problems:
        typer.echo(str(ConfigError(problems)), err=True)
        raise typer.Exit(2)
    return build_routes(loaded.config), tests


def _detections() -> tuple[Sequence[Route], list[RouteCase]]:
    from trailforward.testing.route_tests import detection_cases

    tests = detection_cases()
    return list({test.route.configured: test.route for test in tests}.values()), tests


def _report(result: RouteResult) -> list[Line]:
    """Returns the lines that explain why a test failed."""
    case = result.case
    if result.passed or case.route.pattern is None:
        return []
    matched = case.route.configured in result.taken_by
    if case.expected and not matched and case.route.pattern.matches(case.event):
        return []  # another route is the cause, and the reason names it
    return difference(case.route.pattern, case.event)


def _show(console: Console, result: RouteResult) -> None:
    verdict = Text("pass ", "green") if result.passed else Text("FAIL ", "bold red")
    console.print(Text.assemble(verdict, (result.case.route.configured, "bold"), f": {result.case.label}"))
    if result.passed:
        return
    console.print(Text(f"     {result.reason}"))
    if lines := _report(result):
        console.print(colored(lines, "       "))
