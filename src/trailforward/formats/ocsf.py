"""``ocsf`` and ``ocsf-1.8``: the event in the Open Cybersecurity Schema Framework, version 1.1.0 or 1.8.0.

The classes are Account Change (3001), Authentication (3002), and API Activity (6003). The field mapping
follows OCSF's published one for CloudTrail; ``docs/ocsf.md`` lists what trailforward maps otherwise.
``unmapped.record`` is the record, byte for byte.

Source: https://github.com/ocsf/examples/tree/main/mappings/markdown/AWS/v1.1.0/CloudTrail
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.formats import _ocsf_account_change as account_change
from trailforward.formats import _ocsf_authentication as authentication
from trailforward.formats._ocsf_record import base, encoded, resources
from trailforward.formats._ocsf_values import as_text

if TYPE_CHECKING:
    from trailforward.message import Message

_READ, _OTHER = 2, 99
_IAM = "Identity & Access Management"

#: activity_id of API Activity, by the start of the event name: 1 create, 2 read, 3 update, 4 delete.
_ACTIVITIES = (
    (_READ, re.compile("Get|List|Describe|Head|Lookup|BatchGet|Search|Query|Scan|View|Assume|Decrypt")),
    (1, re.compile("Create|Add|Run|Launch|Allocate|Generate|Import|Register|Upload|Request|Publish|Send")),
    (3, re.compile("Update|Put|Modify|Set|Attach|Authorize|Start|Stop|Enable|Disable|Tag|Change|Associate")),
    (4, re.compile("Delete|Remove|Terminate|Detach|Revoke|Deregister|Release|Disassociate|Untag")),
)
_NAMES = {0: "Unknown", 1: "Create", 2: "Read", 3: "Update", 4: "Delete", _OTHER: "Other"}


class Ocsf:
    """Converts to one event of OCSF 1.1.0, the version of Security Lake's current sources.

    It omits fields that the record lacks, unless the schema requires them.
    """

    name: ClassVar = "ocsf"
    version: ClassVar = "1.1.0"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def data(self, message: Message) -> bytes:
        """The OCSF event.

        Raises:
            EventError: the message is not an event.
        """
        return encoded({**base(message, self.version), **_class(message.record)}, message)

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """Always empty: the format is for machines."""
        return ""


class Ocsf18(Ocsf):
    """Converts to one event of OCSF 1.8.0."""

    name: ClassVar = "ocsf-1.8"
    version: ClassVar = "1.8.0"


def _class(record: dict[str, Any]) -> dict[str, Any]:
    """The class, the activity, and the attributes of the class."""
    if account_change.is_account_change(record):
        activity = account_change.ACTIVITIES[as_text(record.get("eventName"))]
        head = _head(3001, "Account Change", _IAM, activity, account_change.NAMES[activity])
        return head | account_change.account_change(record)
    if authentication.is_authentication(record):
        activity = authentication.activity(record)
        head = _head(3002, "Authentication", _IAM, activity, authentication.NAMES[activity])
        return head | _own_name(head, record) | authentication.authentication(record)
    activity = _activity(record)
    head = _head(6003, "API Activity", "Application Activity", activity, _NAMES[activity])
    return head | {"resources": resources(record)}


def _head(uid: int, name: str, category: str, activity: int, activity_name: str) -> dict[str, Any]:
    return {
        "class_uid": uid,
        "class_name": name,
        "category_uid": uid // 1000,
        "category_name": category,
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": uid * 100 + activity,
        "type_name": f"{name}: {activity_name}",
    }


def _own_name(head: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """For the activity Other, the name that the source uses, as OCSF asks."""
    name = as_text(record.get("eventName"))
    return {"activity_name": name} if head["activity_id"] == _OTHER and name else {}


def _activity(record: dict[str, Any]) -> int:
    name = as_text(record.get("eventName"))
    if record.get("readOnly") is True:
        return _READ
    return next((activity for activity, start in _ACTIVITIES if start.match(name)), _OTHER if name else 0)
