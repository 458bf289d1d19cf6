"""Apply: adds stacks to a World, as if they were deployed, with their nested stacks and StackSets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.template.document import expand, parse_template
from trailforward.doctor.template.errors import TemplateError
from trailforward.doctor.template.stack import LISTS, Stack
from trailforward.doctor.template.values import Values, as_text
from trailforward.doctor.world.unknown import is_unknown
from trailforward.doctor.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

#: The status of a Region that is enabled by default.
_ENABLED = "ENABLED_BY_DEFAULT"
#: Nested stacks nest; CloudFormation has no documented limit, and people stop at two or three.
_MOST_DEPTH = 5
#: Stacks of one question, nested ones and stack instances included.
_MOST_STACKS = 2_000


class Deployment(NamedTuple):
    """A template and where it is deployed.

    Attributes:
        template: from :func:`~trailforward.doctor.template.parse_template`.
        account: the account.
        region: the Region.
        stack: the stack's name.
        folder: where the template's file is; None if templates beside it cannot be read.
    """

    template: dict[str, Any]
    account: str
    region: str
    stack: str = "trailforward"
    folder: Path | None = None


@dataclass(frozen=True)
class AppliedTemplate:
    """A world with a template applied.

    Attributes:
        world: the resulting world.
        assumptions: what was assumed, one sentence each.
        not_understood: what could not be read, one sentence each.
    """

    world: World
    assumptions: tuple[str, ...]
    not_understood: tuple[str, ...]


def apply_template(  # noqa: PLR0913  # what a deployment needs
    template: dict[str, Any],
    places: Iterable[tuple[str, str]],
    parameters: Mapping[str, str],
    base: World | None = None,
    destinations: Iterable[str] = (),
    *,
    asked: Iterable[tuple[str, str]] = (),
    folder: Path | None = None,
) -> AppliedTemplate:
    """Adds a template's resources to a world, as if the template were deployed.

    Args:
        template: from :func:`~trailforward.doctor.template.parse_template`.
        places: (account, Region) pairs to deploy to.
        parameters: values of the template's parameters.
        base: the existing world; by default, one with only a trail that logs all management events.
        destinations: ARNs that replace the world's destinations.
        asked: further (account, Region) pairs that the question is about.
        folder: the folder of the template's file, for nested stacks and StackSets.

    Raises:
        TemplateError: a given parameter does not exist, or its value is not allowed.
    """
    deployments = [Deployment(template, account, region, folder=folder) for account, region in places]
    return apply_stacks(deployments, parameters, base, destinations, asked=asked)


def apply_stacks(
    deployments: Sequence[Deployment],
    parameters: Mapping[str, str],
    base: World | None = None,
    destinations: Iterable[str] = (),
    *,
    asked: Iterable[tuple[str, str]] = (),
) -> AppliedTemplate:
    """Does the same as :func:`apply_template` for stacks that may import each other's exports.

    Raises:
        TemplateError: a given parameter exists in no template, or its value is not allowed.
    """
    known = {name for each in deployments for name in _declared(each.template)}
    if absent := sorted(parameters.keys() - known):
        names = ", ".join(sorted(known)) or "none"
        raise TemplateError(f"the template has no parameter {', '.join(absent)}; it has: {names}")
    exports: dict[tuple[str, str], dict[str, Any]] = {}
    made = _Made()
    for _ in range(2 if len(deployments) > 1 else 1):  # a stack may import from a later one
        made = _Made()
        for each in deployments:
            given = {name: parameters[name] for name in _declared(each.template) if name in parameters}
            _deploy(each, given, made, exports)
    raw: dict[str, Any] = base.model_dump(mode="json", by_alias=True, exclude_unset=True) if base else {}
    accounts = {account: dict(regions) for account, regions in raw.get("accounts", {}).items()}
    for account, region in [*asked, *made.places]:
        accounts.setdefault(account, {}).setdefault(region, _ENABLED)
    assumptions = list(made.assumptions)
    if base is None:
        owners = dict.fromkeys(made.places)
        homes = dict(reversed(list(owners)))
        if not made.found["trails"]:
            raw["trails"] = [_assumed_trail(account, region) for account, region in homes.items()]
            assumptions.append(
                "Assuming a multi-Region trail that logs all management events; what else it logs is not "
                "known. Use --snapshot for real trails."
            )
        raw["unseen"] = [
            _others(account, what) for account in homes for what in ("buses", "roles", "resources")
        ]
    for key, identity in _IDENTITIES.items():
        new = {identity(item): item for item in made.found[key]}
        old = [item for item in raw.get(key, ()) if identity(item) not in new]
        raw[key] = [*old, *new.values()]
    raw["unseen"] = [*raw.get("unseen", ()), *made.unseen]
    raw |= {"accounts": accounts}
    if destinations := list(destinations):
        raw["destinations"] = destinations
    return AppliedTemplate(
        World.model_validate(raw), tuple(assumptions), tuple(dict.fromkeys(made.not_understood))
    )


@dataclass
class _Made:
    """What deployments add to a world."""

    found: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {key: [] for key in LISTS})
    unseen: list[dict[str, Any]] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)
    assumptions: dict[str, None] = field(default_factory=dict)
    places: dict[tuple[str, str], None] = field(default_factory=dict)
    stacks: int = 0


def _declared(template: Mapping[str, Any]) -> Mapping[str, Any]:
    found = template.get("Parameters")
    return found if isinstance(found, dict) else {}


def _deploy(
    each: Deployment,
    parameters: Mapping[str, Any],
    made: _Made,
    exports: dict[tuple[str, str], dict[str, Any]],
    depth: int = 0,
) -> dict[str, Any]:
    """Adds one stack and those that it creates; returns its outputs."""
    made.stacks += 1
    if depth > _MOST_DEPTH or made.stacks > _MOST_STACKS:
        made.not_understood.append(f"{each.stack}: more stacks than are read here.")
        return {}
    given = {name: as_text(value) for name, value in parameters.items()}
    template, notes = expand(
        each.template, each.region, {k: v for k, v in given.items() if not is_unknown(v)}
    )
    place = each.account, each.region
    values = Values(
        template, each.account, each.region, given, stack=each.stack, imports=exports.get(place, {})
    )
    made.places.setdefault(place)
    made.not_understood += [f"{each.stack}: {note}" if depth else note for note in notes]
    for name in values.missing:
        made.assumptions[f"No value is given for {name}, so it is not known: --parameter {name}=…"] = None
    _create_others(each, values, made, exports, depth)
    stack = Stack(values)
    for key in LISTS:
        made.found[key] += stack.found[key]
    made.unseen += stack.unseen
    made.not_understood += stack.notes
    return _outputs(values, exports.setdefault(place, {}))


def _create_others(
    each: Deployment, values: Values, made: _Made, exports: dict[tuple[str, str], dict[str, Any]], depth: int
) -> None:
    """Adds the nested stacks and the StackSets that a stack creates."""
    nested = [
        (logical, resource)
        for logical, resource in values.resources.items()
        if isinstance(resource, dict) and str(resource.get("Type")) in _NESTING
    ]
    for logical, resource in nested:
        try:
            if values.present(logical) is not False:
                _NESTING[str(resource["Type"])](each, logical, values, made, exports, depth)
        except TemplateError as error:
            made.not_understood.append(f"{logical}: {error}, so what it creates is not known.")
        except Exception as error:  # noqa: BLE001  # one odd stack must not cost the others
            kind = type(error).__name__
            made.not_understood.append(
                f"{logical}: cannot be read ({kind}), so what it creates is not known."
            )


def _outputs(values: Values, exported: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a stack; adds those with a name for others to ``exported``."""
    declared = values.template.get("Outputs")
    results = {}
    for name, output in declared.items() if isinstance(declared, dict) else ():
        if isinstance(output, dict):
            results[str(name)] = values.of(output.get("Value"))
            if isinstance(export := output.get("Export"), dict):
                exported[as_text(values.of(export.get("Name")))] = results[str(name)]
    return results


def _stack(each: Deployment, logical: str, values: Values, made: _Made, exports: Any, depth: int) -> None:
    """Deploys a nested stack."""
    properties = values.properties(logical)
    resource = values.resources[logical]
    asset = (resource.get("Metadata") or {}).get("aws:asset:path") if isinstance(resource, dict) else None
    template, folder = _beside(asset or properties.get("TemplateURL"), each.folder)
    child = Deployment(template, each.account, each.region, f"{each.stack}-{logical}", folder)
    given = properties.get("Parameters") or {}
    values.outputs[logical] = _deploy(child, _accepted(template, given), made, exports, depth + 1)


def _stack_set(each: Deployment, logical: str, values: Values, made: _Made, exports: Any, depth: int) -> None:
    """Deploys the instances of a StackSet."""
    properties = values.properties(logical)
    body = properties.get("TemplateBody")
    folder = each.folder
    if isinstance(body, str):
        template = parse_template(body)
    else:
        template, folder = _beside(properties.get("TemplateURL"), each.folder)
    given = {
        str(item["ParameterKey"]): item.get("ParameterValue", "")
        for item in properties.get("Parameters") or ()
    }
    name = str(properties.get("StackSetName", f"{each.stack}-{logical}"))
    groups = properties.get("StackInstancesGroup") or ()
    if not groups:
        made.not_understood.append(
            f"{logical}: the template does not name the accounts and Regions of this StackSet, so what it "
            "creates there is not known."
        )
    for group in groups:
        targets = group.get("DeploymentTargets") or {}
        if targets.get("OrganizationalUnitIds"):
            made.not_understood.append(
                f"{logical}: which accounts its organizational units contain is not known: check its inner "
                "template with --account for each of them."
            )
        for account in targets.get("Accounts") or ():
            for region in group.get("Regions") or ():
                if is_unknown(str(account)) or is_unknown(str(region)):
                    made.not_understood.append(f"{logical}: some of its accounts or Regions are not known.")
                    continue
                child = Deployment(template, str(account).strip(), str(region).strip(), name, folder)
                _deploy(child, _accepted(template, given), made, exports, depth + 1)


_NESTING: dict[str, Callable[..., None]] = {
    "AWS::CloudFormation::Stack": _stack,
    "AWS::CloudFormation::StackSet": _stack_set,
}


def _accepted(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given parameters that the template has; CloudFormation would reject others."""
    return {name: given[name] for name in _declared(template) if name in given}


def _beside(url: Any, folder: Path | None) -> tuple[dict[str, Any], Path]:
    """The template in a file beside another one, and its folder.

    Raises:
        TemplateError: there is no such file.
    """
    if not isinstance(url, str) or is_unknown(url) or "://" in url:
        raise TemplateError("its template is not a local file")
    if folder is None:
        raise TemplateError(f"its template {url[:200]} is not at hand")
    path = folder / url
    try:
        return parse_template(path.read_text("utf-8")), path.parent
    except (OSError, UnicodeDecodeError):
        raise TemplateError(f"its template {url[:200]} cannot be read") from None


def _others(account: str, what: str) -> dict[str, Any]:
    return {
        "account": account,
        "region": "*",
        "what": what,
        "why": "other stacks were not read: use --snapshot",
    }


def _assumed_trail(account: str, region: str) -> dict[str, Any]:
    return {
        "name": "assumed", "account": account, "home": region, "multiRegion": True, "organization": False,
        "logging": True, "globalEvents": True, "selectors": None,
        "unread": dict.fromkeys(("dataSelectors", "insights"), "the trail is assumed"),
    }  # fmt: skip


_IDENTITIES: dict[str, Callable[[dict[str, Any]], tuple[str, ...]]] = {
    "trails": lambda item: (item["account"], item["home"], item["name"]),
    "buses": lambda item: (item["account"], item["region"], item["name"]),
    "rules": lambda item: (item["account"], item["region"], item["bus"], item["name"]),
    "roles": lambda item: (item["arn"],),
    "resources": lambda item: (item["arn"],),
}
