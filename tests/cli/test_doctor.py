"""``trailforward doctor`` and ``trailforward iam doctor``."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.worlds import HERE, HOME, HUB, MEMBER, QUEUE, ROLE, direct, hub, resource, rule, trail
from tests.support.command import Done, trailforward

if TYPE_CHECKING:
    from tests.support.aws import Reader

REGIONAL = Path(__file__).parents[2] / "sam" / "regional.yaml"
HERE_ONLY = {MEMBER: {HERE: "ENABLED_BY_DEFAULT"}}


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    """Writes a world to a file."""

    def save(world: Any) -> Path:
        path = tmp_path / "world.json"
        path.write_text(world if isinstance(world, str) else json.dumps(world))
        return path

    return save


def ask(path: Path, *options: str | Path) -> Done:
    """Runs the doctor on a snapshot, for write events."""
    return trailforward("doctor", "--snapshot", path, "--class", "write", *options)


def test_exit_codes_are_for_pipelines(saved: Any) -> None:
    """Exit status: 0 covered, 1 blind, 2 undetermined."""
    assert ask(saved(direct(accounts=HERE_ONLY))).code == 0
    assert ask(saved(direct(accounts=HERE_ONLY, rules=[]))).code == 1
    gap = {"account": MEMBER, "region": HERE, "what": "rules", "why": "AccessDenied"}
    assert ask(saved(direct(accounts=HERE_ONLY, rules=[], unseen=[gap]))).code == 2
    assert ask(saved(direct(accounts={}))).code == 2


@pytest.mark.parametrize(
    ("form", "begins"),
    [("json", "{"), ("markdown", "#"), ("sarif", "{"), ("html", "<!doctype html>"), ("terminal", "")],
)
def test_every_form_of_report(saved: Any, tmp_path: Path, form: str, begins: str) -> None:
    """A report has the same text on standard output and in a file, in every format."""
    path = saved(direct(rules=[]))
    shown = ask(path, "--format", form)
    assert shown.out.lower().startswith(begins)
    assert "NO_RULE" in shown.out or "No rule" in shown.out
    file = tmp_path / "deep" / "report"
    written = ask(path, "--format", form, "--output", file)
    assert (written.code, written.out) == (1, "")
    if form != "terminal":
        assert file.read_text().strip() == shown.out.strip()


def test_regions_and_destinations_can_be_chosen(saved: Any) -> None:
    """--region limits the Regions, --destination replaces the snapshot's; both accept several values."""
    path = saved(direct(accounts={MEMBER: {HERE: "ENABLED", HOME: "ENABLED"}}))
    assert ask(path).code == 1
    assert ask(path, "--region", f"{HERE} {HERE}").code == 0
    assert ask(path, "--region", HERE, "--destination", QUEUE.replace(":in", ":other")).code == 1
    assert ask(path, "--region", HERE, "--also-read", HUB).code == 0


def test_a_hub_is_read_but_not_reported_on(saved: Any) -> None:
    """--also-read leaves an account out of the report, by its ID or by a role ARN."""
    accounts = {MEMBER: {HERE: "ENABLED"}, HUB: {HOME: "ENABLED"}}
    path = saved(hub(accounts=accounts))
    assert ask(path).code == 1
    for name in (HUB, f"arn:aws:iam::{HUB}:role/audit"):
        assert ask(path, "--also-read", name).code == 0


def test_members_that_were_not_read_stay_unknown_beside_a_hub(saved: Any) -> None:
    """Leaving out the hub leaves out no other account: unread accounts are unknown, not covered."""
    unread = f"{int(MEMBER) + 1}"
    organization = {"id": "o-example", "management": HUB, "accounts": [HUB, MEMBER, unread]}
    world = hub(accounts={MEMBER: {HERE: "ENABLED"}, HUB: {HOME: "ENABLED"}}) | {"organization": organization}
    done = ask(saved(world), "--also-read", HUB)
    assert done.code == 2
    assert unread in done.out


def test_a_snapshot_can_be_shared(saved: Any, tmp_path: Path) -> None:
    """--save writes the snapshot, --mask with anonymized account IDs; the results stay the same."""
    path, copy = saved(direct(accounts=HERE_ONLY)), tmp_path / "copy.json"
    copy.touch(mode=0o644)
    assert ask(path, "--save", copy, "--mask").code == 0
    assert copy.stat().st_mode & 0o777 == 0o600  # a snapshot describes the account
    assert MEMBER not in copy.read_text()
    assert ask(copy).code == 0


def documented() -> list[list[str]]:
    """The arguments of every complete command of the doctor in its documentation."""
    text = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text("utf-8")
    blocks = re.findall(r"^```sh\n(trailforward doctor .*?)```", text, re.DOTALL | re.MULTILINE)
    return [shlex.split(block.replace("\\\n", " "))[1:] for block in blocks]


def test_commands_for_ci_pass_for_the_stack_of_this_project() -> None:
    """The documented commands exit with 0 for the default stack, and with 1 if it leaves out a Region."""
    assert any("--class" in command and "write,sign-in,global,service" in command for command in documented())
    for command in documented():
        done = trailforward(*command, folder=Path(__file__).parents[2])
        assert done.code == 0, done.out
    broken = [argument.replace("Regions=us-east-1,eu-west-1", "Regions=us-east-1") for argument in command]
    assert trailforward(*broken, folder=Path(__file__).parents[2]).code == 1


@pytest.mark.parametrize("state", ["ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"])
def test_the_default_classes_follow_the_state_of_the_rules(saved: Any, state: str) -> None:
    """Without --class, rules that leave out read-only events everywhere are not blind; with it, they are."""
    queue = QUEUE.replace(HERE, HOME)
    rules = [rule(queue, region=HOME, state=state)]
    path = saved(direct(queue, accounts={MEMBER: {HOME: "ENABLED"}}, rules=rules))
    done = trailforward("doctor", "--snapshot", path)
    assert done.code == 0, done.out
    assert "0 blind" in done.out
    assert ("Management read-only" in done.out) is (state == "ENABLED")
    asked = trailforward("doctor", "--snapshot", path, "--class", "read")
    assert asked.code == (state == "ENABLED")


@pytest.mark.parametrize("option", ["--output", "--save"])
@pytest.mark.parametrize("link", ["", "symlink_to", "hardlink_to"])
def test_an_input_is_never_overwritten(saved: Any, tmp_path: Path, option: str, link: str) -> None:
    """--output and --save refuse the file of an input, also behind a link, before anything is read."""
    path = saved("not a snapshot")  # reading it would be another error
    other = tmp_path / "other.json"
    if link:
        getattr(other, link)(path)
    done = ask(path, option, other if link else path)
    assert done.code == 2
    assert "would overwrite the input of --snapshot" in done.err
    assert path.read_text() == "not a snapshot"


def test_templates_and_their_folders_are_never_overwritten(saved: Any, tmp_path: Path) -> None:
    """--output refuses the template, a file of a CDK app's folder, and the file of --save."""
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    template = folder / "stack.template.json"
    template.write_text("{}")
    for read in (template, folder):
        done = trailforward("doctor", "--template", read, "--output", template)
        assert (done.code, template.read_text()) == (2, "{}")
        assert "would overwrite the input of --template" in done.err
    both = tmp_path / "both"
    done = ask(saved(direct(accounts=HERE_ONLY)), "--output", both, "--save", both)
    assert (done.code, both.exists()) == (2, False)
    assert "the same file" in done.err


def test_a_saved_snapshot_is_private_and_whole(saved: Any, tmp_path: Path) -> None:
    """--save replaces a file in one step, follows a link, leaves no draft, and only the owner can read it."""
    folder = tmp_path / "kept"
    folder.mkdir()
    real, linked = folder / "world.json", folder / "link.json"
    real.write_text("old")
    real.chmod(0o666)
    before = real.stat().st_ino
    linked.symlink_to(real)
    assert ask(saved(direct(accounts=HERE_ONLY)), "--save", linked).code == 0
    assert linked.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert real.stat().st_ino != before  # replaced, not rewritten
    assert json.loads(real.read_text())["version"] == 1
    assert sorted(path.name for path in folder.iterdir()) == ["link.json", "world.json"]
    fresh = tmp_path / "new" / "world.json"
    assert ask(saved(direct(accounts=HERE_ONLY)), "--save", fresh).code == 0
    assert fresh.stat().st_mode & 0o777 == 0o600


def test_costs_and_loops_are_printed(saved: Any) -> None:
    """Standard error has the cost per million events, and loops."""
    selectors = {"basic": [{"DataResources": [{"Type": "AWS::SQS::Queue", "Values": ["arn:aws:sqs"]}]}]}
    said = ask(saved(direct(trails=[trail(selectors=selectors)], own={"resources": [QUEUE]}))).err
    assert "CRITICAL LOOP_RISK" in said
    assert "About $0.51 per million events from 1 account/Region pair: sqs, receive, batched-function" in said


def test_many_loops_of_one_call_are_summed_up(saved: Any) -> None:
    """With many queues, three loops of a call are printed, and the rest are counted."""
    selectors = {"basic": [{"DataResources": [{"Type": "AWS::SQS::Queue", "Values": ["arn:aws:sqs"]}]}]}
    queues = [QUEUE, *(f"{QUEUE}{number}" for number in range(9))]
    rules = [rule(queue, name=queue[-3:]) for queue in queues]
    resources = [resource(queue) for queue in queues]
    world = direct(
        trails=[trail(selectors=selectors)], own={"resources": queues}, rules=rules, resources=resources
    )
    said = ask(saved(world)).err
    assert said.count("CRITICAL LOOP_RISK") == 3
    assert "7 more LOOP_RISK of the same call, with other roles or resources." in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"version": 2}', "version 2"),
        ('{"version": 1, "accounts"', "cannot be read"),
        ("[]", "JSON object"),
        ("", "cannot be read"),
    ],
)
def test_snapshots_that_cannot_be_read(saved: Any, text: str, words: str) -> None:
    """Another version, a truncated file, and a list give one clear error and exit status 2."""
    done = ask(saved(text))
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_what_is_not_understood_is_named_and_the_rest_reported(saved: Any) -> None:
    """Unknown kinds of target and invalid items do not hide what is understood."""
    rules = [rule(), rule("arn:aws:quantum:eu-west-1:123456789012:x/y", name="odd"), 5]
    done = ask(saved(direct(accounts=HERE_ONLY, rules=rules, future={"a": 1})))
    assert done.code == 0
    assert "rules[2]" in done.out
    assert "future" in done.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--format", "odd"], "Unknown format odd"),
        (["--class", "odd"], "Unknown class odd"),
        (["--save", "/dev/null/x"], "/dev/null/x"),
        (["--output", "/dev/null/x"], "/dev/null/x"),
    ],
)
def test_wrong_options(saved: Any, options: list[str], words: str) -> None:
    """A wrong option is named; exit status 2."""
    done = ask(saved(direct()), *options)
    assert done.code == 2
    assert words in done.err


def test_a_snapshot_that_is_not_there(tmp_path: Path) -> None:
    """A missing file gives exit status 2."""
    assert ask(tmp_path / "absent.json").code == 2


def test_without_destination_it_suggests_some(saved: Any) -> None:
    """Without a destination nothing can be checked; the message lists the rules' targets."""
    done = ask(saved(direct(destinations=[])))
    assert done.code == 2
    assert QUEUE in done.err


HUB_TOO = ["--parameter", f"HubAccount={HUB}", "--parameter", f"HubRegion={HOME}"]


def test_a_template_is_checked_before_it_is_deployed(saved: Any) -> None:
    """--template on top of a snapshot shows the result of deploying it; alone, it says what it assumes."""
    bus = f"arn:aws:events:{HOME}:{HUB}:event-bus/trailforward"
    central = hub()
    central["buses"][0] |= {
        "name": "trailforward",
        "policy": [{"Effect": "Allow", "Principal": "*", "Resource": bus}],
    }
    central["rules"] = [{**central["rules"][1], "bus": "trailforward"}]
    path = saved(central)
    options: list[str | Path] = ["--template", REGIONAL, *HUB_TOO, "--account", MEMBER, "--also-read", HUB]
    assert ask(path, "--region", f"{HERE},{HOME}", "--also-read", HUB).code == 1
    assert ask(path, "--regions", f"{HERE},{HOME}", *options).code == 0
    alone = trailforward("doctor", "--template", REGIONAL, "--region", HERE, *HUB_TOO, "--class", "write")
    assert alone.code == 2
    assert "Assuming a multi-Region trail" in alone.err
    assert "using 000000000000" in alone.err
    assert bus in alone.err


def test_the_destinations_of_a_template(tmp_path: Path) -> None:
    """Without --destination, the targets of rules for events are used, but not those of schedules."""
    path = tmp_path / "template.yaml"
    path.write_text(
        "Resources: {Rule: {Type: 'AWS::Events::Rule', Properties: {ScheduleExpression: rate(1 day), "
        "Targets: [{Id: q, Arn: !GetAtt Queue.Arn}]}}, Queue: {Type: 'AWS::SQS::Queue'}}"
    )
    alone = trailforward("doctor", "--template", path, "--region", HERE)
    assert alone.code == 2
    assert "no rule with an event pattern and a target" in alone.err
    assert "Nothing could be checked" in alone.out
    given = trailforward("doctor", "--template", path, "--region", HERE, "--destination", QUEUE)
    assert "No --destination" not in given.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--template", "absent.yaml", "--region", HERE], "absent.yaml"),
        (["--template", str(REGIONAL)], "Give the Regions"),
        (["--template", str(REGIONAL), "--region", HERE, "--parameter", "Typo=1"], "no parameter Typo"),
    ],
)
def test_templates_that_cannot_be_used(options: list[str], words: str) -> None:
    """A template that does not exist or lacks parameters gives a clear error and exit status 2."""
    done = trailforward("doctor", *options)
    assert done.code == 2
    assert words in done.err


NARROW = """
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  P:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Q]
      PolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sqs:*", Resource: "*"}
  R:
    Type: AWS::Events::Rule
    Properties:
      Name: secrets
      EventPattern:
        source: [aws.secretsmanager]
        detail-type: [AWS API Call via CloudTrail]
        detail: {eventName: [NAMES]}
      Targets: [{Id: q, Arn: !GetAtt Q.Arn}]
"""


@pytest.mark.parametrize(
    ("names", "code", "headline"),
    [
        ("PutSecretValue", 0, "Every rule fires, and its target receives the events"),
        ("PutSecretValue, GetSecretValue", 1, "1 of 1 rule does not receive some of its calls"),
        ("GetSecretValue", 1, "1 of 1 rule cannot fire"),
        ("PutSecretValu", 2, "1 of 1 rule may not receive some of its calls"),
    ],
)
def test_narrow_rules_of_a_template_are_judged_by_what_they_are_for(
    tmp_path: Path, names: str, code: int, headline: str
) -> None:
    """A template for two calls is judged by these calls; the classes of events are not its business."""
    path = tmp_path / "narrow.yaml"
    path.write_text(NARROW.replace("NAMES", names))
    done = trailforward(
        "doctor", "--template", path, "--account", MEMBER, "--region", HERE, "--class", "write"
    )
    assert (done.code, done.out.partition("\n")[0]) == (code, headline)
    assert "arrives: secretsmanager:PutSecretValue" in done.out or code != 0


def test_certain_blindness_wins_over_what_was_not_read(saved: Any) -> None:
    """A blind Region beside an unknown one gives 1, and the headline claims nothing about the unknown one."""
    gap = {"account": MEMBER, "region": HOME, "what": "rules", "why": "AccessDenied"}
    regions = {MEMBER: {HERE: "ENABLED", HOME: "ENABLED"}}
    done = ask(saved(direct(accounts=regions, rules=[], unseen=[gap])))
    assert done.code == 1
    assert done.out.startswith("1 of 2 Regions is blind to some events\n")


def test_a_crash_is_not_a_result() -> None:
    """An internal error ends with status 3 and one last sentence; 1 always means blind."""
    import subprocess
    import sys

    code = (
        "import sys, trailforward.cli._world as w; w.read_snapshot = lambda _: 1 / 0; "
        "import trailforward.cli.doctor as d; d.read_snapshot = w.read_snapshot; "
        "sys.argv = ['trailforward', 'doctor', '--snapshot', 'x']; "
        "from trailforward.__main__ import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 3
    assert run.stderr.strip().splitlines()[-1].startswith("Internal error: ZeroDivisionError. This is a bug")


def test_a_surprise_in_one_cell_hides_no_other(saved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the doctor in one combination makes that combination unknown, and is reported."""
    import sys

    import trailforward.doctor.report
    from trailforward.doctor import reach

    module = sys.modules[trailforward.doctor.report.survey.__module__]
    world = direct(accounts={MEMBER: {HERE: "ENABLED", HOME: "ENABLED"}})
    path = saved(world)

    def odd(world: Any, call: Any) -> Any:
        if call.region == HOME:
            raise KeyError("surprise")
        return reach(world, call)

    monkeypatch.setattr(module, "reach", odd)
    done = ask(path)
    assert done.code == 2
    assert "DOCTOR_ERROR" in done.out
    assert "1 covered" in done.out


def test_live_aws_is_read(local_aws: Reader) -> None:
    """Without a snapshot AWS is read; what is certainly blind gives 1, whatever else could not be read."""
    arn = local_aws.queue()
    done = trailforward("doctor", "--destination", arn, "--region", "ap-southeast-2", "--region", "xx-none-1")
    assert done.code == 1
    assert "Region xx-none-1 is not enabled" in done.err
    assert "ap-southeast-2" in done.out
    assert trailforward("doctor", "--destination", arn, "--region", "ap-southeast-2").code == 1


def test_a_saved_snapshot_gives_the_same_result(local_aws: Reader, tmp_path: Path) -> None:
    """What could not be read is saved too, so a snapshot gives the same report and exit status as live."""
    path = tmp_path / "world.json"
    options = ["--destination", local_aws.queue(), "--region", "xx-none-1"]
    live = trailforward("doctor", *options, "--save", path)
    again = trailforward("doctor", *options, "--snapshot", path)
    assert live.code == 2
    assert "Region xx-none-1 is not enabled" in again.err
    assert (again.code, again.out, again.err) == (live.code, live.out, live.err)


def test_no_credentials(local_aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials there is one clear error, and exit status 2."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    done = trailforward("doctor", "--destination", QUEUE)
    assert done.code == 2
    assert "No AWS credentials found" in done.err


def test_reading_aws_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without botocore, the error has the command that installs it."""
    monkeypatch.setattr("trailforward.aws.session.find_spec", lambda _: None)
    done = trailforward("doctor")
    assert done.code == 2
    assert "trailforward[aws]" in done.err


def test_a_probe_is_shown_before_it_is_made(local_aws: Reader, saved: Any) -> None:
    """The calls are shown first, and need confirmation; an event that does not arrive gives 1."""
    arn = local_aws.queue()
    world = saved(direct(arn.replace(":123456789012:", f":{MEMBER}:"), accounts=HERE_ONLY))
    asked = ask(world, "--probe", "--listen", arn, "--wait", "0")
    assert "ssm:DeleteParameter /trailforward-doctor/" in asked.err
    assert "use a queue without other consumers" in asked.err
    assert "arrive" not in asked.out.rpartition(HERE)[2]
    assert asked.code == 1  # blind, which the missing confirmation does not hide
    done = ask(world, "--probe", "--listen", arn, "--wait", "0", "--yes")
    assert done.code == 1
    assert f"{HERE}\tdid not arrive (ParameterNotFound)" in done.out


def test_the_latency_of_a_probe_is_reported(
    local_aws: Reader, saved: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each Region whose event arrives is one line with its latency, and exit status 0."""
    from trailforward.doctor import probe

    def arrives(probes: list[probe.Probe], *_: Any, **__: Any) -> Any:
        for one in probes:
            one.sent, one.arrived, one.result = 0.0, 61.5, "ParameterNotFound"
            yield one

    monkeypatch.setattr(probe, "run", arrives)
    done = ask(saved(direct(accounts=HERE_ONLY)), "--probe", "--yes", "--listen", "http://127.0.0.1:0")
    assert done.code == 0
    assert f"{HERE}\tarrived after 61.5 s (ParameterNotFound)" in done.out


def test_a_probe_that_cannot_listen(local_aws: Reader, saved: Any) -> None:
    """An unsupported place, or none, gives exit status 2 before any call."""
    assert "can listen to" in ask(saved(direct()), "--probe", "--yes", "--listen", ROLE).err
    assert "Give the place where the probe" in ask(saved(direct(destinations=[])), "--probe", "--yes").err


def test_the_policy_of_the_doctor_is_printed() -> None:
    """`trailforward iam doctor` prints the policy that discovery needs, with the roles that it may assume."""
    from trailforward.doctor.discover import policy

    done = trailforward("iam", "doctor", f"arn:aws:iam::{HUB}:role/audit")
    assert done.code == 0
    assert json.loads(done.out) == policy([f"arn:aws:iam::{HUB}:role/audit"])
    assert trailforward("iam", "nurse").code == 2


def test_other_statements_of_a_policy_do_not_matter(saved: Any) -> None:
    """A queue whose policy allows EventBridge is covered whatever its other statements say."""
    queue = resource(QUEUE)
    queue["policy"].append({"Effect": "Deny", "Principal": "*", "Action": "sqs:DeleteQueue", "Resource": "*"})
    assert ask(saved(direct(accounts=HERE_ONLY, resources=[queue]))).code == 0
