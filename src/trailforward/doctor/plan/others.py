"""Others: what a plan adds to resources that it does not create itself, such as the policy of a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.template.merge import Addition
from trailforward.doctor.template.policies import lambda_statement
from trailforward.doctor.world.policy_documents import read_documents
from trailforward.doctor.world.unknown import holds_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.plan.resources import PlacedResources


def additions(placed: PlacedResources) -> Iterator[Addition]:
    """What the resources of one place add to resources that are not among them."""
    own = set(placed.arns.values())
    own |= {
        role_item(placed.partition, placed.account, arn.rpartition("/")[2])
        for arn in placed.arns.values()
        if ":role/" in arn
    }
    for resource in placed.resources.values():
        for added in _additions(placed, resource["Type"], resource["Properties"]):
            if added.item not in own:
                yield added


def _additions(placed: PlacedResources, kind: str, properties: dict[str, Any]) -> Iterator[Addition]:
    if kind in {"AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"}:
        found, unread = read_documents([properties["PolicyDocument"]])
        for item in (*properties.get("Queues", ()), *properties.get("Topics", ())):
            yield Addition("resources", _queue_arn(placed, str(item)), "policy", found, unread, replaces=True)
    elif kind == "AWS::Lambda::Permission":
        arn = str(properties["FunctionName"])
        statement = lambda_statement(properties, arn)
        yield Addition("resources", ":".join(arn.split(":")[:7]), "policy", [statement])
    elif kind == "AWS::SNS::Subscription":
        subscription: dict[str, Any] = {"endpoint": str(properties["Endpoint"])}
        if holds_unknown([properties.get("FilterPolicy"), properties.get("FilterPolicyScope")]):
            subscription["unread"] = {"filterPolicy": "not known"}
        elif properties.get("FilterPolicy"):
            subscription["filterPolicy"] = properties["FilterPolicy"]
            subscription["filterPolicyScope"] = properties.get("FilterPolicyScope", "MessageAttributes")
        yield Addition("resources", str(properties["TopicArn"]), "subscriptions", [subscription])
    elif kind == "AWS::IAM::RolePolicy":
        found, unread = read_documents([properties["PolicyDocument"]])
        item = role_item(placed.partition, placed.account, str(properties["RoleName"]))
        yield Addition("roles", item, "statements", found, unread)


def bus_item(placed: PlacedResources, name: str) -> str:
    """A bus as :attr:`Addition.item`."""
    return f"{placed.account}/{placed.region}/{name}"


def role_item(partition: str, account: str, name: str) -> str:
    """A role as :attr:`Addition.item`."""
    return f"arn:{partition}:iam::{account}:role/{name.rpartition('/')[2]}"


def removals(placed: PlacedResources) -> Iterator[Addition]:
    """What the resources of one place, which a plan deletes, take away from others.

    Which part of an item that was is not known, so nothing of this part of the item is relied on.
    """
    for address, resource in placed.resources.items():
        for added in _additions(placed, resource["Type"], resource["Properties"]):
            why = "" if added.replaces else f"{address} is deleted"
            yield added._replace(values=[], unread=why, replaces=True)
        if resource["Type"] == "AWS::Events::EventBusPolicy":
            replaces = "Statement" in resource["Properties"]
            item = bus_item(placed, resource["Properties"]["EventBusName"])
            why = "" if replaces else f"{address} is deleted"
            yield Addition("buses", item, "policy", [], why, replaces=True)


def bus_policies(placed: PlacedResources, buses: list[dict[str, Any]]) -> Iterator[Addition]:
    """The policies of buses that the resources of one place do not create.

    Args:
        placed: the resources.
        buses: what ``Stack`` made of them.
    """
    kinds = {"AWS::Events::EventBus", "AWS::Events::EventBusPolicy"}
    about = [(address, one) for address, one in placed.resources.items() if one["Type"] in kinds]
    created = {placed.name(address) for address, one in about if one["Type"] == "AWS::Events::EventBus"}
    whole = {one["Properties"].get("EventBusName") for _, one in about if "Statement" in one["Properties"]}
    for bus in buses:
        if bus["name"] not in created:
            unread = bus.get("unread", {}).get("policy", "")
            item, replaces = bus_item(placed, bus["name"]), bus["name"] in whole
            yield Addition("buses", item, "policy", bus["policy"], unread, replaces=replaces)


def _queue_arn(placed: PlacedResources, text: str) -> str:
    """The ARN for a queue's URL; an ARN is returned unchanged."""
    if not text.startswith("https://"):
        return text
    *_, account, name = text.split("/")
    return f"arn:{placed.partition}:sqs:{placed.region}:{account}:{name}"
