"""Stacks: CloudFormation stacks and StackSets that a plan creates from templates in its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.plan.convert import Source
from trailforward.doctor.template.apply import Deployment, deploy
from trailforward.doctor.template.document import parse_template
from trailforward.doctor.template.errors import TemplateError
from trailforward.doctor.world.unknown import is_unknown
from trailforward.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.doctor.plan.attributes import Attributes
    from trailforward.doctor.plan.document import Plan
    from trailforward.doctor.template.merge import Made

_SET, _INSTANCE = "aws_cloudformation_stack_set", "aws_cloudformation_stack_set_instance"


def add_stacks(attributes: Attributes, plan: Plan, made: Made) -> None:
    """Adds what the stacks and StackSets of a plan create.

    Args:
        attributes: the arguments of the plan's instances.
        plan: the plan.
        made: what is added to.
    """
    exports: dict[tuple[str, str], dict[str, Any]] = {}
    sets = {}
    managed = [one for one in plan.instances.values() if one.mode == "managed"]
    for one in managed:
        if one.type == _SET:
            sets[str(attributes.get(one, "name"))] = one
    for one in managed:
        try:
            if one.type == "aws_cloudformation_stack":
                _deploy(Source(one, attributes), [attributes.places.of(one)], made, exports)
            elif one.type == _INSTANCE:
                source = Source(one, attributes)
                parent = sets.get(source.text("stack_set_name") or "")
                if parent is None:
                    raise TemplateError("its StackSet is not in the plan")  # noqa: TRY301
                _deploy(Source(parent, attributes), _places(source), made, exports)
        except (TemplateError, MissingExtraError) as error:
            made.not_understood.append(f"{one.address}: {error}, so what it creates is not known.")
        except Exception as error:  # noqa: BLE001  # one odd stack must not cost the others
            kind = type(error).__name__
            made.not_understood.append(
                f"{one.address}: cannot be read ({kind}), so what it creates is not known."
            )


def _places(source: Source) -> Iterator[tuple[str, str]]:
    """The account and Region of a StackSet's instance.

    Raises:
        TemplateError: they are not known.
    """
    if source.get("deployment_targets"):
        raise TemplateError("which accounts its organizational units contain is not known")
    region = source.text("stack_set_instance_region") or source.text("region")
    account = source.text("account_id") or source.attributes.places.of(source.instance).account
    if not region or is_unknown(region) or is_unknown(account):
        raise TemplateError("its account or Region is not known")
    yield account, region


def _deploy(
    source: Source,
    places: Iterable[tuple[str, str]],
    made: Made,
    exports: dict[tuple[str, str], dict[str, Any]],
) -> None:
    body, given = source.get("template_body"), source.get("parameters")
    if not isinstance(body, str) or is_unknown(body):
        raise TemplateError("its template is not in the plan")
    template = parse_template(body)
    declared = template.get("Parameters") or {}
    parameters = {
        str(name): value
        for name, value in (given if isinstance(given, dict) else {}).items()
        if name in declared
    }
    for account, region in places:
        if is_unknown(account) or is_unknown(region):
            raise TemplateError("its account or Region is not known")
        name = source.text("name") or "stack"
        deploy(Deployment(template, account, region, name), parameters, made, exports)
