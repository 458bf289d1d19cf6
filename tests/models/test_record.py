from ipaddress import ip_address
from typing import Any

import pytest

from tests.models.records import API_CALL, EVERY_FIELD, ROOT
from trailforward.models import Failure, parse_record


def test_helpers_of_a_call() -> None:
    """Caller, address, MFA, and read-only have one attribute each."""
    record = parse_record(API_CALL)
    assert record.actor == "Admin/jun@example.com"
    assert record.source_ip == ip_address("198.51.100.7")
    assert record.source_service is None
    assert record.mfa is False
    assert record.is_root is False
    assert record.is_read_only is False
    assert record.error is None


def test_helpers_of_root() -> None:
    """Root calls have the actor root and is_root."""
    record = parse_record({**API_CALL, "userIdentity": ROOT})
    assert (record.actor, record.is_root, record.mfa) == ("root", True, None)


@pytest.mark.parametrize(
    ("source", "ip", "service"),
    [
        ("203.0.113.9", "203.0.113.9", None),
        ("2001:db8::7", "2001:db8::7", None),
        ("203.0.113.9, 198.51.100.7", "203.0.113.9", None),
        ("AWS Internal", None, "AWS Internal"),
        ("AWS Internal/3", None, "AWS Internal/3"),
        ("cloudformation.amazonaws.com", None, "cloudformation.amazonaws.com"),
        ("", None, None),
        (None, None, None),
        (3405803785, None, None),
        (["203.0.113.9"], None, None),
    ],
)
def test_source(source: Any, ip: str | None, service: str | None) -> None:
    """A call comes from an address or from a service, never both."""
    record = parse_record({"sourceIPAddress": source})
    assert record.source_ip == (None if ip is None else ip_address(ip))
    assert record.source_service == service


@pytest.mark.parametrize(
    ("fields", "error", "shown"),
    [
        ({"errorCode": "AccessDenied", "errorMessage": "no"}, ("AccessDenied", "no"), "AccessDenied: no"),
        ({"errorCode": "AccessDenied"}, ("AccessDenied", None), "AccessDenied"),
        ({"errorMessage": "Failed authentication"}, (None, "Failed authentication"), "Failed authentication"),
        ({"errorCode": "AccessDenied", "errorMessage": 7}, ("AccessDenied", None), "AccessDenied"),
    ],
)
def test_error(fields: dict[str, Any], error: tuple[str | None, str | None], shown: str) -> None:
    """An error has a code, a message, or both, and prints as one line."""
    failure = parse_record({**API_CALL, **fields}).error
    assert failure == Failure(*error)
    assert str(failure) == shown


@pytest.mark.parametrize(
    "fields", [{}, {"errorCode": "", "errorMessage": ""}, {"errorCode": None}, {"errorCode": 7}]
)
def test_no_error(fields: dict[str, Any]) -> None:
    """Without code and message, a call did not fail, whatever its response."""
    assert parse_record({**API_CALL, "responseElements": {"status": "Failure"}, **fields}).error is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("true", True), ("False", False), (None, None), ("?", None), (1, None)],
)
def test_read_only(value: Any, expected: bool | None) -> None:  # noqa: FBT001
    """is_read_only is a boolean, even if a log pipeline changed the value to text."""
    assert parse_record({"readOnly": value}).is_read_only is expected


@pytest.mark.parametrize("identity", [None, "rosa", ["rosa"], 7, {"name": "x", "mfa": True, "is_root": True}])
def test_no_identity(identity: Any) -> None:
    """Without a usable identity, the actor is None, MFA is unknown, and is_root is false."""
    record = parse_record({**EVERY_FIELD, "userIdentity": identity})
    assert (record.actor, record.mfa, record.is_root) == (None, None, False)


def test_lower_case_arn() -> None:
    """A resource's ARN is found even if a log pipeline wrote the key in lower case."""
    record = parse_record({"resources": [{"arn": "arn:aws:s3:::example"}]})
    assert record.resources is not None
    assert record.resources[0].arn == "arn:aws:s3:::example"
