"""``trailforward forward``: events from files or standard input to any destination."""

from __future__ import annotations

import logging
import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from trailforward import redelivery
from trailforward.cli._input import open_input
from trailforward.errors import ConfigError, EventError, MissingExtraError
from trailforward.outcome import Fate, Totals
from trailforward.pipeline.batching import message_batches
from trailforward.pipeline.telemetry import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.pipeline.forwarder import Forwarder

_SHOWN = 10


def forward(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="NDJSON, JSON or trail files, gzipped or not; - or none: standard input.",
        ),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ARN|URL", help="A destination; may be given several times."),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config", metavar="PATH", help="A trailforward.toml, instead of --to; also ssm:NAME, s3://…"
        ),
    ] = None,
    format: Annotated[  # noqa: A002
        str, typer.Option("--format", help="raw, record or text; for all --to destinations.")
    ] = "raw",
    undelivered: Annotated[
        Path | None,
        typer.Option(
            help="Append what was not delivered to this file, with the reason; forward it again later."
        ),
    ] = None,
) -> None:
    """Forward events from files or standard input, and say what became of every one."""
    console = Console(stderr=True)
    run = _Run(console, undelivered)
    try:
        with ExitStack() as stack:
            forwarder = _forwarder(to or [], config, format, run)
            stack.callback(forwarder.close)
            run.forward(forwarder, inputs or ["-"])
    except (ConfigError, MissingExtraError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        run.problems.append("interrupted: what was read last may not have been delivered")
    run.show()
    raise typer.Exit(run.exit_code)


def _forwarder(to: list[str], config: str | None, format: str, run: _Run) -> Forwarder:  # noqa: A002
    """The forwarder that the options describe, or the environment where there are none."""
    from trailforward.config import Config
    from trailforward.pipeline.forwarder import Forwarder

    logging.getLogger("trailforward").addHandler(logging.NullHandler())
    if to and config:
        typer.echo("Give --to or --config, not both.", err=True)
        raise typer.Exit(2)
    if to:
        made = Config.to(*to, format=format)
    elif config:
        made = Config.from_env({**os.environ, "TRAILFORWARD_TO": "", "TRAILFORWARD_CONFIG": config})
    else:
        made = Config.from_env(os.environ)
    return Forwarder(made, telemetry=run)


class _Run:
    """One run of the command: what was read, and what became of it. Also the forwarder's telemetry."""

    def __init__(self, console: Console, undelivered: Path | None) -> None:
        self.problems: list[str] = []
        self._console = console
        self._undelivered = undelivered
        self._totals: dict[str, Totals] = {}
        self._troubles: Counter[tuple[str, str, str]] = Counter()
        self._examples: dict[tuple[str, str, str], str] = {}
        self._balanced = True

    @property
    def exit_code(self) -> int:
        """0 if every event was delivered or filtered."""
        clean = self._balanced and not self.problems and not self._troubles
        return 0 if clean else 1

    def forward(self, forwarder: Forwarder, inputs: list[str]) -> None:
        """Reads all inputs and forwards them in batches."""
        sizes = [Path(name).stat().st_size if name != "-" and Path(name).is_file() else 0 for name in inputs]
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        # A bar is for people at a terminal, and only where it can know how far it is.
        shown = self._console.is_terminal and all(sizes)
        with Progress(*columns, console=self._console, disable=not shown, transient=True) as progress:
            task = progress.add_task("Forwarding", total=sum(sizes))
            done = 0
            for name, size in zip(inputs, sizes, strict=True):
                try:
                    with open_input(name) as file:
                        for batch in message_batches(self._messages(file, name)):
                            forwarder.forward(batch)
                            if size:
                                progress.update(task, completed=done + file.tell())
                except OSError as error:
                    self.problems.append(f"{name}: {error.strerror}")
                done += size

    def _messages(self, file: BinaryIO, name: str) -> Iterator[Message]:
        from trailforward.sources import file as source

        try:
            yield from source.read(file, "stdin" if name == "-" else name)
        except EventError as error:
            self.problems.append(str(error))

    def publish(self, outcome: Outcome) -> None:
        """Adds a batch to the summary, and keeps what was not delivered."""
        for sink in outcome.accounts:
            self._totals[sink] = self._totals.get(sink, Totals()) + outcome.totals(sink)
        self._balanced &= not outcome.breaks
        for index, message in enumerate(outcome.messages):
            owed = {}
            for sink, verdicts in outcome.verdicts.items():
                verdict = verdicts.get(index)
                if verdict is not None and verdict.fate in {Fate.DEAD_LETTERED, Fate.RETURNED}:
                    key = sink, verdict.code, verdict.reason
                    self._troubles[key] += 1
                    self._examples.setdefault(key, message.origin.ref)
                    owed[sink] = verdict
            if owed and self._undelivered is not None:
                try:
                    self._keep(message, owed)
                except OSError as error:
                    self.problems.append(f"{self._undelivered}: {error.strerror}")

    def _keep(self, message: Message, owed: dict[str, Any]) -> None:
        verdict = next(iter(owed.values()))
        attributes = redelivery.to_attributes(
            message, owed, code=verdict.code, reason=verdict.reason, attempts=verdict.attempts
        )
        with Path(str(self._undelivered)).open("ab") as file:
            file.write(redelivery.to_json_line(message.raw, attributes) + b"\n")

    def error(self, text: str, **fields: Any) -> None:
        """A fault of a sink or format."""
        self.problems.append(f"{text}: {', '.join(f'{name} {value}' for name, value in fields.items())}")

    def fault(self, sink: str, error: BaseException) -> None:
        """A bug in a sink or format."""
        self.error("a sink or format failed", sink=sink, **place_of(error))

    def show(self) -> None:
        """The summary, for people."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("sink", overflow="fold")
        for name in ("received", *(str(fate) for fate in Fate)):
            table.add_column(name.replace("_", "-"), justify="right")
        for sink, totals in self._totals.items():
            figures = (totals.received, *(getattr(totals, fate) for fate in Fate))
            table.add_row(sink, *(f"{figure:,}" for figure in figures))
        if self._totals:
            self._console.print(table)
        else:
            self._console.print("There was no event to forward.")
        for (sink, code, reason), count in self._troubles.most_common(_SHOWN):
            place = self._examples[sink, code, reason]
            text = f"{count:,} not delivered to {sink}: {code}"
            text += f" ({reason})" if reason else ""
            self._console.print(f"{text}, first at {place}", markup=False, highlight=False, soft_wrap=True)
        if len(self._troubles) > _SHOWN:
            self._console.print(f"… and {len(self._troubles) - _SHOWN} further reasons")
        if self._troubles and self._undelivered is not None:
            self._console.print(f"kept in {self._undelivered}", markup=False, highlight=False, soft_wrap=True)
        if not self._balanced:
            self._console.print("The ledger does not add up: this is a bug, please report it.")
        for problem in self.problems:
            self._console.print(problem, markup=False, highlight=False, soft_wrap=True)
