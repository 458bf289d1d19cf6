"""``trailforward trace``: one call, step by step."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003  # Typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from trailforward.cli._world import look, read_snapshot, split, stop, with_destinations

if TYPE_CHECKING:
    from trailforward.doctor import Call, World

_SIGNS = {True: "ok", False: "BROKEN", "unknown": "unknown"}
_CODES = {True: 0, False: 1, "unknown": 2}
#: Verbs of calls that only read; so CloudTrail marks nearly all of them.
_READING = ("Describe", "Get", "List", "Head", "Lookup", "Search", "BatchGet", "Decrypt", "AssumeRole")
#: eventSource where it is not the prefix of the IAM action.
_SOURCES = {"cloudwatch": "monitoring", "elb": "elasticloadbalancing"}


def trace(  # noqa: PLR0913, PLR0917  # the options of a command
    event: Annotated[
        Path | None, typer.Option(help="A file with one event: from EventBridge, or a CloudTrail record.")
    ] = None,
    call: Annotated[
        str | None, typer.Option(metavar="SERVICE:EVENT", help="A call, such as iam:CreateUser.")
    ] = None,
    region: Annotated[str, typer.Option(help="Where the call is made.")] = "",
    account: Annotated[
        str, typer.Option(metavar="ID", help="Who makes it; default: the snapshot's only account.")
    ] = "",
    snapshot: Annotated[Path | None, typer.Option(help="A saved world instead of live AWS.")] = None,
    destination: Annotated[
        list[str] | None, typer.Option(metavar="ARN", help="Where the event is to arrive.")
    ] = None,
    also_read: Annotated[
        list[str] | None, typer.Option(metavar="ID|ROLE", help="Read this account too: a hub.")
    ] = None,
) -> None:
    """Walk one call to the destination and explain each step.

    Ends with 0 if its event arrives, 1 if it does not, 2 if nobody can say.
    """
    from trailforward.doctor import reach
    from trailforward.doctor.discover import USUAL_ROLE
    from trailforward.doctor.story import tell

    if (event is None) is (call is None):
        stop("Give --event FILE or --call SERVICE:EVENT.")
    destinations = split(destination)
    problems: tuple[str, ...] = ()
    if snapshot is not None:
        world = with_destinations(read_snapshot(snapshot), destinations)
    else:
        accounts, regions = ([text] if text else [] for text in (account, region))
        seen = look(accounts, split(also_read), USUAL_ROLE, regions, destinations)
        world, problems = seen.world, seen.problems
    hubs = {text.split(":")[4] if text.startswith("arn:") else text for text in split(also_read)}
    callers = [known for known in world.accounts if known not in hubs]
    if not account and len(callers) == 1:
        account = callers[0]
    for sentence in problems:
        typer.echo(sentence, err=True)
    if not world.destinations:
        stop("Name where the event is to arrive: --destination ARN.")
    asked = _of_file(event, account, region) if event else _of_name(str(call), account, region, world)
    verdict = reach(world, asked)
    for number, step in enumerate(tell(world, asked, verdict), 1):
        typer.echo(f"{number:>2}. {_SIGNS[step.holds]:<8}{step.what}")
        if step.why:
            typer.echo(f"    {step.why}")
    for warning in verdict.warnings:
        typer.echo(f"{warning.severity}: {warning.why} {warning.fix}")
    typer.echo(f"{verdict.code} ({verdict.evidence}): {verdict.why}")
    if verdict.reaches is not True:
        typer.echo(f"Fix: {verdict.fix}")
    raise typer.Exit(max(_CODES[verdict.reaches], 2 if problems else 0))


def _of_file(path: Path, account: str, region: str) -> Call:
    from trailforward.doctor.story import call_of

    try:
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict):
            stop(f"{path}: one event is a JSON object")
        return call_of(data, account=account, region=region)
    except OSError as error:
        stop(f"{path}: {error.strerror}")
    except ValueError as error:
        stop(f"{path}: {error}")


def _of_name(name: str, account: str, region: str, world: World) -> Call:
    """A call by its IAM-like name; what it is like is guessed from the verb, as CloudTrail does it."""
    from trailforward.doctor import CLASSES, Call

    service, _, verb = name.partition(":")
    if not service or not verb:
        stop(f"{name}: write a call as SERVICE:EVENT, such as iam:CreateUser")
    if not region or not account:
        stop(f"Say who calls, and where: --account and --region. Known are {', '.join(world.accounts)}.")
    if verb == "ConsoleLogin":
        return next(kind for kind in CLASSES if kind.name == "sign-in").call(account, region)
    return Call(
        account=account,
        region=region,
        service=f"{_SOURCES.get(service, service)}.amazonaws.com",
        event_name=verb,
        read_only=verb.startswith(_READING),
        identity={"type": "IAMUser", "accountId": account},
    )
