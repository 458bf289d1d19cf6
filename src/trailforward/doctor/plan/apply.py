"""Apply: adds the resources of a plan to a World, as if the plan were applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.plan.attributes import Attributes
from trailforward.doctor.plan.document import objects
from trailforward.doctor.plan.others import additions, bus_policies, removals
from trailforward.doctor.plan.resources import Resources
from trailforward.doctor.plan.stacks import add_stacks
from trailforward.doctor.template.merge import AppliedTemplate, Made, merge
from trailforward.doctor.template.stack import Stack
from trailforward.doctor.world.unknown import holds_unknown, is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.doctor.plan.document import Instance, Plan
    from trailforward.doctor.world.world import World

#: Types that are items of a World themselves, so that deleting one removes an item.
_ITEMS = frozenset(
    {
        "aws_cloudtrail",
        "aws_cloudwatch_event_bus",
        "aws_cloudwatch_event_rule",
        "aws_iam_role",
        "aws_kinesis_firehose_delivery_stream",
        "aws_kinesis_stream",
        "aws_lambda_function",
        "aws_sfn_state_machine",
        "aws_sns_topic",
        "aws_sqs_queue",
    }
)


def apply_plan(  # noqa: PLR0913  # what an application needs
    plan: Plan,
    base: World | None = None,
    destinations: Iterable[str] = (),
    *,
    account: str = "",
    region: str = "",
    asked_accounts: Iterable[str] = (),
    asked_regions: Iterable[str] = (),
) -> AppliedTemplate:
    """Adds a plan's resources to a world, as if the plan were applied.

    Args:
        plan: from :func:`~trailforward.doctor.plan.document.parse_plan`.
        base: the existing world; by default, one with only a trail that logs all management events.
        destinations: ARNs that replace the world's destinations.
        account: the account of providers whose account the plan does not say; empty if not given.
        region: the Region of providers whose Region the plan does not say; empty if not given.
        asked_accounts: the accounts that the question is about; by default those of the plan.
        asked_regions: further Regions that the question is about.
    """
    attributes = Attributes(plan, account, region)
    made = Made(not_understood=list(plan.notes))
    resources = Resources(attributes, plan.instances.values())
    for place, placed in resources.placed.items():
        stack = Stack(placed)
        made.add(stack)
        made.adding += bus_policies(placed, stack.found["buses"])
        if place.region != "*":
            made.places.setdefault((placed.account, placed.region))
    made.unseen += resources.unseen
    made.not_understood += resources.notes
    made.declared |= dict(_declared(resources))
    made.organization = _organization(plan)
    add_stacks(attributes, plan, made)
    for placed in Resources(attributes, _items(plan.gone)).placed.values():
        for key, items in Stack(placed).found.items():
            made.gone[key] += items
    parts = Resources(attributes, [one for one in plan.gone if one.type not in _ITEMS])
    for placed in parts.placed.values():
        made.additions += removals(placed)
    made.additions += [
        added._replace(values=[], unread="a part of it is deleted", replaces=True)
        for added in parts.additions
    ]
    for placed in resources.placed.values():
        made.additions += additions(placed)
    made.additions += resources.additions
    if attributes.references.used:
        made.assumptions[
            "Assuming that an argument with one reference has that value, because a plan does not show the "
            "text around references."
        ] = None
    owners = dict.fromkeys(account for account, _ in made.places)
    accounts = dict.fromkeys([*asked_accounts]) or owners
    asked = [(one, place) for one in accounts for place in asked_regions]
    return merge(made, base, asked, destinations)


def _organization(plan: Plan) -> dict[str, Any]:
    """The organization, if the plan reads or manages it."""
    for one in plan.instances.values():
        values = one.values
        members = [str(account.get("id")) for account in objects(values.get("accounts"))]
        if one.type == "aws_organizations_organization" and members and not holds_unknown(values.get("id")):
            management = str(values.get("master_account_id", ""))
            return {"id": str(values.get("id", "")), "management": management, "accounts": members}
    return {}


def _items(gone: Iterable[Instance]) -> Iterator[Instance]:
    return (one for one in gone if one.type in _ITEMS)


def _declared(resources: Resources) -> Iterator[tuple[str, str]]:
    """The links of the plan's resources, and their addresses."""
    for placed in resources.placed.values():
        at = f"{placed.account}/{placed.region}"
        for address, resource in placed.resources.items():
            name, arn = placed.name(address), placed.arn(address)
            if resource["Type"] == "AWS::Events::Rule":
                rule = f"{at}/{resource['Properties']['EventBusName']}/{name}"
                yield f"rule:{rule}", address
                for ident, target in resources.targets.get(address, ()):
                    yield f"target:{rule}/{ident}", target
            elif resource["Type"] == "AWS::Events::EventBus":
                yield f"bus:{at}/{name}", address
            elif resource["Type"] == "AWS::CloudTrail::Trail":
                yield f"trail:{at}/{name}", address
            elif resource["Type"] == "AWS::IAM::Role":
                yield f"role:{arn}", address
            elif not is_unknown(arn):
                yield f"{'topic' if resource['Type'] == 'AWS::SNS::Topic' else 'destination'}:{arn}", address
