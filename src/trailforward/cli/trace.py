"""``trailforward trace``: the path of one call, step by step."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003  # Typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from trailforward.cli._world import read_live, read_snapshot, split, stop, with_destinations

if TYPE_CHECKING:
    from trailforward.doctor import Call, World

_SIGNS = {True: "ok", False: "BROKEN", "unknown": "unknown"}
_CODES = {True: 0, False: 1, "unknown": 2}
#: Verbs of read-only calls; nearly all of them have ``readOnly: true`` in CloudTrail.
_READ_VERBS = ("Describe", "Get", "List", "Head", "Lookup", "Search", "BatchGet", "Decrypt", "AssumeRole")
#: IAM action prefix to the eventSource prefix, where they differ.
_SOURCES = {"cloudwatch": "monitoring", "elb": "elasticloadbalancing"}


def trace(  # noqa: PLR0913, PLR0917  # the options of a command
    event: Annotated[
        Path | None, typer.Option(help="File with one event: from EventBridge, or a CloudTrail record.")
    ] = None,
    call: Annotated[
        str | None, typer.Option(metavar="SERVICE:EVENT", help="API call, such as iam:CreateUser.")
    ] = None,
    region: Annotated[str, typer.Option(help="Region of the call.")] = "",
    account: Annotated[
        str, typer.Option(metavar="ID", help="Account of the call; default: the snapshot's only account.")
    ] = "",
    snapshot: Annotated[
        Path | None, typer.Option(help="Use a saved snapshot instead of calling AWS.")
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

    exit status: 0 the event arrives, 1 it does not arrive, 2 undetermined or not everything could be read
    """
    from trailforward.doctor import reach
    from trailforward.doctor.discover import DEFAULT_ROLE
    from trailforward.doctor.trace import trace_steps

    if (event is None) is (call is None):
        stop("Give --event FILE or --call SERVICE:EVENT.")
    destinations = split(destination)
    problems: tuple[str, ...] = ()
    if snapshot is not None:
        world = with_destinations(read_snapshot(snapshot), destinations)
    else:
        accounts, regions = ([text] if text else [] for text in (account, region))
        loaded = read_live(accounts, split(also_read), DEFAULT_ROLE, regions, destinations)
        world, problems = loaded.world, loaded.problems
    hubs = {text.split(":")[4] if text.startswith("arn:") else text for text in split(also_read)}
    callers = [known for known in world.accounts if known not in hubs]
    if not account and len(callers) == 1:
        account = callers[0]
    for sentence in problems:
        typer.echo(sentence, err=True)
    if not world.destinations:
        stop("Give the destination of the event: --destination ARN.")
    traced = (
        _call_from_file(event, account, region)
        if event
        else _call_from_name(str(call), account, region, world)
    )
    verdict = reach(world, traced)
    for number, step in enumerate(trace_steps(world, traced, verdict), 1):
        typer.echo(f"{number:>2}. {_SIGNS[step.passes]:<8}{step.what}")
        if step.why:
            typer.echo(f"    {step.why}")
    for warning in verdict.warnings:
        typer.echo(f"{warning.severity}: {warning.why} {warning.fix}")
    typer.echo(f"{verdict.code} ({verdict.evidence}): {verdict.why}")
    if verdict.reaches is not True:
        typer.echo(f"Fix: {verdict.fix}")
    raise typer.Exit(max(_CODES[verdict.reaches], 2 if problems else 0))


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


def _call_from_name(name: str, account: str, region: str, world: World) -> Call:
    """A call by its name in IAM policies; whether it is read-only is guessed from its verb."""
    from trailforward.doctor import CLASSES, Call

    service, _, verb = name.partition(":")
    if not service or not verb:
        stop(f"{name}: write the call as SERVICE:EVENT, such as iam:CreateUser")
    if not region or not account:
        stop(
            f"Give --account and --region of the call. Accounts in the snapshot: {', '.join(world.accounts)}."
        )
    if verb == "ConsoleLogin":
        return next(kind for kind in CLASSES if kind.name == "sign-in").call(account, region)
    return Call(
        account=account,
        region=region,
        service=f"{_SOURCES.get(service, service)}.amazonaws.com",
        event_name=verb,
        read_only=verb.startswith(_READ_VERBS),
        identity={"type": "IAMUser", "accountId": account},
    )
