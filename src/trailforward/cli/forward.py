"""``trailforward forward``: forwards events from files or standard input to any destination."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from trailforward import redelivery
from trailforward.aws.objects import Objects
from trailforward.cli._input import open_input
from trailforward.cli._options import ConfigOption, Files, To, load_config
from trailforward.errors import ConfigError, EventError, MissingExtraError
from trailforward.outcome import Fate, Totals
from trailforward.pipeline.batching import message_batches
from trailforward.pipeline.telemetry import place_of
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.config import Config
    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.pipeline.forwarder import Forwarder
    from trailforward.pipeline.sender import SinkState

_SHOWN = 10
#: Reasons that are counted separately, so that a file of bad events does not fill the memory.
_KEPT = 1_000


def forward(
    inputs: Files = None,
    to: To = None,
    config: ConfigOption = None,
    format: Annotated[  # noqa: A002
        str, typer.Option("--format", help="The format for all --to destinations: raw, record, or text.")
    ] = "raw",
    undelivered: Annotated[
        Path | None,
        typer.Option(
            help="Append undelivered events to this file, with the reason. Forward the file again later."
        ),
    ] = None,
) -> None:
    """Forward events from files or standard input, and report the outcome of every event.

    Exit status: 0 every event was delivered or filtered, 1 an event was not, 2 invalid options or
    configuration.
    """
    console = Console(stderr=True)
    run = Run(console, undelivered)
    try:
        with ExitStack() as stack:
            loaded = load_config(config, to, format).config
            forwarder = _forwarder(loaded, run)
            stack.callback(forwarder.close)
            objects = Objects(loaded.pipeline.bucket_owners)
            stack.callback(objects.close)
            run.forward(forwarder, inputs or ["-"], ObjectReader(objects))
    except (ConfigError, MissingExtraError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        run.problems.append("interrupted: the events that were read last may not have been delivered")
    run.show()
    raise typer.Exit(run.exit_code)


def _forwarder(config: Config, run: Run) -> Forwarder:
    """Creates the forwarder, with the run as its telemetry."""
    from trailforward.pipeline.forwarder import Forwarder

    logging.getLogger("trailforward").addHandler(logging.NullHandler())
    return Forwarder(config, telemetry=run)


class Run:
    """One run of the command. It is also the telemetry of the forwarder, and collects the outcomes."""

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
        """Returns 0 if every event was delivered or filtered, else 1."""
        clean = self._balanced and not self.problems and not self._troubles
        return 0 if clean else 1

    def forward(self, forwarder: Forwarder, inputs: list[str], reader: ObjectReader) -> None:
        """Reads all inputs and forwards them in batches."""
        sizes = [Path(name).stat().st_size if name != "-" and Path(name).is_file() else 0 for name in inputs]
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        # A progress bar needs a terminal, and the sizes of all inputs.
        shown = self._console.is_terminal and all(sizes)
        with Progress(*columns, console=self._console, disable=not shown, transient=True) as progress:
            task = progress.add_task("Forwarding", total=sum(sizes))
            done = 0
            states: dict[str, SinkState] = {}  # a sink that refuses everything is not called again
            for name, size in zip(inputs, sizes, strict=True):
                try:
                    with open_input(name) as file:
                        for batch in message_batches(self._messages(file, name, reader)):
                            forwarder.forward(batch, states=states)
                            if size:
                                progress.update(task, completed=done + file.tell())
                except OSError as error:
                    self.problems.append(f"{name}: {error.strerror}")
                done += size

    def _messages(self, file: BinaryIO, name: str, reader: ObjectReader) -> Iterator[Message]:
        from trailforward.sources import file as source

        try:
            yield from source.read(file, "stdin" if name == "-" else name, reader)
        except EventError as error:
            self.problems.append(str(error))

    def publish(self, outcome: Outcome) -> None:
        """Adds a batch to the summary, and writes undelivered events to the file of ``--undelivered``."""
        for sink in outcome.accounts:
            self._totals[sink] = self._totals.get(sink, Totals()) + outcome.totals(sink)
        self._balanced &= not outcome.breaks
        for index, message in enumerate(outcome.messages):
            owed = {}
            for sink, verdicts in outcome.verdicts.items():
                verdict = verdicts.get(index)
                if verdict is not None and verdict.fate in {Fate.DEAD_LETTERED, Fate.RETURNED}:
                    key = sink, verdict.code, verdict.reason
                    if key not in self._troubles and len(self._troubles) >= _KEPT:
                        key = sink, verdict.code, ""  # reasons with positions differ from event to event
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
        """Records an error of a sink or format."""
        self.problems.append(f"{text}: {', '.join(f'{name} {value}' for name, value in fields.items())}")

    def fault(self, sink: str, error: BaseException) -> None:
        """Records an unexpected exception of a sink or format."""
        self.error("a sink or format failed", sink=sink, **place_of(error))

    def refusing(self, sink: str, code: str, problem: str, fix: str) -> None:  # noqa: ARG002  # in the problem
        """Records that the run does not send to a sink any more."""
        self.problems.append(f"{sink} refuses everything, so the rest was not sent: {problem}. Fix: {fix}")

    def show(self) -> None:
        """Prints the summary."""
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
            self._console.print("There were no events to forward.")
        for (sink, code, reason), count in self._troubles.most_common(_SHOWN):
            place = self._examples[sink, code, reason]
            text = f"{count:,} not delivered to {sink}: {code}"
            text += f" ({reason})" if reason else ""
            self._console.print(f"{text}, first at {place}", markup=False, highlight=False, soft_wrap=True)
        if len(self._troubles) > _SHOWN:
            self._console.print(f"… and {len(self._troubles) - _SHOWN} further reasons")
        if self._troubles and self._undelivered is not None:
            self._console.print(
                f"written to {self._undelivered}", markup=False, highlight=False, soft_wrap=True
            )
        if not self._balanced:
            self._console.print("The ledger does not add up. This is a bug: please report it.")
        for problem in self.problems:
            self._console.print(problem, markup=False, highlight=False, soft_wrap=True)
