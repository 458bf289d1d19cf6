"""The world that ``doctor`` and ``trace`` ask: a snapshot, a template on top of it, or live AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

import typer

from trailforward.doctor import SnapshotError, World
from trailforward.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

#: The account of a template for which none is named.
STAND_IN = "0" * 12


class Seen(NamedTuple):
    """A world, and what to say about it.

    Attributes:
        world: the world.
        problems: what could not be looked at, one sentence each.
        notes: what was assumed, or not understood.
    """

    world: World
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def stop(text: str) -> NoReturn:
    """Ends with 2: the command could not do its work."""
    typer.echo(text, err=True)
    raise typer.Exit(2)


def read_snapshot(path: Path) -> World:
    """A saved world.

    Raises:
        typer.Exit: with 2; it cannot be read.
    """
    try:
        return World.from_json(path.read_bytes())
    except OSError as error:
        stop(f"{path}: {error.strerror}")
    except SnapshotError as error:
        stop(f"{path}: {error}")


def with_destinations(world: World, destinations: Sequence[str]) -> World:
    """The world, with other destinations if any are given."""
    return world.model_copy(update={"destinations": tuple(destinations)}) if destinations else world


def look(  # each is an option
    accounts: Sequence[str],
    also: Sequence[str],
    role: str,
    regions: Sequence[str],
    destinations: Sequence[str],
    *,
    organization: bool = False,
) -> Seen:
    """Live AWS.

    Raises:
        typer.Exit: with 2; botocore is not installed.
    """
    from trailforward.doctor.discover import discover

    try:
        found = discover(
            accounts=accounts,
            also=also,
            role=role,
            whole_organization=organization,
            only=regions,
            destinations=destinations,
        )
    except MissingExtraError as error:
        stop(str(error))
    return Seen(found.world, found.problems)


def deploy(
    template: Path,
    base: World | None,
    accounts: Sequence[str],
    regions: Sequence[str],
    parameters: Iterable[str],
) -> Seen:
    """A world with a template deployed, in thought, to every given account and Region.

    Raises:
        typer.Exit: with 2; the template cannot be used.
    """
    from trailforward.doctor.template import TemplateError, plan, read

    given = dict(text.partition("=")[::2] for text in parameters)
    known = accounts or (sorted(base.accounts) if base else [STAND_IN])
    if not regions:
        stop("Name the Regions that the template would be deployed to: --region eu-west-1,us-east-1")
    places = [(account, region) for account in known for region in regions]
    try:
        planned = plan(read(template.read_text("utf-8")), places, given, base)
    except OSError as error:
        stop(f"{template}: {error.strerror}")
    except (TemplateError, MissingExtraError, UnicodeDecodeError) as error:
        stop(f"{template}: {error}")
    notes = [*planned.assumed, *(f"Not understood: {text}" for text in planned.not_understood)]
    if not accounts and base is None:
        notes.append(f"No --account is given: {STAND_IN} stands for it.")
    world = planned.world
    if not world.destinations:
        mine = [rule for rule in world.rules if (rule.account, rule.region) in places]
        ends = dict.fromkeys(target.arn for rule in mine for target in rule.targets)
        world = with_destinations(world, list(ends))
        notes.append(f"No --destination is given: {', '.join(ends) or 'and the template names none'}.")
    return Seen(world, (), tuple(notes))


def split(texts: Iterable[str] | None) -> list[str]:
    """Values that were given one by one, or several with commas or spaces between."""
    joined = " ".join(texts or ()).replace(",", " ")
    return list(dict.fromkeys(joined.split()))
