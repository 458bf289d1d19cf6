"""``trailforward doctor --plan`` and ``trailforward trace --plan``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.plan_pairs import PAIRS
from tests.doctor.plans import module, plan, resource, written
from tests.doctor.report.test_report_sarif import check
from tests.doctor.worlds import HERE, HOME, HUB, MEMBER, direct
from tests.support.command import Done, piped, trailforward

if TYPE_CHECKING:
    from pathlib import Path

QUEUE = f"arn:aws:sqs:{HERE}:{MEMBER}:in"


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """Writes a plan to a file."""

    def write(found: dict[str, Any]) -> Path:
        path = tmp_path / "plan.json"
        path.write_bytes(written(found))
        return path

    return write


def doctor(path: Path, *options: str | Path) -> Done:
    """Runs the doctor on a plan."""
    return trailforward("doctor", "--plan", path, "--account", MEMBER, *options)


def test_a_plan_is_checked_before_it_is_applied(file: Any) -> None:
    """Exit status 0: a plan covers its Region; 1: it certainly does not; what is assumed is said."""
    good = doctor(file(plan(PAIRS["queue"].plan)), "--class", "write")
    assert (good.code, "Every event is covered" in good.out) == (0, True)
    assert "Assuming that an argument with one reference has that value" in good.err
    assert f"No --destination is given: using {QUEUE}." in good.err
    bad = doctor(file(plan(PAIRS["queue without policy"].plan)), "--class", "write")
    assert (bad.code, "QUEUE_POLICY" in bad.out) == (1, True)
    open_one = doctor(file(plan(PAIRS["target that is not known"].plan)), "--class", "write")
    assert open_one.code == 2


NARROW = json.dumps({"source": ["aws.iam"], "detail": {"eventname": ["CreateUser"]}})


def in_a_module() -> dict[str, Any]:
    """A plan with a rule that cannot fire, in a module with a key."""
    rules = module(
        "rules",
        [
            resource("aws_cloudwatch_event_rule.all", name="r", event_pattern=NARROW),
            resource("aws_cloudwatch_event_target.q", rule="r", target_id="t", arn=QUEUE),
        ],
        key=HERE,
    )
    return plan([resource("aws_sqs_queue.q", name="in")], modules=[rules])


@pytest.mark.parametrize("form", ["terminal", "markdown", "html", "json", "sarif"])
def test_reports_name_the_address_in_the_plan(file: Any, form: str) -> None:
    """Every report says which resource of the plan a rule is, by its address."""
    done = doctor(file(in_a_module()), "--format", form)
    address = f'module.rules["{HERE}"].aws_cloudwatch_event_rule.all'
    assert done.code == 1
    if form == "json":
        assert [rule["declared"] for rule in json.loads(done.out)["rules"]] == [[address]]
    elif form == "sarif":
        (result,) = json.loads(done.out)["runs"][0]["results"]
        assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == address
    else:
        plain = done.out.replace("\\", "").replace("&quot;", '"').replace("&#34;", '"')
        assert address in plain.replace("\n", "").replace("     ", "")


def test_findings_of_classes_name_the_address_as_well(file: Any) -> None:
    """Beside a grid, a finding names the resource of the plan in which it is."""
    path = file(plan(PAIRS["disabled rule"].plan))
    done = doctor(path, "--class", "write", "--format", "json")
    (finding,) = [one for one in json.loads(done.out)["findings"] if one["code"] == "RULE_DISABLED"]
    assert finding["declared"] == ["aws_cloudwatch_event_rule.r"]
    assert "In the plan: aws_cloudwatch_event_rule.r" in doctor(path, "--class", "write").out


def test_code_scanning_gets_the_file_of_the_plan_and_the_address(file: Any, tmp_path: Path) -> None:
    """A SARIF result of a plan points to the plan's file; its first logical location is the address."""
    file(in_a_module())
    done = trailforward(
        *("doctor", "--plan", "plan.json", "--account", MEMBER, "--format", "sarif"), folder=tmp_path
    )
    log = json.loads(done.out)
    check(log)
    (place,) = log["runs"][0]["results"][0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "plan.json"
    address = place["logicalLocations"][0]["fullyQualifiedName"]
    assert address.startswith("module.rules")


def test_a_plan_is_never_overwritten(file: Any) -> None:
    """--output and --save refuse the file of the plan."""
    path = file(in_a_module())
    before = path.read_bytes()
    for option in ("--output", "--save"):
        done = doctor(path, option, path)
        assert (done.code, path.read_bytes()) == (2, before)
        assert "would overwrite the input of --plan" in done.err


def test_a_snapshot_keeps_the_addresses(file: Any, tmp_path: Path) -> None:
    """--save keeps what the plan says, so that --snapshot gives the same report."""
    saved = tmp_path / "world.json"
    done = doctor(file(in_a_module()), "--save", saved, "--format", "sarif")
    again = trailforward("doctor", "--snapshot", saved, "--format", "json")
    assert f'module.rules[\\"{HERE}\\"].aws_cloudwatch_event_rule.all' in again.out
    assert done.code == again.code == 1


def test_a_plan_on_top_of_a_snapshot(file: Any, tmp_path: Path) -> None:
    """What the snapshot has and the plan does not change stays, and its account is that of the plan."""
    world = tmp_path / "world.json"
    world.write_text(json.dumps(direct(accounts={MEMBER: {HERE: "ENABLED"}})))
    path = file(plan(PAIRS["queue"].plan))
    options: list[str | Path] = ["--plan", path, "--snapshot", world, "--region", HERE, "--class", "write"]
    assert trailforward("doctor", *options).code == 0
    assert "000000000000" not in trailforward("doctor", *options).err


def test_the_account_and_the_region_can_be_given(file: Any) -> None:
    """--account and --deployed-in say where providers are, if the plan does not."""
    nowhere = plan(PAIRS["queue"].plan, providers={"": {}})
    path = file(nowhere)
    done = trailforward("doctor", "--plan", path, "--deployed-in", HERE, "--class", "write")
    assert (done.code, "using 000000000000" in done.err) == (0, True)
    elsewhere = file(plan([resource("aws_sqs_queue.q", name="q", arn=f"arn:aws:sqs:{HERE}:{HUB}:q")]))
    wrong = doctor(elsewhere)
    assert f"The plan has no resources in the account {MEMBER}, but in {HUB}." in wrong.err
    path = file(nowhere)
    missing = trailforward("doctor", "--plan", path, "--account", MEMBER)
    assert missing.code == 2
    assert "the Region of the provider aws is not known. Give it with --deployed-in." in missing.err


def test_a_plan_can_be_traced(file: Any) -> None:
    """With --plan, trace follows a call through the plan's resources, and names their addresses."""
    path = file(plan(PAIRS["queue"].plan))
    options: list[str | Path] = ["--plan", path, "--account", MEMBER, "--region", HERE]
    done = trailforward("trace", "--call", "ec2:RunInstances", *options)
    assert done.code == 0
    assert f"Destination {QUEUE} [aws_sqs_queue.q]" in done.out
    assert "ENABLED [aws_cloudwatch_event_rule.r]" in done.out
    assert trailforward("trace", "--call", "iam:CreateUser", *options).code == 1
    nowhere = file(plan(PAIRS["queue"].plan, providers={"": {}}))
    options[1] = nowhere
    assert trailforward("trace", "--call", "ec2:RunInstances", *options).code == 0


def test_a_plan_can_come_from_a_pipe() -> None:
    """With --plan -, the output of terraform show -json comes from standard input."""
    found = written(plan(PAIRS["queue"].plan))
    done = piped("doctor", "--plan", "-", "--account", MEMBER, "--class", "write", stdin=found)
    assert done.code == 0
    assert piped("doctor", "--plan", "-", stdin=b"PK").err.startswith("-: this is the binary plan")


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"PK\x03\x04", [], "terraform show -json plan.bin > plan.json"),
        (b'resource "aws_sqs_queue" "q" {}', [], "terraform show -json plan.bin > plan.json"),
        (None, [], "No such file"),
        ("folder", [], "is a folder. Give a file that terraform show -json wrote"),
        (b"{}", ["--template", "t.yaml"], "Give either --template or --plan, not both."),
        (b"{}", ["--parameter", "A=1"], "--parameter is for --template"),
        (b"{}", ["--account", f"{MEMBER},{HUB}"], "Give one --account with --plan"),
    ],
)
def test_plans_that_cannot_be_used(tmp_path: Path, content: Any, options: list[str], words: str) -> None:
    """A file that is not a plan, and options that do not fit, give one sentence with the fix, and 2."""
    path = tmp_path / "plan.json"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    done = trailforward("doctor", "--plan", path, *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


def test_several_providers_are_one_world(file: Any) -> None:
    """A hub in another account and Region, made by the same plan, is part of the path."""
    role = {"role_arn": f"arn:aws:iam::{HUB}:role/deploy"}
    providers = {"": {"region": HERE}, "hub": {"region": HOME, "assume_role": [role]}}
    bus = f"arn:aws:events:{HOME}:{HUB}:event-bus/hub"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": bus}
    send = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    pattern = json.dumps({"source": [{"prefix": "aws."}]})
    queue = f"arn:aws:sqs:{HOME}:{HUB}:in"
    allow = {**trust, "Action": "sqs:SendMessage", "Resource": queue}
    found = plan(
        [
            resource("aws_cloudwatch_event_bus.hub", provider="hub", name="hub"),
            resource(
                "aws_cloudwatch_event_bus_policy.hub",
                provider="hub",
                event_bus_name="hub",
                policy=json.dumps({"Statement": [statement]}),
            ),
            resource(
                "aws_cloudwatch_event_rule.hub",
                provider="hub",
                name="in",
                event_bus_name="hub",
                event_pattern=pattern,
            ),
            resource(
                "aws_cloudwatch_event_target.hub",
                provider="hub",
                rule="in",
                event_bus_name="hub",
                target_id="q",
                arn=queue,
            ),
            resource("aws_sqs_queue.hub", provider="hub", name="in"),
            resource(
                "aws_sqs_queue_policy.hub",
                provider="hub",
                queue_url=f"https://sqs.{HOME}.amazonaws.com/{HUB}/in",
                policy=json.dumps({"Statement": [allow]}),
            ),
            resource("aws_cloudwatch_event_rule.r", name="r", event_pattern=pattern),
            resource(
                "aws_cloudwatch_event_target.r",
                rule="r",
                target_id="hub",
                arn=bus,
                role_arn=f"arn:aws:iam::{MEMBER}:role/send",
            ),
            resource("aws_iam_role.send", name="send", assume_role_policy=json.dumps({"Statement": [trust]})),
            resource("aws_iam_role_policy.send", role="send", policy=json.dumps({"Statement": [send]})),
        ],
        providers=providers,
    )
    path = file(found)
    done = doctor(path, "--also-read", HUB, "--region", HERE, "--class", "write")
    assert done.code == 0
