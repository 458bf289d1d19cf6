"""Alerts as OCSF Detection Findings are valid in the official schema."""

from __future__ import annotations

import json

import pytest

from tests.formats.ocsf_report import FINDINGS, convert, errors
from tests.support.alerts import CHANGED, OPENED, alert
from trailforward import EventError, Message, Origin
from trailforward.formats import load
from trailforward.matched import SEVERITIES, Matched
from trailforward.testing import samples


@pytest.mark.parametrize("name", FINDINGS)
@pytest.mark.parametrize("sample", samples.names())
def test_every_kind_of_event_is_valid(name: str, sample: str) -> None:
    """Every sample is a valid finding, with and without detections."""
    for matched in ((), (OPENED, CHANGED)):
        found = convert(samples.load(sample), name, matched)
        assert errors(found) == []
        assert found["class_uid"] == 2004


@pytest.mark.parametrize("name", FINDINGS)
def test_the_detections(name: str) -> None:
    """The most severe detection is the analytic, the others are related, and techniques are ATT&CK's."""
    found = json.loads(load(name).data(alert()))
    info = found["finding_info"]
    assert info["title"] == OPENED.title
    assert info["analytic"]["uid"] == OPENED.name
    assert "Rosa Diaz" in info["analytic"]["desc"]
    assert [one["uid"] for one in info["related_analytics"]] == [CHANGED.name]
    assert info["attacks"] == [{"technique": {"uid": "T1562"}, "sub_technique": {"uid": "T1562.007"}}]
    assert (found["severity_id"], found["severity"]) == (4, "High")
    assert load(name).data(alert()).endswith(b'"unmapped":{"record":' + alert().detail + b"}}")
    assert load(name).subject(alert()) == ""


@pytest.mark.parametrize(("severity", "number"), [("", 0), *zip(SEVERITIES, range(1, 6), strict=True)])
def test_severities(severity: str, number: int) -> None:
    """Each severity has OCSF's number; without one it is unknown."""
    found = convert(samples.load("trail-stopped"), "ocsf-finding", [Matched("n", severity)])
    assert found["severity_id"] == number
    assert errors(found) == []


def test_bytes_that_are_not_an_event() -> None:
    """Bytes that are not an event raise an error."""
    with pytest.raises(EventError):
        load("ocsf-finding").data(Message(b"no json", Origin("test")))
