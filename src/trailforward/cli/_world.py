"""The world that ``doctor`` and ``trace`` check: a snapshot, a template or plan on top of it, or live AWS."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import typer

from trailforward.doctor import SnapshotError, World
from trailforward.doctor.world.unknown import words
from trailforward.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from trailforward.doctor.discover import TimeLimit
    from trailforward.doctor.template import AppliedTemplate
    from trailforward.doctor.world.origin import Origin

#: The account to deploy a template to if none is given.
PLACEHOLDER_ACCOUNT = "0" * 12
_SHOW = "terraform plan -out plan.bin && terraform show -json plan.bin > plan.json"


class LoadedWorld(NamedTuple):
    """A world, with messages for the user.

    Attributes:
        world: the snapshot.
        problems: what could not be read, one sentence each.
        notes: what was assumed or not understood, one sentence each.
        origins: link to the place that declares the resource.
        file: the file that was checked; empty for live AWS.
        interrupted: whether Ctrl-C ended the reading.
    """

    world: World
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    origins: Mapping[str, Origin] = {}
    file: str = ""
    interrupted: bool = False


def stop(text: str) -> NoReturn:
    """Prints an error and exits with status 2."""
    typer.echo(text, err=True)
    raise typer.Exit(2)


def worst_code(*codes: int) -> int:
    """One exit status for several results: 1 (certainly blind), else 2 (undetermined), else 0."""
    return next((code for code in (1, 2) if code in codes), 0)


def read_snapshot(path: Path) -> World:
    """Reads a saved snapshot.

    Raises:
        typer.Exit: with 2; the file cannot be read.
    """
    try:
        return World.from_json(path.read_bytes())
    except OSError as error:
        stop(f"{path}: {error.strerror}")
    except SnapshotError as error:
        stop(f"{path}: {error}")


def with_destinations(world: World, destinations: Sequence[str]) -> World:
    """The world with other destinations, if any are given."""
    return world.model_copy(update={"destinations": tuple(destinations)}) if destinations else world


def read_live(  # noqa: PLR0913  # each is an option of the commands
    accounts: Sequence[str],
    also_read: Sequence[str],
    role: str,
    regions: Sequence[str],
    destinations: Sequence[str],
    *,
    organization: bool = False,
    resume: World | None = None,
    external_id: str = "",
) -> LoadedWorld:
    """Reads AWS, and shows the progress on standard error.

    The first Ctrl-C ends the reading, and what was read is returned; the second one ends the command.

    Raises:
        typer.Exit: with 2; botocore is not installed.
    """
    from trailforward.cli._progress import showing_progress
    from trailforward.doctor.discover import TimeLimit, discover

    limit = TimeLimit()
    try:
        with showing_progress() as progress, _ended_by_interrupt(limit) as ended:
            found = discover(
                accounts=accounts,
                also_read=also_read,
                role=role,
                whole_organization=organization,
                regions=regions,
                destinations=destinations,
                resume=resume,
                progress=progress,
                external_id=external_id,
                limit=limit,
            )
    except MissingExtraError as error:
        stop(str(error))
    world = found.world.model_copy(update={"problems": found.problems})
    return LoadedWorld(world, found.problems, found.notes, interrupted=bool(ended))


@contextmanager
def _ended_by_interrupt(limit: TimeLimit) -> Iterator[list[int]]:
    """Ends the reading at the first Ctrl-C; the list then has the signal."""
    ended: list[int] = []

    def interrupt(number: int, _: object) -> None:
        signal.signal(number, before)
        ended.append(number)
        limit.interrupt()
        typer.echo("Ctrl-C: stopping, and reporting what was read. Press it again to end at once.", err=True)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield ended
    finally:
        signal.signal(signal.SIGINT, before)


def what_if(  # noqa: PLR0913, PLR0917  # the options of a command
    template: Path | None,
    plan: Path | None,
    base: World | None,
    accounts: Sequence[str],
    regions: Sequence[str],
    parameters: Iterable[str],
    deployed_in: Sequence[str] = (),
    destinations: Sequence[str] = (),
) -> LoadedWorld:
    """A world with a template or plan applied, whichever is given.

    Raises:
        typer.Exit: with 2; it cannot be used, or both are given.
    """
    if template is not None and plan is not None:
        stop("Give either --template or --plan, not both.")
    if plan is None:
        assert template is not None  # noqa: S101  # the callers have one of them
        return _apply_template(template, base, accounts, regions, parameters, deployed_in, destinations)
    if parameters:
        stop("--parameter is for --template; a plan has the values of its variables.")
    return _apply_plan(plan, base, accounts, regions, deployed_in, destinations)


def _apply_template(  # noqa: PLR0913, PLR0917  # the options of a command
    template: Path,
    base: World | None,
    accounts: Sequence[str],
    regions: Sequence[str],
    parameters: Iterable[str],
    deployed_in: Sequence[str],
    destinations: Sequence[str],
) -> LoadedWorld:
    """A world with a template applied, as if it were deployed.

    Args:
        template: a CloudFormation or SAM template, or the ``cdk.out`` folder of a CDK app.
        base: the world before; None to know nothing else.
        accounts: where to deploy; by default the accounts of ``base``, or a placeholder.
        regions: the Regions that the question is about.
        parameters: ``NAME=VALUE`` texts.
        deployed_in: the Regions to deploy to; all of ``regions`` by default.
        destinations: ARNs; by default those of ``base``, or the targets of the template's rules.

    Raises:
        typer.Exit: with 2; the template cannot be used.
    """
    from trailforward.doctor.template import (
        Deployment,
        TemplateError,
        apply_stacks,
        parse_template,
        read_assembly,
        read_source,
    )

    given = dict(text.partition("=")[::2] for text in parameters)
    deploy_to = accounts or (sorted(base.accounts) if base else [PLACEHOLDER_ACCOUNT])
    if not regions and not deployed_in:
        stop("Give the Regions to deploy the template to: --region eu-west-1,us-east-1")
    asked = [(account, region) for account in deploy_to for region in regions or deployed_in]
    places = [(account, region) for account in deploy_to for region in deployed_in or regions]
    try:
        if template.is_dir():
            deployments = read_assembly(template, places)
        else:
            text = template.read_text("utf-8")
            parsed = parse_template(text)
            source = read_source(str(template), text, parsed)
            deployments = [
                Deployment(parsed, *place, folder=template.parent, source=source) for place in places
            ]
        applied = apply_stacks(deployments, given, base, destinations, asked=asked)
    except OSError as error:
        stop(f"{template}: {error.strerror}")
    except (TemplateError, MissingExtraError, UnicodeDecodeError) as error:
        stop(f"{template}: {error}")
    loaded = _with_notes(applied, base, template)
    if not accounts and base is None:
        return loaded._replace(notes=(*loaded.notes, _PLACEHOLDER_USED))
    return loaded


def _apply_plan(  # the options of a command
    plan: Path,
    base: World | None,
    accounts: Sequence[str],
    regions: Sequence[str],
    deployed_in: Sequence[str],
    destinations: Sequence[str],
) -> LoadedWorld:
    """A world with a Terraform or OpenTofu plan applied.

    Args:
        plan: the output of ``terraform show -json``; ``-`` is standard input.
        base: the world before; None to know nothing else.
        accounts: at most one, the account of providers whose account the plan does not say; by default the
            only account of ``base``, or a placeholder.
        regions: the Regions that the question is about.
        deployed_in: the Region of providers whose Region the plan does not say; the only one of ``regions``
            by default.
        destinations: ARNs; by default those of ``base``, or the targets of the plan's rules.

    Raises:
        typer.Exit: with 2; the plan cannot be used.
    """
    from trailforward.cli._input import open_input
    from trailforward.doctor.plan import apply_plan, parse_plan
    from trailforward.doctor.template import TemplateError

    if plan.is_dir():
        stop(f"{plan} is a folder. Give a file that terraform show -json wrote: {_SHOW}")
    if len(accounts) > 1:
        stop("Give one --account with --plan: that of the plan's providers. The report has all accounts.")
    known = accounts or (sorted(base.accounts) if base else [])
    account = known[0] if len(known) == 1 else "" if known else PLACEHOLDER_ACCOUNT
    where = deployed_in or regions
    try:
        with open_input(str(plan)) as file:
            data = file.read()
        applied = apply_plan(
            parse_plan(data),
            base,
            destinations,
            account=account,
            region=where[0] if len(where) == 1 else "",
            asked_accounts=accounts,
            asked_regions=regions,
        )
    except OSError as error:
        stop(f"{plan}: {error.strerror}")
    except TemplateError as error:
        stop(f"{plan}: {error}")
    loaded = _with_notes(applied, base, plan)
    if PLACEHOLDER_ACCOUNT in loaded.world.accounts and PLACEHOLDER_ACCOUNT not in known:
        return loaded._replace(notes=(*loaded.notes, _PLACEHOLDER_USED))
    if accounts and account not in applied.accounts:
        found = ", ".join(applied.accounts) or "no account"
        note = f"The plan has no resources in the account {account}, but in {found}."
        return loaded._replace(notes=(*loaded.notes, note))
    return loaded


_PLACEHOLDER_USED = f"No --account is given: using {PLACEHOLDER_ACCOUNT}."


def _with_notes(applied: AppliedTemplate, base: World | None, path: Path) -> LoadedWorld:
    """A world with a template or plan applied, and what the user should know about it."""
    notes = [*applied.assumptions, *(f"Not understood: {text}" for text in applied.not_understood)]
    world = applied.world
    if not world.destinations:
        ends = _ends(world, base)
        world = with_destinations(world, list(ends))
        notes.append(
            f"No --destination is given: using {words(', '.join(ends))}."
            if ends
            else "No --destination is given, and there is no rule with an event pattern and a target."
        )
    file = path / "manifest.json" if path.is_dir() else path
    name = "" if str(path) == "-" else str(file)  # - is standard input
    return LoadedWorld(world, (), tuple(notes), applied.origins, name)


def _ends(world: World, base: World | None) -> dict[str, None]:
    """The targets of the new rules that lead to no bus, because a bus is on the way to somewhere.

    Rules without an event pattern are schedules: no event reaches their targets.
    """
    old = {(rule.account, rule.region, rule.bus, rule.name) for rule in base.rules} if base else set()
    new = [rule for rule in world.rules if (rule.account, rule.region, rule.bus, rule.name) not in old]
    targets = dict.fromkeys(
        target.arn for rule in new if rule.pattern is not None for target in rule.targets if target.arn
    )
    return {arn: None for arn in targets if ":event-bus/" not in arn} or targets


def split(texts: Iterable[str] | None) -> list[str]:
    """Values of a repeatable option, which may also hold several values separated by commas or spaces."""
    joined = " ".join(texts or ()).replace(",", " ")
    return list(dict.fromkeys(joined.split()))
