from __future__ import annotations

import ipaddress
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import Any

import pytest

import trailforward.testing
from trailforward.message import Message, Origin
from trailforward.testing import samples

NAMES = samples.names()
DOCUMENTATION = [
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
EVERYWHERE = ipaddress.ip_address("0.0.0.0")
TOP = ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"]


def envelope(name: str) -> dict[str, object]:
    """A parsed sample."""
    return Message(samples.load(name), Origin("test")).event


def record(name: str) -> dict[str, Any]:
    """The parsed record of a sample."""
    return Message(samples.load(name), Origin("test")).record


def texts(value: object) -> list[str]:
    """All strings in a JSON value, including keys."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return []


def test_names_lists_every_sample_there_is() -> None:
    """`names` returns the names of all JSON files in the package, sorted."""
    beside = {entry.name for entry in files(samples).iterdir() if entry.name.endswith(".json")}
    assert sorted(NAMES) == NAMES
    assert {f"{name}.json" for name in NAMES} == beside
    assert len(NAMES) >= 24


def test_an_unknown_name_raises_an_error_with_the_known_names() -> None:
    """A misspelled name raises an error that lists all names; files outside the package cannot be read."""
    with pytest.raises(
        KeyError, match="no sample 'root-login'; use one of access-denied, access-key-created"
    ):
        samples.load("root-login")
    with pytest.raises(KeyError):
        samples.load("../__init__")


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_one_envelope_as_eventbridge_writes_it(name: str) -> None:
    """Samples are envelopes with AWS's key order, on one line, without a trailing newline."""
    raw = samples.load(name)
    event = envelope(name)
    assert list(event) == TOP
    assert b"\n" not in raw
    assert raw.startswith(b'{"version":"0","id":"')
    assert event["version"] == "0"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "guardduty-finding"])
def test_envelope_and_record_agree(name: str) -> None:
    """Region, time, account, and source of an envelope match its record, as in recorded events."""
    event, detail = envelope(name), record(name)
    assert str(event["detail-type"]).endswith(" via CloudTrail")
    assert event["region"] == detail["awsRegion"]
    assert event["time"] == detail["eventTime"]
    assert event["account"] == detail["recipientAccountId"]
    assert event["resources"] == []
    source = str(detail.get("eventSource", "cloudtrail.amazonaws.com"))
    assert event["source"] == "aws." + source.removesuffix(".amazonaws.com")


def test_the_samples_cover_every_kind_of_event() -> None:
    """The samples include all detail-types of CloudTrail events and many types of identity."""
    kinds = {str(envelope(name)["detail-type"]) for name in NAMES}
    assert kinds == {
        "AWS API Call via CloudTrail",
        "AWS Console Action via CloudTrail",
        "AWS Console Sign In via CloudTrail",
        "AWS Console Signin via CloudTrail",
        "AWS Insight via CloudTrail",
        "AWS Network Activity Event via CloudTrail",
        "AWS Service Event via CloudTrail",
        "GuardDuty Finding",
    }
    identities = {(record(name).get("userIdentity") or {}).get("type") for name in NAMES}
    assert identities >= {
        *("AssumedRole", "AWSAccount", "AWSService", "IAMUser", "IdentityCenterUser", "Root"),
        *("WebIdentityUser", None),
    }
    categories = {record(name).get("eventCategory") for name in NAMES}
    assert categories >= {"Management", "Data", "NetworkActivity", "Insight"}
    assert len({envelope(name)["region"] for name in NAMES}) > 15


def test_ids_are_unique() -> None:
    """All samples have different envelope IDs and eventIDs, so that tests may send all of them at once."""
    ids = Counter(envelope(name)["id"] for name in NAMES)
    ids += Counter(record(name)["eventID"] for name in NAMES if "eventID" in record(name))
    assert set(ids.values()) == {1}


@pytest.mark.parametrize("name", NAMES)
def test_only_what_is_reserved_for_documentation_occurs(name: str) -> None:
    """Accounts, addresses, keys, and domains in samples are examples from documentation."""
    text = samples.load(name).decode()
    assert set(re.findall(r"(?<![0-9a-zA-Z.])\d{12}(?![0-9a-zA-Z])", text)) <= {
        "111122223333",
        "123456789012",
    }
    assert set(re.findall(r"(?:AKIA|ASIA)[A-Z0-9]+", text)) <= {
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
    }
    assert all("EXAMPLE" in found for found in re.findall(r"(?:AIDA|AROA)[A-Z0-9]{17}", text))
    for found in {*re.findall(r"\d+\.\d+\.\d+\.\d+", text), *texts(envelope(name))}:
        try:
            address = ipaddress.ip_address(found)
        except ValueError:
            continue  # no address
        assert address == EVERYWHERE or any(address in network for network in DOCUMENTATION), found
    for found in re.findall(r"@([a-z0-9.-]+)|https?://([a-z0-9.-]+)", text):
        domain = "".join(found)
        assert domain.endswith((".amazonaws.com", ".aws.amazon.com", "awsapps.com")) or domain in {
            "example.com",
            "console.aws.amazon.com",
            "www.terraform.io",
        }, domain


@pytest.mark.parametrize("name", ["insight-start", "numbers-and-escapes", "web-identity-assumed"])
def test_some_samples_do_not_survive_parse_and_dump(name: str) -> None:
    """Parsing and dumping changes the bytes of these samples, so their digest detects it."""
    raw = samples.load(name)
    again = json.dumps(json.loads(raw), ensure_ascii=False, separators=(",", ":")).encode()
    assert again != raw


def test_odd_literals_are_still_there() -> None:
    """Java's doubles, unnecessary escapes, and a narrow no-break space are kept as bytes."""
    raw = samples.load("numbers-and-escapes")
    for literal in (
        b"1.757788107857E9",
        b"8.51064E-5",
        b"\\u003d",
        b"\\u003c",
        b"\\u00e9",
        "\u202f".encode(),
    ):
        assert literal in raw


def test_the_own_call_looks_like_the_function_named_trailforward_demo() -> None:
    """`own-put-records` comes from a session of the function trailforward-demo in account 123456789012."""
    identity = record("own-put-records")["userIdentity"]
    assert isinstance(identity, dict)
    assert (
        identity["arn"] == "arn:aws:sts::123456789012:assumed-role/trailforward-demo-role/trailforward-demo"
    )


NOW = datetime(2027, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMES)
def test_stamped_changes_times_and_ids_and_nothing_else(name: str) -> None:
    """A stamped sample differs only in ISO times and UUIDs, and has the same length."""
    blank = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    raw, stamped = samples.load(name), samples.stamped(name, now=NOW, unique="a")
    assert stamped != raw
    assert blank.sub(b"", stamped) == blank.sub(b"", raw)
    assert len(stamped) == len(raw)


@pytest.mark.parametrize("name", NAMES)
def test_stamped_events_have_just_happened(name: str) -> None:
    """Envelope and record contain the given time, in UTC and whole seconds."""
    for now in (NOW, NOW.astimezone(timezone(timedelta(hours=-5)))):
        event = json.loads(samples.stamped(name, now=now, unique="a"))
        assert event["time"] == "2027-03-04T05:06:07Z"
        assert event["detail"].get("eventTime", event["time"]) == event["time"]


def test_stamped_moves_all_times_together() -> None:
    """A session that began 1297 seconds before its call still does; fractions of a second do not change."""
    event = json.loads(samples.stamped("security-group-opened", now=NOW, unique="a"))
    began = event["detail"]["userIdentity"]["sessionContext"]["attributes"]["creationDate"]
    assert NOW.replace(microsecond=0) - datetime.fromisoformat(began) == timedelta(seconds=1297)
    finding = json.loads(samples.stamped("guardduty-finding", now=NOW, unique="a"))
    assert finding["detail"]["createdAt"] == "2027-03-04T05:05:55.316Z"


def test_stamped_ids_are_unique_per_text_and_repeatable() -> None:
    """The same text gives the same IDs, another text gives others, and equal IDs stay equal."""
    first, again, other = (
        json.loads(samples.stamped("security-group-opened", now=NOW, unique=unique)) for unique in "aab"
    )
    assert first == again
    for key in ("eventID", "requestID"):
        assert first["detail"][key] != other["detail"][key]
    assert first["id"] != other["id"]
    assert first["detail"]["responseElements"]["requestId"] == first["detail"]["requestID"]


def test_the_testing_package_is_cheap() -> None:
    """Importing the samples loads neither Pydantic nor boto3."""
    code = (
        "import sys; from trailforward.testing import samples; samples.names();"
        "print([name for name in ('pydantic', 'boto3', 'aws_lambda_powertools') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_testing_package_names_its_parts() -> None:
    """`dir` lists the names, and any other name raises an AttributeError."""
    assert "samples" in dir(trailforward.testing)
    with pytest.raises(AttributeError, match=r"'trailforward\.testing' has no attribute 'nothing'"):
        _ = trailforward.testing.nothing
