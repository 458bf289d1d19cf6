import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tests.models.records import API_CALL, EVERY_FIELD, KINDS, SIGN_IN, dump, event, nested, text
from trailforward.models import ApiCall, AwsTime, EventBridgeEvent, EventVersion, UserIdentity, parse_record


@pytest.mark.parametrize("record", KINDS, ids=lambda record: record["eventType"])
def test_round_trip(record: dict[str, Any]) -> None:
    """model_dump(by_alias=True, exclude_unset=True) returns the original record, with the same types."""
    assert text(dump(event(record))["detail"]) == text(record)


@pytest.mark.parametrize("record", KINDS, ids=lambda record: record["eventType"])
def test_round_trip_json(record: dict[str, Any]) -> None:
    """model_dump_json returns the original record, too."""
    dumped = event(record).model_dump_json(by_alias=True, exclude_unset=True)
    assert text(json.loads(dumped)["detail"]) == text(record)


@pytest.mark.parametrize("record", KINDS, ids=lambda record: record["eventType"])
def test_every_documented_field(record: dict[str, Any]) -> None:
    """Every documented field of every type of record has an attribute; none is left over as unknown."""
    models = nested(parse_record(record))
    assert models
    assert {type(model).__name__: model.model_extra for model in models if model.model_extra} == {}


def test_read_by_name() -> None:
    """Attributes have Pythonic names, whatever AWS's spelling."""
    record = parse_record(EVERY_FIELD)
    assert record.source_ip_address == "198.51.100.7"
    assert record.event_id == "00000000-0000-4000-8000-000000000002"
    assert record.request_id == "00000000-0000-4000-8000-000000000001"
    assert record.shared_event_id == "00000000-0000-4000-8000-000000000003"
    assert record.event_version == EventVersion("1.11")
    assert record.event_time == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert record.resources is not None
    assert record.resources[0].arn == "arn:aws:s3:::example"
    assert record.resources[1].arn_prefix == "arn:aws:s3:::example/"
    assert record.addendum is not None
    assert record.addendum.original_request_id == "00000000-0000-4000-8000-000000000004"
    assert record.addendum.original_event_id == "00000000-0000-4000-8000-000000000005"
    assert record.user_identity is not None
    assert record.user_identity.session_context is not None
    assert record.user_identity.session_context.ec2_role_delivery == "2.0"


def test_made_by_name() -> None:
    """Records can be created with Pythonic names, and dump with AWS's names."""
    record = ApiCall(event_name="RunInstances", event_time=AwsTime.parse(datetime(2026, 3, 1, tzinfo=UTC)))
    assert dump(record) == {"eventName": "RunInstances", "eventTime": "2026-03-01T00:00:00Z"}


def test_made_of_python_values() -> None:
    """A datetime and an EventVersion are kept as they are."""
    fields = {"eventTime": datetime(2026, 3, 1, tzinfo=UTC), "eventVersion": EventVersion("1.11")}
    assert dump(parse_record(fields)) == {"eventTime": "2026-03-01T00:00:00Z", "eventVersion": "1.11"}


def test_unknown_fields() -> None:
    """Unknown fields are kept, readable, and dumped at every level."""
    record = {**API_CALL, "fromTheFuture": [1], "userIdentity": {"type": "IAMUser", "hat": "red"}}
    parsed = parse_record(record)
    assert parsed.model_extra == {"fromTheFuture": [1]}
    assert parsed.user_identity == UserIdentity.model_validate({"type": "IAMUser", "hat": "red"})
    assert text(dump(parsed)) == text(record)


@pytest.mark.parametrize(
    "name", ["actor", "error", "model_dump", "model_extra", "__dict__", "_keep", "self", ""]
)
def test_unknown_fields_named_like_ours(name: str) -> None:
    """An unknown field cannot replace a method or attribute of the model, and is kept."""
    record = {**API_CALL, name: "theirs"}
    parsed = parse_record(record)
    assert parsed.actor == "Admin/jun@example.com"
    assert text(dump(parsed)) == text(record)


def test_lone_surrogate_in_a_key() -> None:
    """An unknown key that JSON allows and UTF-8 does not is kept, and does not affect other fields."""
    odd = {"\ud800": {"k": 1}}
    identity = {"userName": "rosa", "hat": "red", **odd}
    parsed = EventBridgeEvent.model_validate({"detail": {"userIdentity": identity, **odd}, **odd})
    assert parsed.detail.actor == "rosa"
    assert parsed.detail.user_identity is not None
    assert parsed.detail.user_identity.model_extra == {"hat": "red", **odd}
    assert parsed.detail.model_extra == odd
    assert parsed.model_extra == odd


def test_lone_surrogate_in_parameters() -> None:
    """A lone surrogate in free-form objects and in texts is dumped, too."""
    record = {**API_CALL, "eventName": "\ud800", "requestParameters": {"\ud800": ["\ud800"]}}
    assert text(dump(parse_record(record))) == text(record)


def test_lone_surrogate_in_sign_in_data() -> None:
    """A sign-in with such a key still has MFA."""
    record = {**SIGN_IN, "additionalEventData": {"MFAUsed": "Yes", "\ud800": None}}
    assert parse_record(record).mfa is True


def test_both_spellings() -> None:
    """If AWS's name and ours both occur, AWS's name wins, and the other is kept as unknown."""
    parsed = parse_record({"eventName": "theirs", "event_name": "ours"})
    assert parsed.event_name == "theirs"
    assert parsed.model_extra == {"event_name": "ours"}


@pytest.mark.parametrize("name", EVERY_FIELD)
@pytest.mark.parametrize("value", [None, True, 7, 1.5, "?", ["?"], {"?": "?"}, [{"type": 1}], ""], ids=repr)
def test_wrong_type(name: str, value: Any) -> None:
    """A field of any type is kept as it is, and does not affect the record or its other fields."""
    parsed = event({"eventName": "RunInstances", "awsRegion": "eu-west-1", name: value})
    assert text(dump(parsed)["detail"][name]) == text(value)
    if name != "awsRegion":
        assert parsed.detail.aws_region == "eu-west-1"


def test_one_wrong_element() -> None:
    """A list with an element of the wrong type is kept as it is."""
    assert parse_record({"resources": [{"ARN": "arn:aws:s3:::a"}, None]}).resources == [  # type: ignore[comparison-overlap]
        {"ARN": "arn:aws:s3:::a"},
        None,
    ]


def test_nothing_coerced() -> None:
    """Text that looks like a boolean or a number stays text."""
    record = {"readOnly": "true", "managementEvent": 1, "userIdentity": {"accountId": 111122223333}}
    assert text(dump(parse_record(record))) == text(record)


def test_deep() -> None:
    """A thousand nested levels, EventBridge's limit, can be parsed, used, and dumped."""
    deep: Any = "core"
    for _ in range(1000):
        deep = {"k": deep}
    names = ("requestParameters", "userIdentity", "eventTime", "eventType", "resources", "unknown")
    parsed = event(dict.fromkeys(names, deep))
    assert parsed.detail.actor is None
    for value in dump(parsed)["detail"].values():
        level, depth = value, 0
        while isinstance(level, dict):
            level, depth = level["k"], depth + 1
        assert (level, depth) == ("core", 1000)


def test_read_only() -> None:
    """Models are read-only; model_copy(update=...) creates a changed copy."""
    record = parse_record(API_CALL)
    with pytest.raises(ValidationError, match="frozen"):
        record.event_name = "other"  # type: ignore[misc]
    assert record.model_copy(update={"event_name": "other"}).event_name == "other"


def test_imports() -> None:
    """Importing the models imports Pydantic, the standard library, and nothing else."""
    script = (
        f"import sys; sys.path[:] = {sys.path!r}; tops = lambda: {{m.split('.')[0] for m in sys.modules}};"
        "before = tops(); import trailforward.models; print(*tops() - before - sys.stdlib_module_names)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = {name for name in run.stdout.split() if not name.startswith("_sysconfigdata")}
    assert {"trailforward", "pydantic"} <= imported
    assert imported <= {
        *("trailforward", "pydantic", "pydantic_core"),
        *("annotated_types", "typing_extensions", "typing_inspection"),  # Pydantic's own
    }
