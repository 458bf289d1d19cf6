"""Buses: reads the event buses of a Region, with their rules and targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn
from trailforward.doctor.discover.reader import AwsCallError
from trailforward.doctor.discover.resources import read_encryption
from trailforward.doctor.world.policy_documents import with_policy
from trailforward.doctor.world.resources import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trailforward.doctor.discover.reader import Reader


def buses_in(reader: Reader, region: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """The buses of a Region, with their policies and keys; each is read when it is called.

    Raises:
        AwsCallError: access was denied.
    """
    for bus in reader.items("events", "ListEventBuses", "EventBuses", region):
        yield lambda bus=bus: _bus(reader, region, bus)  # type: ignore[misc]


def _bus(reader: Reader, region: str, bus: dict[str, Any]) -> dict[str, Any]:
    """A bus; of a custom one with its key and dead-letter queue, which only DescribeEventBus returns.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeEventBus.html
    """
    found = {"name": bus["Name"], **with_policy(bus.get("Policy", ""))}
    if bus["Name"] == "default" or not bus.get("Arn"):
        return found
    try:
        details = reader.call("events", "DescribeEventBus", region, Name=bus["Name"])
        found["dlq"] = (details.get("DeadLetterConfig") or {}).get("Arn") or ""
        encryption = read_encryption(reader, Arn.parse(bus["Arn"]), details.get("KmsKeyIdentifier"))
    except AwsCallError as error:
        why = f"{error.call.permission}: {error.code}"
        return {**found, "unread": {**found.get("unread", {}), "encryption": why}}
    return found if encryption is None else {**found, "encryption": encryption}


def rules_of(reader: Reader, region: str, bus: str) -> Iterator[Callable[[], dict[str, Any] | None]]:
    """The rules of a bus, with their targets; each is read when it is called.

    A rule without a pattern is a schedule, which receives no events: it is None. Targets that cannot be read
    are ``unread``.

    Raises:
        AwsCallError: access was denied.
    """
    for rule in reader.items("events", "ListRules", "Rules", region, EventBusName=bus):
        yield lambda rule=rule: _rule(reader, region, bus, rule)  # type: ignore[misc]


def _rule(reader: Reader, region: str, bus: str, rule: dict[str, Any]) -> dict[str, Any] | None:
    if not rule.get("EventPattern"):
        return None
    found = {
        "name": rule["Name"],
        "region": region,
        "bus": bus,
        "state": rule.get("State", "ENABLED"),
        "pattern": rule["EventPattern"],
        **({"role": rule["RoleArn"]} if rule.get("RoleArn") else {}),
        **({"managedBy": rule["ManagedBy"]} if rule.get("ManagedBy") else {}),
    }
    targets, unread = _targets(reader, region, bus, rule["Name"])
    return {**found, "targets": targets, **({"unread": {"targets": unread}} if unread else {})}


def _targets(reader: Reader, region: str, bus: str, rule: str) -> tuple[list[dict[str, Any]], str]:
    """The targets of a rule, and why some are missing; empty if none are."""
    call = "ListTargetsByRule"
    try:
        listed = reader.items("events", call, "Targets", region, Rule=rule, EventBusName=bus)
    except AwsCallError as error:
        return [], f"events:{call}: {error.code}"
    found, unread = [], ""
    for item in listed:
        try:
            target = _target(item)
            Target.model_validate(target)
            found.append(target)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            unread = f"events:{call}: a target has an unusual form ({type(error).__name__})"
    return found, unread


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
