"""The shared cases of the doctor, not part of the repository: TRAILFORWARD_CASES names their folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.command import trailforward
from trailforward.doctor import Call, World, reach

FOLDER = Path(os.environ.get("TRAILFORWARD_CASES", "/nowhere")) / "doctor"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="TRAILFORWARD_CASES names no folder with doctor/")

CALLER = "111122223333"
HUB = "123456789012"
HERE_QUEUE = f"arn:aws:sqs:eu-west-1:{CALLER}:q"
HOME_QUEUE = f"arn:aws:sqs:us-east-1:{CALLER}:q"
TWO_REGIONS = ["--account", CALLER, "--region", "us-east-1,eu-west-1", "--class", "write"]
HUB_QUEUE = ["--destination", f"arn:aws:sqs:us-east-1:{HUB}:q"]


class Expected(NamedTuple):
    """What a template's report must be.

    Attributes:
        status: the exit status.
        write: the class of events that is counted: how many Regions are covered, unknown, and blind.
        found: codes of findings, or of reasons for single calls, that the report must have.
        never: codes that it must not have.
        said: what standard error must say.
        options: instead of the usual ones.
    """

    status: int
    write: tuple[int, int, int]
    found: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    said: str = ""
    options: list[str] | None = None


TEMPLATES = {
    "t01-policy-resource": Expected(2, (0, 2, 0), ("ACCOUNT_NOT_VISIBLE",), ("ROLE_POLICY",)),
    "t02-managed-policy-arn": Expected(2, (0, 2, 0), ("NOT_SEEN",), ("ROLE_POLICY",)),
    "t03-rule-level-role": Expected(0, (2, 0, 0), never=("TARGET_NO_ROLE",)),
    "t04-hub-buspolicy-old-form": Expected(
        0,
        (1, 0, 0),
        never=("BUS_POLICY_DENIES",),
        options=[
            "--snapshot", str(FOLDER / "t04-spoke-world.json"), "--account", HUB, "--also-read", HUB,
            "--region", "us-east-1", "--class", "write", *HUB_QUEUE,
        ],
    ),
    "t05-foreach": Expected(0, (2, 0, 0)),
    "t06-unrelated-getatt": Expected(0, (2, 0, 0)),
    "t07-unrelated-importvalue": Expected(0, (2, 0, 0)),
    "t08-nested": Expected(2, (0, 0, 0), said="Not understood: N: "),
    "t08-stackset": Expected(2, (0, 0, 0), said="Not understood: N: "),
    "t09-ssm-parameter": Expected(2, (0, 2, 0), ("VALUE_UNKNOWN",), ("NOT_UNDERSTOOD",)),
    "t10-role-elsewhere": Expected(2, (0, 2, 0), ("NOT_SEEN",), ("ROLE_MISSING",)),
    "t10-queue-elsewhere": Expected(1, (0, 1, 1), ("NOT_SEEN",), ("TARGET_MISSING",)),
    "t11-narrow-rule": Expected(1, (0, 0, 0), ("RULE_STATE_READONLY",)),
    "t12-stream-cmk": Expected(1, (0, 0, 2), ("KMS_ROLE",)),
    "t13-subscription-filter": Expected(
        1, (0, 0, 2), ("SUBSCRIPTION_FILTER",), options=[*TWO_REGIONS, "--destination", HOME_QUEUE]
    ),
    "t14-trust-condition": Expected(1, (0, 0, 2), ("ROLE_TRUST",)),
    "t15-trust-star": Expected(2, (0, 0, 0)),
    "t16-target-without-id": Expected(2, (0, 0, 0), said="target 0 has no Id"),
    "t17-serverless-getatt": Expected(0, (2, 0, 0)),
    "t18-own-trail-not-logging": Expected(1, (0, 0, 2), ("TRAIL_NOT_LOGGING",)),
    "t19-fifo": Expected(2, (0, 2, 0), ("FIFO_DEDUPLICATION",)),
    "t20-input-constant": Expected(0, (2, 0, 0), ("INPUT_CONSTANT",)),
}  # fmt: skip

#: The verdict of ``reach``, and words that its reason must have.
WORLDS: dict[str, tuple[Any, str, str, str]] = {
    "w01-nearest-rule": (False, "PATTERN_MISMATCH", f"rule:{CALLER}/us-east-1/default/kms", "blank"),
    "w02-principal-is-aws-service": (True, "OK", "", ""),
    "w03-get-session-token": (
        "unknown", "READ_ONLY_UNCERTAIN", f"rule:{CALLER}/us-east-1/default/r", "mutating",
    ),
    "w04-operator-outside-list": (
        False, "PATTERN_MISMATCH", f"rule:{CALLER}/us-east-1/default/r", "outside a list",
    ),
    "w05-alias": (
        "unknown", "FUNCTION_QUALIFIER", f"target:{CALLER}/us-east-1/default/r/f", "version or alias",
    ),
}  # fmt: skip

DATA_EVENTS = [
    "s3:PutObject", "s3:GetObject", "dynamodb:PutItem", "lambda:Invoke", "sqs:SendMessage", "sns:Publish",
    "cloudwatch:PutMetricData",
]  # fmt: skip


def test_every_shared_case_is_tested() -> None:
    """Each file of the folder belongs to a case that is tested here."""
    others = {"README", "t04-spoke-world", "w-all-events", "record-data-without-category", "headline-unknown"}
    assert {path.stem for path in FOLDER.iterdir()} == TEMPLATES.keys() | WORLDS.keys() | others


@pytest.mark.parametrize("name", TEMPLATES)
def test_template(name: str) -> None:
    """The report on a template has the expected exit status, counts, and findings."""
    expected = TEMPLATES[name]
    options = TWO_REGIONS if expected.options is None else expected.options
    done = trailforward("doctor", "--format", "json", "--template", FOLDER / f"{name}.yaml", *options)
    report = json.loads(done.out)
    counts = report["counts"]["byClass"].get("write", {"covered": 0, "unknown": 0, "blind": 0})
    codes = {finding["code"] for finding in report["findings"]}
    reasons = {call["code"] for rule in report["rules"] for call in rule["calls"] if "code" in call}
    assert done.code == report["exitCode"] == expected.status, done
    assert tuple(counts[key] for key in ("covered", "unknown", "blind")) == expected.write
    assert set(expected.found) <= codes | reasons
    assert not set(expected.never) & (codes | reasons)
    assert expected.said in done.err


@pytest.mark.parametrize("name", WORLDS)
def test_world(name: str) -> None:
    """The verdict on a call in a world has the expected result, code, link, and words."""
    case = json.loads(FOLDER.joinpath(f"{name}.json").read_text())
    found = reach(World.model_validate(case["world"]), Call.model_validate(case["call"]))
    reaches, code, at, words = WORLDS[name]
    assert (found.reaches, found.code, found.at or "") == (reaches, code, at)
    assert words in found.why


@pytest.mark.parametrize("call", [*DATA_EVENTS, "bedrock:InvokeModel", "IAM:CreateUser", "iam:CreateUser"])
def test_trace(call: str) -> None:
    """A data event is not recorded by a trail without data selectors; IAM is global in any spelling."""
    done = trailforward(
        "trace", "--snapshot", FOLDER / "w-all-events.json", "--call", call, "--region", "eu-west-1",
        "--destination", HERE_QUEUE, "--account", CALLER,
    )  # fmt: skip
    if call in DATA_EVENTS:
        assert (done.code, "\nSELECTOR_EXCLUDES (documented)" in done.out) == (1, True)
    elif call == "bedrock:InvokeModel":
        assert (done.code, "--category" in done.out) == (2, True)
    else:
        assert (done.code, "recorded in us-east-1" in done.out) == (1, True)


def test_a_record_that_names_no_category() -> None:
    """An old record with managementEvent false is a data event."""
    record = FOLDER / "record-data-without-category.json"
    done = trailforward("trace", "--event", record, "--snapshot", FOLDER / "w-all-events.json")
    assert (done.code, "\nSELECTOR_EXCLUDES (documented)" in done.out) == (1, True)


def test_the_headline_claims_nothing_about_what_was_not_read() -> None:
    """A blind Region beside an unknown one is not called nothing."""
    done = trailforward("doctor", "--snapshot", FOLDER / "headline-unknown.json", "--class", "write")
    assert (done.code, done.out.partition("\n")[0]) == (1, "1 of 2 Regions is blind to some events")
