"""Counts the events of files that each detection matches."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import typer

from trailforward.cli._input import open_input
from trailforward.errors import EventError
from trailforward.patterns import Pattern, PatternSet
from trailforward.sources import file as source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trailforward.detections import Detection


class Hits(NamedTuple):
    """The result.

    Attributes:
        events: how many events the files have.
        hits: detection → how many of them it matches.
        broken: whether something in the files is not an event.
    """

    events: int
    hits: Mapping[str, int]
    broken: bool


def count(detections: Mapping[str, Detection], names: Iterable[str]) -> Hits:
    """Counts the events of files, ``-`` for standard input. Reports what is not an event, and goes on."""
    order = list(detections)
    patterns = PatternSet({name: Pattern(each.pattern) for name, each in detections.items()})
    hits: Counter[str] = Counter(dict.fromkeys(detections, 0))
    events, broken = 0, False
    for name in names:
        try:
            with open_input(name) as file:
                for message in source.read(file, "stdin" if name == "-" else name):
                    try:
                        hits.update(order[each] for each in patterns.matching_positions(message.event))
                        events += 1
                    except EventError as error:
                        broken = True
                        typer.echo(f"{message.origin.ref}: {error}", err=True)
        except BrokenPipeError:  # the reader of standard output is gone
            raise
        except OSError as error:
            broken = True
            typer.echo(f"{name}: {error.strerror}", err=True)
        except EventError as error:
            broken = True
            typer.echo(str(error), err=True)
    return Hits(events, hits, broken)
