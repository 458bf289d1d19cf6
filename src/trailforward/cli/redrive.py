"""``trailforward redrive``: forwards the messages of a queue, and deletes those that arrived."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from trailforward.cli._forward_run import Run
from trailforward.cli._options import ConfigOption, To, load_config
from trailforward.errors import ConfigError, MissingExtraError, QueueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.cli._redrive import Redrive
    from trailforward.outcome import Outcome
    from trailforward.pipeline.forwarder import Forwarder
    from trailforward.sinks.base import Sink


def redrive(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="The ARN or the URL of an SQS queue.")],
    to: To = None,
    config: ConfigOption = None,
    wait: Annotated[
        int,
        typer.Option(min=1, max=20, metavar="SECONDS", help="How long an empty queue is polled."),
    ] = 10,
    delete_filtered: Annotated[  # noqa: FBT002  # as Typer calls it
        bool,
        typer.Option("--delete-filtered", help="Also delete messages that go to no destination."),
    ] = False,
) -> None:
    """Forward the messages of a queue, and delete each one when it has arrived.

    It reads the dead-letter queue of the function and those of EventBridge rules. Only the sinks still owed
    get a message; if --to is the function's queue, the message keeps the attributes that name them.
    A message that cannot be delivered stays in the queue. The queue is never purged.

    Exit status: 0 every message was delivered and deleted, 1 some stay in the queue, 2 invalid options or
    configuration, or the queue cannot be read.
    """
    from trailforward.cli._owed import owed_sinks
    from trailforward.cli._redrive import Redrive

    console = Console(stderr=True)
    ledger, run = _Ledger(console), None
    try:
        loaded = load_config(config, to).config
        # With --to, a queue is where the function reads. In a configuration, it is a destination like others.
        queues = owed_sinks(loaded) if to else {}
        run = ledger.run = Redrive(
            queue, loaded, wait=wait, delete_filtered=delete_filtered, queues=list(queues.values())
        )
        forwarder = _forwarder(run, ledger, queues)
        try:
            _follow(run, forwarder, console)
        finally:
            forwarder.close()
    except (ConfigError, MissingExtraError, QueueError) as error:
        if run is None or not (run.deleted or run.stayed):
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from None
        ledger.problems.append(str(error))  # what was done before still belongs in the summary
    except KeyboardInterrupt:
        ledger.problems.append("interrupted: messages that were read last return to the queue in 10 minutes")
    ledger.show()
    if run is not None:
        _report(run, console)
    raise typer.Exit(0 if ledger.exit_code == 0 and run is not None and not run.stayed else 1)


class _Ledger(Run):
    """The ledger of a run, which also learns what became of each message."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, None)
        self.run: Redrive | None = None

    def publish(self, outcome: Outcome) -> None:
        """Adds a batch to the summary."""
        super().publish(outcome)
        if self.run is not None:
            self.run.learn(outcome)


def _forwarder(run: Redrive, ledger: _Ledger, queues: Mapping[str, Sink]) -> Forwarder:
    from trailforward.pipeline.forwarder import Forwarder

    logging.getLogger("trailforward").addHandler(logging.NullHandler())
    return Forwarder(run.config, telemetry=ledger, made=queues)


def _follow(run: Redrive, forwarder: Forwarder, console: Console) -> None:
    """Runs to the end, with a progress bar if this is a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Forwarding", total=run.waiting)
        for _ in run.batches(forwarder):
            progress.update(task, completed=run.deleted + run.stayed)


def _report(run: Redrive, console: Console) -> None:
    """Prints what became of the messages in the queue."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"{run.deleted:,} messages were forwarded and deleted, {run.stayed:,} stay in {run.name}.")
    if run.filtered:
        text = f"{run.filtered:,} of them go to no destination, because no route matches or they are filtered"
        say(f"{text}: correct the routes, or delete them with --delete-filtered.")
    if run.undeleted:
        say(f"{run.undeleted:,} were forwarded, but could not be deleted: they will be forwarded again.")
    try:
        hidden = run.in_flight
    except QueueError:  # the summary must not depend on it
        hidden = 0
    if hidden:
        say(f"About {hidden:,} messages are delayed, or somebody else is reading them: run this again later.")
