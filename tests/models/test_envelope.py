from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tests.models.records import API_CALL, KINDS, SIGN_IN, dump, envelope, text
from trailforward.models import ApiCall, CloudTrailRecord, ConsoleSignIn, EventBridgeEvent, parse_record


def test_fields() -> None:
    """The envelope's fields have Pythonic names, its time has a time zone, and its account is text."""
    event = EventBridgeEvent.model_validate({**envelope(API_CALL), "replay-name": "again"})
    assert event.version == "0"
    assert event.id == "00000000-0000-4000-8000-00000000000e"
    assert event.detail_type == "AWS API Call via CloudTrail"
    assert event.source == "aws.ec2"
    assert event.account == "111122223333"
    assert event.time == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert event.region == "eu-west-1"
    assert event.resources == []
    assert event.replay_name == "again"


@pytest.mark.parametrize("record", KINDS, ids=lambda record: record["eventType"])
def test_detail(record: dict[str, Any]) -> None:
    """The detail is a record of the class for its eventType."""
    event = EventBridgeEvent.model_validate(envelope(record))
    assert type(event.detail) is type(parse_record(record))
    assert type(event.detail) is not CloudTrailRecord


def test_detail_alone() -> None:
    """Only the detail of an envelope is required."""
    event = EventBridgeEvent.model_validate({"detail": SIGN_IN})
    assert isinstance(event.detail, ConsoleSignIn)
    assert (event.version, event.id, event.time, event.resources) == (None, None, None, None)
    assert text(dump(event)) == text({"detail": SIGN_IN})


def test_without_detail() -> None:
    """An object without a detail is not an event."""
    with pytest.raises(ValidationError, match="detail"):
        EventBridgeEvent.model_validate({"version": "0"})
    with pytest.raises(ValidationError, match="detail"):
        EventBridgeEvent.model_validate({"\ud800": "0"})


@pytest.mark.parametrize("detail", [None, "text", 7, True, [], [API_CALL]], ids=repr)
def test_detail_of_another_type(detail: Any) -> None:
    """A detail that is not an object is kept as it is."""
    event = EventBridgeEvent.model_validate(envelope(detail))
    assert text(event.detail) == text(detail)
    assert text(dump(event)) == text(envelope(detail))


def test_other_events() -> None:
    """The detail of an event from another service is a base record that keeps all fields."""
    finding = {
        "schemaVersion": "2.0",
        "severity": 8,
        "type": "Example",
        "resource": {"resourceType": "Instance"},
    }
    event = EventBridgeEvent.model_validate({**envelope(finding), "source": "aws.guardduty"})
    assert type(event.detail) is CloudTrailRecord
    assert event.detail.model_extra == finding
    assert event.detail.actor is None
    assert text(dump(event)["detail"]) == text(finding)


def test_hand_made_account() -> None:
    """An account that is a number, as in handwritten tests, stays a number."""
    assert text(dump(EventBridgeEvent.model_validate({"account": 123456789012, "detail": {}}))) == text(
        {"account": 123456789012, "detail": {}}
    )


def test_made_by_name() -> None:
    """Events can be created with Pythonic names and a record, and dump with EventBridge's names."""
    record = ApiCall(event_name="RunInstances")
    event = EventBridgeEvent(detail_type="AWS API Call via CloudTrail", detail=record)
    assert event.detail is record
    assert dump(event) == {
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {"eventName": "RunInstances"},
    }


def test_schema() -> None:
    """The JSON Schema of an event has EventBridge's field names and requires only the detail."""
    schema = EventBridgeEvent.model_json_schema()
    assert schema["required"] == ["detail"]
    assert {"detail-type", "replay-name", "time"} <= schema["properties"].keys()
