"""``trailforward trace``: the path of one call, step by step."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003  # Typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from trailforward.cli._world import (
    LoadedWorld,
    read_live,
    read_snapshot,
    split,
    stop,
    what_if,
    with_destinations,
    worst_code,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.doctor import Call, World
    from trailforward.doctor.trace import NamedCall

_SIGNS = {True: "ok", False: "BROKEN", "unknown": "unknown"}
_CODES = {True: 0, False: 1, "unknown": 2}


def trace(  # noqa: PLR0913, PLR0917  # the options of a command
    event: Annotated[
        Path | None, typer.Option(help="File with one event: from EventBridge, or a CloudTrail record.")
    ] = None,
    call: Annotated[
        str | None,
        typer.Option(
            metavar="SERVICE:EVENT", help="API call, such as iam:CreateUser; the service in any spelling."
        ),
    ] = None,
    category: Annotated[
        str,
        typer.Option(metavar="management|data|network|insight", help="Category of the call's event."),
    ] = "",
    read_only: Annotated[
        bool | None, typer.Option("--read-only/--write", help="Whether the call is read-only.")
    ] = None,
    region: Annotated[str, typer.Option(help="Region of the call.")] = "",
    account: Annotated[
        str, typer.Option(metavar="ID", help="Account of the call; default: the snapshot's only account.")
    ] = "",
    snapshot: Annotated[
        Path | None, typer.Option(help="Use a saved snapshot instead of calling AWS.")
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            help="Check a CloudFormation template as if deployed in the account, in the Regions of the call "
            "and of its event, on top of --snapshot if given."
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="Check a Terraform or OpenTofu plan (the output of terraform show -json; - for standard "
            "input) as if applied, on top of --snapshot if given."
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Template parameter; repeatable.")
    ] = None,
    destination: Annotated[
        list[str] | None, typer.Option(metavar="ARN", help="Destination of the event; repeatable.")
    ] = None,
    also_read: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|ROLE", help="Also read this account (for example the hub); repeatable."),
    ] = None,
) -> None:
    """Follow one call to the destination and explain each step.

    exit status: 0 the event arrives, 1 it certainly does not arrive, 2 undetermined, not everything could be
    read, or wrong options, 3 an internal error
    """
    from trailforward.doctor.trace import CATEGORIES, NamedCall

    if (event is None) is (call is None):
        stop("Give --event FILE or --call SERVICE:EVENT.")
    if category and category.lower() not in CATEGORIES:
        stop(f"Unknown category {category}: choose from {', '.join(CATEGORIES)}.")
    destinations = split(destination)
    given = _call_from_file(event, account, region) if event else None
    if given is not None:
        account, region = given.account, given.region
    loaded = _loaded(
        snapshot, template, plan, parameter or (), account, region, str(call), destinations, also_read
    )
    world = loaded.world
    account = account or _only_caller(world, split(also_read))
    for sentence in (*loaded.notes, *loaded.problems):
        typer.echo(sentence, err=True)
    if not world.destinations:
        stop("Give the destination of the event: --destination ARN.")
    if given is None:
        named = _named(world, str(call), account, region, CATEGORIES.get(category.lower(), ""), read_only)
    else:
        named = NamedCall((given,))
    codes = _follow(world, named)
    raise typer.Exit(worst_code(*codes, 2 if loaded.problems else 0))


def _only_caller(world: World, also_read: list[str]) -> str:
    """The only account of a world that is not a hub, or an empty text."""
    hubs = {text.split(":")[4] if text.startswith("arn:") else text for text in also_read}
    callers = [known for known in world.accounts if known not in hubs]
    return callers[0] if len(callers) == 1 else ""


def _follow(world: World, named: NamedCall) -> set[int]:
    """Prints the path of a call, and returns the exit statuses of what it may be."""
    from trailforward.doctor import reach
    from trailforward.doctor.trace import trace_steps

    verdicts = [reach(world, one) for one in named.calls]
    traced, verdict = named.calls[0], verdicts[0]
    for number, step in enumerate(trace_steps(world, traced, verdict), 1):
        typer.echo(f"{number:>2}. {_SIGNS[step.passes]:<8}{step.what}")
        if step.why:
            typer.echo(f"    {step.why}")
    for warning in verdict.warnings:
        typer.echo(f"{warning.severity}: {warning.why} {warning.fix}")
    typer.echo(f"{verdict.code} ({verdict.evidence}): {verdict.why}")
    if verdict.reaches is not True:
        typer.echo(f"Fix: {verdict.fix}")
    codes = {_CODES[one.reaches] for one in verdicts}
    if len(codes) == 1:
        return codes
    typer.echo(f"unknown: it depends on whether {traced.name} {named.open}, which its name does not tell.")
    return {2}


def _loaded(  # noqa: PLR0913, PLR0917
    snapshot: Path | None,
    template: Path | None,
    plan: Path | None,
    parameters: Iterable[str],
    account: str,
    region: str,
    call: str,
    destinations: list[str],
    also_read: list[str] | None,
) -> LoadedWorld:
    """The world to trace in: live, a snapshot, or a template or plan on top of one."""
    from trailforward.doctor.discover import DEFAULT_ROLE

    accounts, regions = ([text] if text else [] for text in (account, region))
    if template is not None or plan is not None:
        from trailforward.doctor.trace import named_call
        from trailforward.doctor.world.regions import event_region
        from trailforward.doctor.world.world import World

        if not region:
            stop("Give the --region of the call; what is planned is checked there.")
        if call != "None":
            one = named_call(World(), call, account, region).calls[0] if ":" in call else None
            regions = list(dict.fromkeys([region, event_region(one)[0]])) if one else regions
        base = read_snapshot(snapshot) if snapshot else None
        deployed_in = [] if plan is None else [region]
        loaded = what_if(template, plan, base, accounts, regions, parameters, deployed_in, destinations)
        return loaded._replace(problems=base.problems if base else ())
    if snapshot is not None:
        saved = read_snapshot(snapshot)
        return LoadedWorld(with_destinations(saved, destinations), saved.problems)
    return read_live(accounts, split(also_read), DEFAULT_ROLE, regions, destinations)


def _named(
    world: World,
    call: str,
    account: str,
    region: str,
    category: str,
    reading: bool | None,  # noqa: FBT001
) -> NamedCall:
    from trailforward.doctor.trace import named_call

    if ":" in call and (not region or not account):
        stop(
            f"Give --account and --region of the call. Accounts in the snapshot: {', '.join(world.accounts)}."
        )
    try:
        return named_call(world, call, account, region, category=category, reading=reading)
    except ValueError as error:
        stop(str(error))


def _call_from_file(path: Path, account: str, region: str) -> Call:
    from trailforward.doctor import Call

    try:
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict):
            stop(f"{path}: the event must be a JSON object")
        return Call.from_event(data, account=account, region=region)
    except OSError as error:
        stop(f"{path}: {error.strerror}")
    except ValueError as error:
        stop(f"{path}: {error}")
