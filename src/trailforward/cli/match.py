"""``trailforward match``: says which events a pattern matches, and why it does not match the others."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from trailforward.cli._completion import complete_detection
from trailforward.cli._difference import colored, difference
from trailforward.cli._input import expand, open_input
from trailforward.cli._options import Files  # noqa: TC001  # Typer evaluates annotations
from trailforward.errors import EventError, PatternError

if TYPE_CHECKING:
    from trailforward.message import Message
    from trailforward.patterns import Pattern


def match(
    pattern: Annotated[
        str,
        typer.Argument(
            help="An event pattern: JSON, a file, or the @NAME of a detection.",
            autocompletion=complete_detection,
        ),
    ],
    events: Files = None,
    explain: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--explain", help="Compare every event with the pattern, field by field.")
    ] = False,
) -> None:
    """Print the positions of the events that a pattern matches, with the semantics of EventBridge.

    Exit status: 0 at least one event matched, 1 no event matched, 2 the pattern or an event is invalid.
    """
    wanted = read_pattern(pattern)
    run = _Run(wanted, explain=explain)
    try:
        for name in expand(events or ["-"]):
            run.read(name)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        run.problem(f"{error.filename}: {error.strerror}")
    if not run.matched and not explain:
        typer.echo(f"The pattern matches none of {run.count} events; --explain shows why.", err=True)
    raise typer.Exit(2 if run.broken else 0 if run.matched else 1)


class _Run:
    """One run of the command."""

    def __init__(self, pattern: Pattern, *, explain: bool) -> None:
        self.count = 0
        self.matched = 0
        self.broken = False
        self._pattern = pattern
        self._explain = explain
        self._console = Console(highlight=False, soft_wrap=True)

    def read(self, name: str) -> None:
        """Matches the events of one file."""
        from trailforward.sources import file as source

        try:
            with open_input(name) as file:
                for message in source.read(file, "stdin" if name == "-" else name):
                    self._match(message)
        except BrokenPipeError:  # the reader of standard output is gone
            raise
        except OSError as error:
            self.problem(f"{name}: {error.strerror}")
        except EventError as error:
            self.problem(str(error))

    def _match(self, message: Message) -> None:
        self.count += 1
        try:
            event = _event(message)
        except EventError as error:
            self.problem(f"{message.origin.ref}: {error}")
            return
        matches = self._pattern.matches(event)
        self.matched += matches
        if not self._explain:
            if matches:
                typer.echo(message.origin.ref)
            return
        verdict = Text("matches", "bold green") if matches else Text("does not match", "bold red")
        self._console.print(Text.assemble(f"{message.origin.ref}: ", verdict))
        self._console.print(colored(difference(self._pattern, event), "  "))

    def problem(self, text: str) -> None:
        """Prints what is wrong; the exit status will be 2."""
        self.broken = True
        typer.echo(text, err=True)


def _event(message: Message) -> Any:
    """Returns the envelope of an event, adds one to a bare record, and returns any other JSON as it is."""
    from trailforward.jsontext import decode

    try:
        return message.event
    except EventError:
        return decode(message.raw)


def read_pattern(source: str) -> Pattern:
    """Reads a pattern: JSON text, a file, or the ``@NAME`` of a detection.

    Raises:
        typer.Exit: with 2, after printing what is wrong.
    """
    from trailforward.patterns import InvalidPatternError, Pattern

    try:
        return Pattern(_text(source))
    except InvalidPatternError as error:
        typer.echo(str(error) + (f"\nFix: {error.hint}" if error.hint else ""), err=True)
    except PatternError as error:
        typer.echo(str(error), err=True)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        typer.echo(
            f"{source}: {why}. Give a pattern as JSON, as a file, or as the @NAME of a detection.", err=True
        )
    raise typer.Exit(2)


def _text(source: str) -> str:
    if source.lstrip().startswith("{"):
        return source
    if source.startswith("@"):
        from trailforward import detections

        known = detections.load_all()
        if source[1:] not in known:
            similar = get_close_matches(source[1:], known, 3, 0.4) or known
            raise PatternError(f"No detection is named {source[1:]!r}. Use one of {', '.join(similar)}.")
        return known[source[1:]].pattern
    return Path(source).read_text(encoding="utf-8")
