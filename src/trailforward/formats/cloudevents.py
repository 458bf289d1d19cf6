"""``cloudevents``: the event as the data of a CloudEvent 1.0 in JSON format.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

if TYPE_CHECKING:
    from trailforward.message import Message


class CloudEvents:
    """Adds the attributes that brokers use for routing; ``data`` is exactly the bytes that arrived."""

    name: ClassVar = "cloudevents"
    json: ClassVar = True
    content_type: ClassVar = "application/cloudevents+json"

    def data(self, message: Message) -> bytes:
        """The CloudEvent.

        Raises:
            EventError: the message is not an event.
        """
        record, event = message.record, message.event
        fields = message.fields
        kind = record.get("eventType")
        kind = kind if isinstance(kind, str) and kind.isalnum() and kind.isascii() else "Event"
        account, region = (_path(event.get(name)) for name in ("account", "region"))
        attributes = {
            "specversion": "1.0",
            "id": message.key,
            # Forwarding to another bus changes neither, so source and id identify the event (section "id").
            "source": f"//cloudtrail.amazonaws.com/{account}/{region}",
            "type": f"com.amazonaws.cloudtrail.{kind}",
            "datacontenttype": "application/json",
        }
        subject = ":".join(filter(None, (fields.get("eventSource"), fields.get("eventName"))))
        attributes |= {"subject": subject} if subject else {}
        attributes |= {"time": message.time} if _is_timestamp(message.time) else {}
        head = json.dumps(attributes, ensure_ascii=True, separators=(",", ":"))[:-1]
        return head.encode() + b',"data":' + message.body + b"}"

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """Always empty: the format is for machines."""
        return ""


def _path(value: object) -> str:
    return quote(value, safe="") if isinstance(value, str) and value else "unknown"


def _is_timestamp(text: str) -> bool:
    """Whether the text is an RFC 3339 timestamp, which has a ``T`` and an offset."""
    try:
        return "T" in text and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
