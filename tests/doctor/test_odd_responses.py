"""Responses of AWS that nobody expects: one of them never hides the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.planted import AUDIT, MEMBER, QUEUE
from tests.support.command import Done, trailforward
from trailforward.doctor.discover import AwsCallError, Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.doctor.planted import PlantedWorld

HUB = AUDIT.split(":")[4]
ODD_REGION, GOOD_REGION = "eu-west-1", "us-west-2"
OPTIONS = ["--destination", QUEUE, "--class", "write", "--format", "json"]
LIVE = [*OPTIONS, "--region", f"{ODD_REGION},{GOOD_REGION}", "--account", MEMBER, "--also-read", AUDIT]
AGAIN = [*OPTIONS, "--region", f"{ODD_REGION},{GOOD_REGION}", "--also-read", AUDIT]


def added(key: str, *items: Any) -> Callable[[Any], Any]:
    """A change that puts items before those of a list."""
    return lambda response: {**response, key: [*items, *response[key]]}


def statuses(done: Done) -> tuple[str, str]:
    """The results for write events in the Region with an odd response, and in the other one."""
    found = {cell["region"]: cell["status"] for cell in json.loads(done.out)["cells"]}
    return found[ODD_REGION], found[GOOD_REGION]


def asked(tmp_path: Path) -> Done:
    """The live report, after checking that the snapshot gives the same report and exit status."""
    saved = tmp_path / "world.json"
    live = trailforward("doctor", *LIVE, "--save", saved)
    again = trailforward("doctor", *AGAIN, "--snapshot", saved)
    assert (again.code, again.out, again.err) == (live.code, live.out, live.err)
    return live


def test_odd_items_hide_no_other(planted: PlantedWorld, tmp_path: Path) -> None:
    """Odd rules, targets, buses, and trails are named, and the good ones are reported as usual."""
    for operation, change in {
        "ListRules": added("Rules", {"EventPattern": "{}"}, {"Name": 5, "EventPattern": "{}"}),
        "ListTargetsByRule": added("Targets", {"Id": "without an ARN"}),
        "ListEventBuses": added("EventBuses", {"Arn": "without a name"}),
        "DescribeTrails": added("trailList", {"Name": "without an ARN"}),
    }.items():
        planted.aws.edit(change, operation=operation, region=ODD_REGION, account=MEMBER)
    done = asked(tmp_path)
    assert (statuses(done), done.code) == (("covered", "covered"), 2)
    for what in ("rules", "buses", "trails"):
        assert (
            f"One of the {what} in {ODD_REGION} of account {MEMBER} was not understood: unusual" in done.err
        )
    assert f"Targets of rules in {ODD_REGION} of account {MEMBER} could not be read" in done.err
    assert GOOD_REGION not in done.err


@pytest.mark.parametrize(
    ("operation", "change", "words"),
    [
        ("ListRules", added("Rules", 7), f"Rules in {ODD_REGION} of account {MEMBER} could not be read"),
        ("ListTargetsByRule", lambda _: b"<html>", f"Targets of rules in {ODD_REGION} of account {MEMBER}"),
    ],
    ids=["rules", "targets"],
)
def test_odd_responses_affect_one_region(
    planted: PlantedWorld, tmp_path: Path, operation: str, change: Callable[[Any], Any], words: str
) -> None:
    """A response that cannot be understood as a whole makes its Region unknown, and no other."""
    planted.aws.edit(change, operation=operation, region=ODD_REGION, account=MEMBER)
    done = asked(tmp_path)
    assert (statuses(done), done.code, words in done.err) == (("unknown", "covered"), 2, True)


def test_an_odd_trail_makes_its_records_unknown(planted: PlantedWorld, tmp_path: Path) -> None:
    """A trail that cannot be understood counts neither as logging nor as missing."""
    planted.aws.edit(lambda _: {"IsLogging": {"odd": True}}, operation="GetTrailStatus")
    done = asked(tmp_path)
    assert (statuses(done), done.code) == (("unknown", "unknown"), 2)
    assert "trail/all was not understood: unusual response" in done.err


def test_odd_regions_of_an_account_do_not_hide_another(planted: PlantedWorld, tmp_path: Path) -> None:
    """If the Regions of the hub cannot be understood, the member is still read."""
    planted.aws.edit(lambda _: {"Regions": [{"odd": 1}]}, operation="ListRegions", account=HUB)
    done = asked(tmp_path)
    assert (statuses(done), done.code) == (("unknown", "unknown"), 2)
    assert f"Something in account {HUB} was not understood" in done.err


@pytest.mark.parametrize(
    "body", [b'{"Rules": [7]}', b'{"Rules": "x"}', b'{"Rules": {"a": 1}}', b"[]", b"null", b"<html>", b"{"]
)
def test_a_response_of_another_form_is_an_error(planted: PlantedWorld, body: bytes) -> None:
    """A response that is not what the API returns is one clear error, and never an empty list."""
    planted.aws.edit(lambda _: body, operation="ListRules")
    reader = Reader()
    with pytest.raises(AwsCallError, match="events:ListRules: UnusualResponse"):
        reader.items("events", "ListRules", "Rules", ODD_REGION)
    reader.close()
