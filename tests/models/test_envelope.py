from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tests.models.records import API_CALL, KINDS, SIGN_IN, dump, envelope, text
from trailforward.models import ApiCall, CloudTrailRecord, ConsoleSignIn, EventBridgeEvent, parse_record


def test_fields() -> None:
    """The envelope's members have Pythonic names, its time is aware, its account is text."""
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
    """The detail is a record of the class that its eventType names."""
    event = EventBridgeEvent.model_validate(envelope(record))
    assert type(event.detail) is type(parse_record(record))
    assert type(event.detail) is not CloudTrailRecord


def test_detail_alone() -> None:
    """An envelope needs nothing but a detail."""
    event = EventBridgeEvent.model_validate({"detail": SIGN_IN})
    assert isinstance(event.detail, ConsoleSignIn)
    assert (event.version, event.id, event.time, event.resources) == (None, None, None, None)
    assert text(dump(event)) == text({"detail": SIGN_IN})


def test_without_detail() -> None:
    """An object without a detail is no event."""
    with pytest.raises(ValidationError, match="detail"):
        EventBridgeEvent.model_validate({"version": "0"})
    with pytest.raises(ValidationError, match="detail"):
        EventBridgeEvent.model_validate({"\ud800": "0"})


@pytest.mark.parametrize("detail", [None, "text", 7, True, [], [API_CALL]], ids=repr)
def test_detail_of_another_type(detail: Any) -> None:
    """A detail that is no object stays as it came."""
    event = EventBridgeEvent.model_validate(envelope(detail))
    assert text(event.detail) == text(detail)
    assert text(dump(event)) == text(envelope(detail))


def test_other_events() -> None:
    """The detail of an event that is not CloudTrail's is a bare record: nothing lost, helpers at hand."""
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
    """An account that is a number, as in hand-made tests, stays one."""
    assert text(dump(EventBridgeEvent.model_validate({"account": 123456789012, "detail": {}}))) == text(
        {"account": 123456789012, "detail": {}}
    )


def test_made_by_name() -> None:
    """Events can be made with Pythonic names and a record, and dump with EventBridge's."""
    record = ApiCall(event_name="RunInstances")
    event = EventBridgeEvent(detail_type="AWS API Call via CloudTrail", detail=record)
    assert event.detail is record
    assert dump(event) == {
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {"eventName": "RunInstances"},
    }


def test_schema() -> None:
    """The JSON Schema of an event names EventBridge's members and asks for the detail only."""
    schema = EventBridgeEvent.model_json_schema()
    assert schema["required"] == ["detail"]
    assert {"detail-type", "replay-name", "time"} <= schema["properties"].keys()
