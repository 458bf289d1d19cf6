"""Bus keys: an event bus that is encrypted with a customer managed key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.encryption import UNUSABLE, key_policy_allows
from trailforward.doctor.delivery.request import EVENTS, Request
from trailforward.doctor.delivery.roles import by_service
from trailforward.doctor.delivery.ternary import every
from trailforward.doctor.world.regions import partition_of

if TYPE_CHECKING:
    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.world.links import BusAt

#: Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html
_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")


def through_bus_key(query: Query, path: DeliveryPath, bus: BusAt) -> DeliveryPath:
    """Checks that EventBridge may use the bus's key.

    The key encrypts the rules and their targets, but not the events of AWS services. What happens to these
    events if EventBridge cannot use the key is not documented.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html
    """
    listed = query.index.buses.get(bus)
    if listed is None:
        return path
    if "encryption" in listed.unread:
        return path.doubt("NOT_SEEN", bus.link, what="encryption", reason=listed.unread["encryption"])
    key = listed.encryption
    if key is None or key.type != "customer-key":
        return path
    if key.key_state in UNUSABLE:
        return path.doubt("BUS_KEY", bus.link, problem=f"the key is not usable (state: {key.key_state})")
    arn = f"arn:{partition_of(bus.region)}:events:{bus.region}:{bus.account}:event-bus/{bus.name}"
    context = by_service(query, EVENTS, bus.account, arn, key.key)
    context |= {"kms:encryptioncontext:aws:events:event-bus:arn": arn}
    policy = key.key_policy
    allowed = (
        None
        if policy is None
        else every(
            key_policy_allows(policy, Request(EVENTS, action, key.key, context)) for action in _ACTIONS
        )
    )
    if allowed:
        return path
    problem = f"its policy does not allow {EVENTS}" if allowed is False else "its policy was not understood"
    return path.doubt("BUS_KEY", bus.link, problem=problem)
