"""The Hypothesis strategies generate what CloudTrail generates."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings

import trailforward
from trailforward.message import Message, Origin
from trailforward.testing import strategies

if TYPE_CHECKING:
    from trailforward.testing import Event

DOCUMENTATION = [
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


@settings(deadline=None)
@given(strategies.events())
def test_events_are_envelopes_of_their_records(event: Event) -> None:
    """Envelope and record agree, the bytes contain the same, and the models parse the event."""
    record = event.record
    message = Message(event.raw, Origin("test"))
    assert message.event == event
    assert json.loads(message.detail) == record
    assert event["region"] == record["awsRegion"]
    assert event["account"] == record["recipientAccountId"]
    assert event["time"] == record["eventTime"]
    (parsed,) = trailforward.parse(event)
    assert type(parsed.detail) is not trailforward.CloudTrailRecord
    assert parsed.model_dump(by_alias=True, exclude_unset=True) == event


@settings(deadline=None)
@given(strategies.events())
def test_only_what_is_reserved_for_documentation_occurs(event: Event) -> None:
    """Accounts, addresses, and keys of events are examples from documentation."""
    detail = {key: value for key, value in event.record.items() if key != "requestParameters"}
    text = json.dumps({**event, "detail": detail})
    assert set(re.findall(r"(?<![0-9a-zA-Z.-])\d{12}(?![0-9a-zA-Z])", text)) <= {
        "111122223333",
        "123456789012",
    }
    assert set(re.findall(r"(?:AKIA|ASIA)[A-Z0-9]+", text)) <= {
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
    }
    assert all("EXAMPLE" in found for found in re.findall(r"(?:AIDA|AROA)[A-Z0-9]{17}", text))
    try:
        address = ipaddress.ip_address(event.record.get("sourceIPAddress", ""))
    except ValueError:
        return  # a service
    assert any(address in network for network in DOCUMENTATION)


@settings(deadline=None)
@given(strategies.records())
def test_records_are_bare(record: dict[str, Any]) -> None:
    """A record has no envelope, and a message adds one."""
    assert "detail" not in record
    (parsed,) = trailforward.parse(record)
    assert parsed.detail_type


@settings(deadline=None)
@given(strategies.payloads(strategies.api_calls(), max_size=2))
def test_payloads_carry_what_is_asked_for(case: tuple[list[Event], dict[str, Any]]) -> None:
    """Payloads contain events from the given strategy, and at most the given number."""
    events, payload = case
    assert 1 <= len(events) <= 2
    assert {event.record["eventType"] for event in events} == {"AwsApiCall"}
    assert payload
