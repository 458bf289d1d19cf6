"""``trailforward doctor``: which Regions are blind, and which link is broken."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailforward.cli._world import Seen, deploy, look, read_snapshot, split, stop, with_destinations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from trailforward.doctor import EventClass, World
    from trailforward.doctor.report import Survey

_FORMS = ("terminal", "json", "markdown", "sarif", "html")
_SHOWN_TARGETS = 5


def doctor(  # noqa: PLR0913, PLR0917  # the options of a command
    snapshot: Annotated[
        Path | None, typer.Option(help="A saved world instead of live AWS; no call is made.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Save the world here, to be asked again.")] = None,
    mask: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--mask", help="With --save: other account and organization ids.")
    ] = False,
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|ROLE", help="An account id, or the ARN of a role to take; several times."),
    ] = None,
    also_read: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|ROLE", help="Read this account too (a hub), but do not ask about it."),
    ] = None,
    role: Annotated[
        str, typer.Option(metavar="NAME", help="The role to take in accounts that are given by id.")
    ] = "OrganizationAccountAccessRole",
    organization: Annotated[  # noqa: FBT002
        bool, typer.Option("--organization", help="Every account of the organization.")
    ] = False,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", "--regions", metavar="REGION", help="Ask about these only; several times."),
    ] = None,
    destination: Annotated[
        list[str] | None,
        typer.Option(metavar="ARN", help="Where events are to arrive; any of several will do."),
    ] = None,
    event_class: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="CLASS", help="Ask about these classes of events only."),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(help="What if: a CloudFormation template, on top of --snapshot if there is one."),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of the template.")
    ] = None,
    format: Annotated[str, typer.Option(metavar="|".join(_FORMS), help="How to report.")] = "terminal",  # noqa: A002
    output: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    probe: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--probe", help="Live proof: a harmless write call per Region that fails; waits for its event."
        ),
    ] = False,
    listen: Annotated[
        str | None,
        typer.Option(metavar="ARN|URL", help="Where the probe waits; default: the first destination."),
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds that the probe waits.")] = 600.0,
    yes: Annotated[  # noqa: FBT002
        bool, typer.Option("--yes", help="Do not ask before probing.")
    ] = False,
) -> None:
    """Say which Regions are blind to which events, and which link is broken. Only reads, but for --probe.

    Ends with 0 if everything is covered, 1 if something is blind, 2 if it could not look.
    """
    if format not in _FORMS:
        stop(f"There is no format {format}: {', '.join(_FORMS)}.")
    regions, destinations, accounts = split(region), split(destination), split(account)
    hubs = split(also_read)
    classes = _classes(split(event_class))
    if template is not None:
        base = read_snapshot(snapshot) if snapshot else None
        seen = deploy(template, base, accounts, regions, parameter or ())
        seen = seen._replace(world=with_destinations(seen.world, destinations))
    elif snapshot is not None:
        seen = Seen(with_destinations(read_snapshot(snapshot), destinations))
    else:
        seen = look(accounts, hubs, role, regions, destinations, organization=organization)
    if save is not None:
        _write(save, (seen.world.masked() if mask else seen.world).to_json() + "\n")
    code = _report(seen, survey_of(seen.world, hubs, regions, classes), format, output)
    if probe:
        code = max(code, _probe(seen.world, regions, listen, wait, yes=yes))
    raise typer.Exit(code)


def survey_of(
    world: World, hubs: Sequence[str], regions: Sequence[str], classes: Sequence[EventClass]
) -> Survey:
    """Every question that the options leave, answered.

    Args:
        world: the world.
        hubs: account ids, or ARNs of roles, of accounts not to ask about.
        regions: to ask about; none: all.
        classes: to ask about.
    """
    from trailforward.doctor.report import known_accounts, survey

    left_out = {text.split(":")[4] if text.startswith("arn:") else text for text in hubs}
    asked = [account for account in known_accounts(world) if account not in left_out] if hubs else None
    return survey(world, accounts=asked, regions=regions or None, classes=classes)


def _report(
    seen: Seen,
    found: Survey,
    format: str,  # noqa: A002
    output: Path | None,
) -> int:
    """Prints or writes the report; what was not seen, loops and cost go to standard error."""
    from rich.console import Console

    from trailforward.doctor.report import print_terminal, render

    if output is not None:
        _write(output, render(found, format))  # type: ignore[arg-type]  # checked before
    elif format == "terminal":
        print_terminal(found, Console())
    else:
        typer.echo(render(found, format))  # type: ignore[arg-type]
    people = Console(stderr=True)
    _say_loops_and_cost(seen.world, people)
    for sentence in (*seen.notes, *seen.problems):
        people.print(sentence, markup=False, highlight=False, soft_wrap=True)
    if not seen.world.destinations:
        people.print(_which(seen.world), markup=False, highlight=False, soft_wrap=True)
    return 2 if seen.problems else found.exit_code


def _say_loops_and_cost(world: World, people: Console) -> None:
    from trailforward.doctor.cost import costs, prices_as_of
    from trailforward.doctor.loops import find_loops

    lines = [
        f"{finding.severity.upper()} {finding.code}: {finding.why} {finding.fix}"
        for finding in find_loops(world)
    ]
    for cost in costs(world):
        price = f"${cost.low:.2f}" if cost.low == cost.high else f"${cost.low:.2f} to ${cost.high:.2f}"
        items = ", ".join(item.name for item in cost.items) or "nothing in the price list"
        lines.append(
            f"About {price} for a million events from {_places(len(cost.places))}: {items} "
            f"(list prices, {prices_as_of()})."
        )
    for line in lines:
        people.print(line, markup=False, highlight=False, soft_wrap=True)


def _places(number: int) -> str:
    return f"{number} account-Region{'' if number == 1 else 's'}"


def _classes(names: Sequence[str]) -> Sequence[EventClass]:
    from trailforward.doctor import CLASSES

    known = {kind.name: kind for kind in CLASSES}
    if unknown := [name for name in names if name not in known]:
        stop(f"There is no class {', '.join(unknown)}: {', '.join(known)}.")
    return tuple(known[name] for name in names) or CLASSES


def _which(world: World) -> str:
    """Where events might be meant to arrive: the targets that most rules have."""
    from collections import Counter

    seen = Counter(
        target.arn for rule in world.rules for target in rule.targets if ":events:" not in target.arn
    )
    text = "Name where events are to arrive: --destination ARN."
    common = [arn for arn, _ in seen.most_common(_SHOWN_TARGETS)]
    return f"{text} Rules have these targets: {', '.join(common)}" if common else text


def _probe(world: World, regions: Sequence[str], listen: str | None, wait: float, *, yes: bool) -> int:
    """Shows what would be called, asks, calls, waits, and reports the latency of each Region."""
    from trailforward.doctor import probe
    from trailforward.doctor.index import ENABLED
    from trailforward.errors import MissingExtraError

    enabled = {
        name for known in world.accounts.values() for name, status in known.items() if status in ENABLED
    }
    where = listen or next(iter(world.destinations), "")
    if not where:
        stop("Name where the probe is to wait: --listen ARN, or http://HOST:PORT.")
    probes = [probe.Probe(name) for name in regions or sorted(enabled)]
    typer.echo(f"The probe calls, then waits at {where} for up to {wait:.0f} s:", err=True)
    for one in probes:
        typer.echo(f"  {one.call}", err=True)
    if ":sqs:" in where:
        typer.echo("Messages of that queue count as received: name one that nothing else reads.", err=True)
    if not yes and not _confirmed():
        return 2
    code = 0
    try:
        for one in probe.run(probes, probe.listener(where), patience=wait):
            code = max(code, _say(one))
    except (probe.ProbeError, MissingExtraError) as error:
        stop(str(error))
    return code


def _confirmed() -> bool:
    """Whether somebody says yes; silence is a no."""
    try:
        return typer.confirm("Go on?", err=True)
    except typer.Abort:
        return False


def _say(one: Any) -> int:
    if one.latency is None:
        typer.echo(f"{one.region}\tdid not arrive ({one.answer})")
        return 1
    typer.echo(f"{one.region}\tarrived after {one.latency:.1f} s ({one.answer})")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        stop(f"{path}: {error.strerror}")
