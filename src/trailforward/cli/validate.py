"""``trailforward validate``: checks configurations and reports doubtful parts as lints."""

from __future__ import annotations

from typing import Annotated

import typer

from trailforward.cli._options import ConfigArguments, load_config
from trailforward.errors import ConfigError, Problem


def validate(
    configs: ConfigArguments = None,
    strict: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--strict", help="Exit with status 1 if there are lints.")
    ] = False,
) -> None:
    """Check every key, pattern, and test of configurations, and print lints, one per line.

    A configuration without retry_queue and dead_letter gets a warning.

    Exit status: 0 valid, 1 valid but with lints (only with --strict), 2 invalid. Of several configurations,
    the highest status counts.
    """
    chosen: list[str | None] = [*configs] if configs else [None]
    statuses = [_status(config, strict=strict, named=len(chosen) > 1) for config in chosen]
    raise typer.Exit(max(statuses))


def _status(config: str | None, *, strict: bool, named: bool) -> int:
    """Checks one configuration, prints what is found, and returns its exit status."""
    from trailforward.config.lint import lint
    from trailforward.testing import route_tests

    try:
        loaded = load_config(config)
    except typer.Exit as end:
        return end.exit_code
    problems: list[Problem] = []
    tests = route_tests.cases(loaded.config, folder=loaded.folder, problems=problems)
    if problems:
        typer.echo(str(ConfigError(problems)), err=True)
        return 2
    pipeline = loaded.config.pipeline
    if pipeline.dead_letter is None and pipeline.retry_queue is None:
        typer.echo(_NO_QUEUE, err=True)
    lints = lint(loaded.config)
    for found in lints:
        typer.echo(f"{loaded.name}: {found}" if named else str(found))
    counts = [
        _count(len(loaded.config.sinks), "sink"),
        _count(len(loaded.config.routes), "route"),
        _count(len(tests), "test"),
        _count(len(lints), "lint"),
    ]
    typer.echo(f"{loaded.name} is valid: {', '.join(counts)}", err=True)
    return 1 if strict and lints else 0


#: Not a lint, because a function often has the queues in its environment, as the stack in sam/ does.
_NO_QUEUE = (
    "warning: neither retry_queue nor dead_letter is set. While a destination is down, a Kinesis shard\n"
    "stops, and SNS, S3, CloudWatch Logs, and direct invocations lose events after two retries. Set one\n"
    "of them, or the function's variable TRAILFORWARD_RETRY_QUEUE or TRAILFORWARD_DEAD_LETTER. The\n"
    "stack in sam/ sets both."
)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
