"""``trailforward doctor``: which Regions are blind to which events, and which link is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path  # noqa: TC003  # Typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from trailforward.cli._files import keep_inputs, write_file, write_private
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
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from trailforward.doctor import EventClass, World
    from trailforward.doctor.delivery import Finding
    from trailforward.doctor.probe import Probe
    from trailforward.doctor.report import Survey

_FORMS = ("terminal", "json", "markdown", "sarif", "html")
_INTERRUPTED = 130
_SHOWN_TARGETS = 5
#: The most loops of one call that are printed.
_SHOWN_LOOPS = 3


def doctor(  # noqa: PLR0913, PLR0917  # the options of a command
    snapshot: Annotated[
        Path | None, typer.Option(help="Use a saved snapshot instead of calling AWS.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Save the snapshot to this file, for you alone.")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Continue a run that stopped because its credentials expired: read only what this saved "
            "snapshot lacks.",
        ),
    ] = None,
    mask: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--mask", help="Anonymize account and organization IDs in the saved snapshot.")
    ] = False,
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|ROLE", help="Account ID, or ARN of a role to assume; repeatable."),
    ] = None,
    also_read: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID|ROLE",
            help="Also read this account (for example the hub) without reporting on it.",
        ),
    ] = None,
    role: Annotated[
        str, typer.Option(metavar="NAME", help="IAM role to assume in accounts given by ID.")
    ] = "OrganizationAccountAccessRole",
    organization: Annotated[  # noqa: FBT002
        bool, typer.Option("--organization", help="Read every active account of the organization.")
    ] = False,
    external_id: Annotated[
        str, typer.Option(metavar="ID", help="External ID that the roles to assume require.")
    ] = "",
    region: Annotated[
        list[str] | None,
        typer.Option("--region", "--regions", metavar="REGION", help="Check only this Region; repeatable."),
    ] = None,
    destination: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARN", help="Destination of the events; repeatable. Reaching any one of them is enough."
        ),
    ] = None,
    event_class: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="CLASS", help="Check only this class of events; repeatable."),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            help="Check a CloudFormation or SAM template, or a cdk.out folder, as if deployed, on top of "
            "--snapshot if given."
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="Check a Terraform or OpenTofu plan (the output of terraform show -json; - for standard "
            "input) as if applied, on top of --snapshot if given."
        ),
    ] = None,
    deployed_in: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REGION",
            help="Where the template is deployed; default: every --region. Repeatable. With --plan: the "
            "Region of providers whose Region the plan does not say.",
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Template parameter; repeatable.")
    ] = None,
    since_snapshot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also print what changed since this saved snapshot."),
    ] = None,
    format: Annotated[str, typer.Option(metavar="|".join(_FORMS), help="Report format.")] = "terminal",  # noqa: A002
    output: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    probe: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--probe",
            help="Test live: make one harmless write call per Region, and wait for its event to arrive.",
        ),
    ] = False,
    listen: Annotated[
        str | None,
        typer.Option(metavar="ARN|URL", help="Where the probe listens; default: the first destination."),
    ] = None,
    wait: Annotated[float, typer.Option(help="How long the probe waits, in seconds.")] = 600.0,
    yes: Annotated[  # noqa: FBT002
        bool, typer.Option("--yes", help="Do not ask for confirmation before probing.")
    ] = False,
) -> None:
    """Report which Regions are blind to which events, and which link is broken. Read-only, except --probe.

    exit status: 0 all checked events are covered, 1 some events are certainly blind, 2 undetermined, not
    everything could be read, or wrong options, 3 an internal error, 130 Ctrl-C ended the reading: the report
    and --save have what was read, and --resume continues
    """
    if format not in _FORMS:
        stop(f"Unknown format {format}: choose one of {', '.join(_FORMS)}.")
    keep_inputs(
        {"--output": output, "--save": save}, {"--snapshot": snapshot, "--template": template, "--plan": plan}
    )
    keep_inputs({"--output": output}, {"--resume": resume})
    keep_inputs({"--output": output, "--save": save}, {"--since-snapshot": since_snapshot})
    regions, destinations, accounts = split(region), split(destination), split(account)
    hubs = split(also_read)
    if resume is not None and any(given is not None for given in (template, plan, snapshot)):
        stop("--resume reads AWS: use it without --template, --plan, and --snapshot.")
    classes = _classes(split(event_class))
    earlier = read_snapshot(since_snapshot) if since_snapshot is not None else None
    if template is not None or plan is not None:
        base = read_snapshot(snapshot) if snapshot else None
        loaded = what_if(
            template, plan, base, accounts, regions, parameter or (), split(deployed_in), destinations
        )
        loaded = loaded._replace(problems=base.problems if base else ())
    elif snapshot is not None:
        world = read_snapshot(snapshot)
        loaded = LoadedWorld(with_destinations(world, destinations), world.problems, file=str(snapshot))
    else:
        before = read_snapshot(resume) if resume is not None else None
        loaded = read_live(
            accounts,
            hubs,
            role,
            regions,
            destinations,
            organization=organization,
            resume=before,
            external_id=external_id,
        )
    if save is not None:
        write_private(save, (loaded.world.masked() if mask else loaded.world).to_json() + "\n")
    found = survey_world(loaded.world, hubs, regions, classes, narrow_rules=bool(template or plan))
    found = replace(found, origins=loaded.origins, file=loaded.file)
    codes = [_report(loaded, found, format, output)]
    if earlier is not None:
        _print_changes(earlier, loaded.world, hubs, regions, classes, found)
    if loaded.interrupted:
        raise typer.Exit(_INTERRUPTED)
    if probe:
        codes.append(_probe(loaded.world, regions, listen, wait, yes=yes))
    raise typer.Exit(worst_code(*codes))


def survey_world(
    world: World,
    hubs: Sequence[str],
    regions: Sequence[str],
    classes: Sequence[EventClass] | None,
    *,
    narrow_rules: bool = False,
) -> Survey:
    """Surveys a world as the options say.

    Args:
        world: the snapshot.
        hubs: account IDs or role ARNs of accounts to leave out of the report.
        regions: the Regions to check; if empty, all.
        classes: the classes of events to check, all of them wanted; None for those that are not excluded.
        narrow_rules: judge the rules alone if all of them are narrow on purpose.
    """
    from trailforward.doctor.report import known_accounts, survey

    left_out = {text.split(":")[4] if text.startswith("arn:") else text for text in hubs}
    accounts = [account for account in known_accounts(world) if account not in left_out] if hubs else None
    return survey(
        world, accounts=accounts, regions=regions or None, classes=classes, narrow_rules=narrow_rules
    )


def _print_changes(  # the options of a command
    earlier: World,
    world: World,
    hubs: Sequence[str],
    regions: Sequence[str],
    classes: Sequence[EventClass] | None,
    now: Survey,
) -> None:
    """Prints to standard error what changed since an earlier snapshot."""
    from trailforward.doctor.changes import compare

    earlier = with_destinations(earlier, list(world.destinations))
    was = survey_world(earlier, hubs, regions, classes, narrow_rules=now.by_rule)
    found = compare(earlier, world, was, now)
    typer.echo(f"Since the snapshot: {found.headline}.", err=True)
    for line in found.lines():
        typer.echo(line, err=True)


def _report(
    loaded: LoadedWorld,
    found: Survey,
    format: str,  # noqa: A002
    output: Path | None,
) -> int:
    """Prints or writes the report; loops, costs, and problems go to standard error."""
    from rich.console import Console

    from trailforward.doctor.report import print_terminal, render

    if output is not None:
        write_file(output, render(found, format))  # type: ignore[arg-type]  # checked before
    elif format == "terminal":
        print_terminal(found, Console())
    else:
        typer.echo(render(found, format))  # type: ignore[arg-type]
    stderr = Console(stderr=True)
    _print_loops_and_costs(loaded.world, stderr)
    for sentence in (*loaded.notes, *loaded.problems):
        stderr.print(sentence, markup=False, highlight=False, soft_wrap=True)
    if not loaded.world.destinations:
        stderr.print(_suggest_destinations(loaded.world), markup=False, highlight=False, soft_wrap=True)
    return worst_code(found.exit_code, 2 if loaded.problems else 0)


def _print_loops_and_costs(world: World, stderr: Console) -> None:
    from trailforward.doctor.path_costs import path_costs, prices_as_of

    def costs() -> Iterator[str]:
        for cost in path_costs(world):
            price = f"${cost.low:.2f}" if cost.low == cost.high else f"${cost.low:.2f} to ${cost.high:.2f}"
            items = ", ".join(item.name for item in cost.items) or "no items in the price list"
            yield (
                f"About {price} per million events from {_places(len(cost.places))}: {items} "
                f"(list prices, {prices_as_of()})."
            )

    for name, lines in (("loops", _loops(world)), ("costs", costs())):
        try:
            for line in lines:
                stderr.print(line, markup=False, highlight=False, soft_wrap=True)
        except Exception as error:  # noqa: BLE001  # a surprise here must not hide the report's exit status
            stderr.print(f"The {name} could not be found: {error!r}", markup=False, soft_wrap=True)


def _loops(world: World) -> Iterator[str]:
    """A sentence for each loop; many of one call are summed up."""
    from trailforward.doctor.loops import find_loops

    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in find_loops(world):
        alike.setdefault((finding.severity, finding.code, finding.at), []).append(finding)
    for found in alike.values():
        for finding in found[:_SHOWN_LOOPS]:
            yield f"{finding.severity.upper()} {finding.code}: {finding.why} {finding.fix}"
        if (more := len(found) - _SHOWN_LOOPS) > 0:
            yield f"{more} more {found[0].code} of the same call, with other roles or resources."


def _places(number: int) -> str:
    return f"{number} account/Region pair{'' if number == 1 else 's'}"


def _classes(names: Sequence[str]) -> Sequence[EventClass] | None:
    """The classes with some names; None if none are given."""
    from trailforward.doctor import CLASSES

    known = {kind.name: kind for kind in CLASSES}
    if unknown := [name for name in names if name not in known]:
        stop(f"Unknown class {', '.join(unknown)}: choose from {', '.join(known)}.")
    return tuple(known[name] for name in names) or None


def _suggest_destinations(world: World) -> str:
    """Suggests destinations: the targets that most rules have."""
    from collections import Counter

    targets = Counter(
        target.arn for rule in world.rules for target in rule.targets if ":events:" not in target.arn
    )
    text = "Give the destination of the events: --destination ARN."
    common = [arn for arn, _ in targets.most_common(_SHOWN_TARGETS)]
    return f"{text} The rules have these targets: {', '.join(common)}" if common else text


def _probe(world: World, regions: Sequence[str], listen: str | None, wait: float, *, yes: bool) -> int:
    """Shows the calls, asks for confirmation, makes them, and prints the latency of each Region."""
    from trailforward.doctor import probe
    from trailforward.doctor.world.index import ENABLED
    from trailforward.errors import MissingExtraError

    enabled = {
        name for known in world.accounts.values() for name, status in known.items() if status in ENABLED
    }
    where = listen or next(iter(world.destinations), "")
    if not where:
        stop("Give the place where the probe listens: --listen ARN, or http://HOST:PORT.")
    probes = [probe.Probe(name) for name in regions or sorted(enabled)]
    typer.echo(f"The probe makes these calls, then listens at {where} for up to {wait:.0f} s:", err=True)
    for one in probes:
        typer.echo(f"  {one.call}", err=True)
    if ":sqs:" in where:
        typer.echo(
            "Reading increases the receive count of messages: use a queue without other consumers.", err=True
        )
    if not yes and not _confirmed():
        return 2
    codes = []
    try:
        for one in probe.run(probes, probe.open_listener(where), wait_seconds=wait):
            codes.append(_print_probe(one))  # noqa: PERF401  # printed as they come
    except (probe.ProbeError, MissingExtraError) as error:
        stop(str(error))
    return worst_code(*codes)


def _confirmed() -> bool:
    """Whether the user confirms; no input counts as no."""
    try:
        return typer.confirm("Continue?", err=True)
    except typer.Abort:
        return False


def _print_probe(one: Probe) -> int:
    if one.latency is None:
        typer.echo(f"{one.region}\tdid not arrive ({one.result})")
        return 1
    typer.echo(f"{one.region}\tarrived after {one.latency:.1f} s ({one.result})")
    return 0
