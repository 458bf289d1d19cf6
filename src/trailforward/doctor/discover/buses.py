"""Buses: reads the event buses of a Region, with their rules and targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.world.policy_documents import with_policy

if TYPE_CHECKING:
    from trailforward.doctor.discover.reader import Reader


def buses_in(reader: Reader, region: str) -> list[dict[str, Any]]:
    """The buses of a Region, with their policies.

    Raises:
        AwsCallError: access was denied.
    """
    listed = reader.items("events", "ListEventBuses", "EventBuses", region)
    return [{"name": bus["Name"], **with_policy(bus.get("Policy", ""))} for bus in listed]


def rules_of(reader: Reader, region: str, bus: str) -> list[dict[str, Any]]:
    """The rules of a bus that have a pattern, with their targets. Schedules receive no events.

    Raises:
        AwsCallError: access was denied.
    """
    listed = reader.items("events", "ListRules", "Rules", region, EventBusName=bus)
    return [
        {
            "name": rule["Name"],
            "region": region,
            "bus": bus,
            "state": rule.get("State", "ENABLED"),
            "pattern": rule["EventPattern"],
            **({"role": rule["RoleArn"]} if rule.get("RoleArn") else {}),
            **({"managedBy": rule["ManagedBy"]} if rule.get("ManagedBy") else {}),
            "targets": [_target(item) for item in _targets(reader, region, bus, rule["Name"])],
        }
        for rule in listed
        if rule.get("EventPattern")
    ]


def _targets(reader: Reader, region: str, bus: str, rule: str) -> list[dict[str, Any]]:
    return reader.items("events", "ListTargetsByRule", "Targets", region, Rule=rule, EventBusName=bus)


def _target(item: dict[str, Any]) -> dict[str, Any]:
    target = {"id": item["Id"], "arn": item["Arn"]}
    if item.get("RoleArn"):
        target["role"] = item["RoleArn"]
    for key, name in (
        ("Input", "input"),
        ("InputPath", "inputPath"),
        ("InputTransformer", "inputTransformer"),
    ):
        if item.get(key):
            target[name] = item[key]
    if group := item.get("SqsParameters", {}).get("MessageGroupId"):
        target["messageGroupId"] = group
    dead_letters = item.get("DeadLetterConfig", {}).get("Arn")
    return {**target, "dlq": dead_letters} if dead_letters else target
