"""Apply: adds stacks to a World, as if they were deployed, with their nested stacks and StackSets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.template.document import expand, parse_template
from trailforward.doctor.template.errors import TemplateError
from trailforward.doctor.template.merge import AppliedTemplate, Made, merge
from trailforward.doctor.template.sources import Source, origins, read_source
from trailforward.doctor.template.stack import Stack
from trailforward.doctor.template.values import Values, as_text
from trailforward.doctor.world.unknown import is_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from trailforward.doctor.world.world import World

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
        source: the lines of the template's file; None if it is not a file.
    """

    template: dict[str, Any]
    account: str
    region: str
    stack: str = "trailforward"
    folder: Path | None = None
    source: Source | None = None


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
    made = Made()
    for _ in range(2 if len(deployments) > 1 else 1):  # a stack may import from a later one
        made = Made()
        for each in deployments:
            given = {name: parameters[name] for name in _declared(each.template) if name in parameters}
            deploy(each, given, made, exports)
    return merge(made, base, asked, destinations)


def _declared(template: Mapping[str, Any]) -> Mapping[str, Any]:
    found = template.get("Parameters")
    return found if isinstance(found, dict) else {}


def deploy(
    each: Deployment,
    parameters: Mapping[str, Any],
    made: Made,
    exports: dict[tuple[str, str], dict[str, Any]],
    depth: int = 0,
) -> dict[str, Any]:
    """Adds one stack and those that it creates; returns its outputs.

    Args:
        each: the stack.
        parameters: the values of its parameters.
        made: what is added to.
        exports: of the stacks of each (account, Region) pair; the stack's own are added.
        depth: how many stacks it is nested in.

    Raises:
        TemplateError: the value of a parameter is not allowed.
    """
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
    made.add(Stack(values))
    made.origins |= origins(each.source, values)
    return _outputs(values, exports.setdefault(place, {}))


def _create_others(
    each: Deployment, values: Values, made: Made, exports: dict[tuple[str, str], dict[str, Any]], depth: int
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


def _stack(each: Deployment, logical: str, values: Values, made: Made, exports: Any, depth: int) -> None:
    """Deploys a nested stack."""
    properties = values.properties(logical)
    resource = values.resources[logical]
    asset = (resource.get("Metadata") or {}).get("aws:asset:path") if isinstance(resource, dict) else None
    template, folder, source = _beside(asset or properties.get("TemplateURL"), each)
    child = Deployment(template, each.account, each.region, f"{each.stack}-{logical}", folder, source)
    given = properties.get("Parameters") or {}
    values.outputs[logical] = deploy(child, _accepted(template, given), made, exports, depth + 1)


def _stack_set(each: Deployment, logical: str, values: Values, made: Made, exports: Any, depth: int) -> None:
    """Deploys the instances of a StackSet."""
    properties = values.properties(logical)
    body = properties.get("TemplateBody")
    folder, source = each.folder, each.source
    if isinstance(body, str):
        template = parse_template(body)
        source = source and Source(source.file, {}, source.at(logical))
    else:
        template, folder, source = _beside(properties.get("TemplateURL"), each)
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
                child = Deployment(template, str(account).strip(), str(region).strip(), name, folder, source)
                deploy(child, _accepted(template, given), made, exports, depth + 1)


_NESTING: dict[str, Callable[..., None]] = {
    "AWS::CloudFormation::Stack": _stack,
    "AWS::CloudFormation::StackSet": _stack_set,
}


def _accepted(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given parameters that the template has; CloudFormation would reject others."""
    return {name: given[name] for name in _declared(template) if name in given}


def _beside(url: Any, each: Deployment) -> tuple[dict[str, Any], Path, Source | None]:
    """The template in a file beside another one, its folder, and its source.

    Raises:
        TemplateError: there is no such file.
    """
    if not isinstance(url, str) or is_unknown(url) or "://" in url:
        raise TemplateError("its template is not a local file")
    if each.folder is None:
        raise TemplateError(f"its template {url[:200]} is not at hand")
    path = each.folder / url
    try:
        text = path.read_text("utf-8")
        template = parse_template(text)
        return template, path.parent, each.source and read_source(str(path), text, template)
    except (OSError, UnicodeDecodeError):
        raise TemplateError(f"its template {url[:200]} cannot be read") from None
