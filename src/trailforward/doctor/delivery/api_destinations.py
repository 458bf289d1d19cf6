"""API destinations: whether EventBridge can call them, by the state of their connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.delivery_path import Stage

if TYPE_CHECKING:
    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.world.resources import Resource

#: States of a connection. Others are on the way to one of these.
#: Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeConnection.html
_WORKING = frozenset({"AUTHORIZED", "ACTIVE"})
_BROKEN = frozenset({"DEAUTHORIZED", "DEAUTHORIZING", "DELETING", "FAILED_CONNECTIVITY"})


def through_connection(path: DeliveryPath, link: str, resource: Resource) -> DeliveryPath:
    """Checks that an API destination exists and is active, and that its connection is authorized."""
    found = resource.api_destination
    if found is None:
        return path
    if found.state == "MISSING":
        return path.broken("TARGET_MISSING", link, Stage.ABSENT, missing=f"{resource.arn} does not exist")
    state, why = found.connection_state, f" ({found.reason})" if found.reason else ""
    connection = f"its connection {found.connection} is {state}{why}"
    if state in _BROKEN or found.state == "INACTIVE":
        problem = connection if state is not None and state not in _WORKING else "it is INACTIVE"
        return path.broken("API_DESTINATION_INACTIVE", link, Stage.POLICY, problem=problem)
    if "connection" in resource.unread:
        return path.doubt("NOT_SEEN", link, what="connection", reason=resource.unread["connection"])
    if state is not None and state not in _WORKING:
        return path.doubt("API_DESTINATION_CHANGING", link, problem=connection)
    return path
