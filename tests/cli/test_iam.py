"""``trailforward iam``: exact actions on exact ARNs, and a note if a permission cannot be exact."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from trailforward import Config, sinks
from trailforward.cli import app
from trailforward.cli.iam import policy

if TYPE_CHECKING:
    from pathlib import Path

STREAM = "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec"
QUEUE = "arn:aws:sqs:eu-west-1:111122223333:trailforward"
TOML = """
dead_letter = "arn:aws:sqs:us-west-2:111122223333:dead"
dead_letter_bucket = "s3://large/dead?region=us-west-2"
retry_queue = "arn:aws:sqs:us-west-2:111122223333:retry"

[sinks.archive]
to = "arn:aws:firehose:us-west-2:111122223333:deliverystream/archive"

[sinks.oncall]
to = "arn:aws:sns:eu-west-1:111122223333:oncall"
format = "text"

[sinks.siem]
to = "https://siem.example.com/in"
auth = { type = "bearer", secret = "arn:aws:secretsmanager:us-west-2:111122223333:secret:siem-a1B2c3#key" }

[sinks.other]
to = "https://other.example.com/in"
auth = { type = "header", name = "X-Api-Key", secret = "arn:aws:ssm:us-west-2:111122223333:parameter/other" }
"""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRAILFORWARD_TO", "TRAILFORWARD_CONFIG", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def printed(*arguments: str) -> dict[str, dict[str, Any]]:
    """Returns the statements that the command prints, by Sid."""
    done = CliRunner().invoke(app, ["iam", *arguments])
    assert done.exit_code == 0, done.output
    return {statement["Sid"]: statement for statement in json.loads(done.stdout)["Statement"]}


def test_destinations_alone() -> None:
    """A destination alone needs one action on one resource."""
    expected = {"Sid": "Kinesis", "Effect": "Allow", "Action": "kinesis:PutRecords", "Resource": STREAM}
    assert printed("--to", STREAM) == {"Kinesis": expected}


def test_a_whole_configuration(tmp_path: Path) -> None:
    """The policy covers sinks, secrets, dead letters, the retry queue, source queues, logs, and keys."""
    path = tmp_path / "trailforward.toml"
    path.write_text(TOML)
    key = "arn:aws:kms:us-west-2:111122223333:key/1"
    group = "arn:aws:logs:us-west-2:111122223333:log-group:/trailforward"
    by_sid = printed("--config", str(path), "--source", QUEUE, "--log-group", group, "--key", key)
    retry, dead = (f"arn:aws:sqs:us-west-2:111122223333:{name}" for name in ("retry", "dead"))
    assert {sid: statement["Resource"] for sid, statement in by_sid.items()} == {
        "Sources": [QUEUE, retry],
        "DeadLettersAndRetries": [dead, retry],
        "Logs": f"{group}:*",
        "Firehose": "arn:aws:firehose:us-west-2:111122223333:deliverystream/archive",
        "Sns": "arn:aws:sns:eu-west-1:111122223333:oncall",
        "S3": "arn:aws:s3:::large/dead/*",
        "Secrets": "arn:aws:secretsmanager:us-west-2:111122223333:secret:siem-a1B2c3",
        "SecretParameters": "arn:aws:ssm:us-west-2:111122223333:parameter/other",
        "Keys": key,
    }
    assert by_sid["Sources"]["Action"] == [
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
    ]


def test_two_of_a_kind_share_a_statement() -> None:
    """Destinations of the same type share one statement."""
    assert printed("--to", STREAM, "--to", f"{STREAM}2")["Kinesis"]["Resource"] == [STREAM, f"{STREAM}2"]


def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options, the policy is for the configuration that the handler would use."""
    monkeypatch.setenv("TRAILFORWARD_TO", STREAM)
    assert printed()["Kinesis"]["Resource"] == STREAM


@pytest.mark.parametrize("arguments", [["--to", STREAM, "--config", "x"], ["--to", "gopher://x"], []])
def test_an_invalid_configuration_gives_status_2(arguments: list[str]) -> None:
    """Problems go to standard error, and the exit status is 2."""
    done = CliRunner().invoke(app, ["iam", *arguments])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr


@pytest.mark.parametrize(
    ("where", "resource", "noted"),
    [
        ("ssm:/tf/config", "arn:aws-cn:ssm:*:*:parameter/tf/config", True),
        (
            "ssm:arn:aws:ssm:eu-west-1:111122223333:parameter/c",
            "arn:aws:ssm:eu-west-1:111122223333:parameter/c",
            False,
        ),
        ("s3://bucket/key.toml", "arn:aws-cn:s3:::bucket/key.toml", False),
    ],
)
def test_the_configuration_itself_must_be_read(where: str, resource: str, noted: bool) -> None:  # noqa: FBT001
    """A configuration in AWS needs permission to read it, in the partition of the destinations."""
    config = Config.to("arn:aws-cn:kinesis:cn-north-1:111122223333:stream/events")
    document, notes = policy(config, where=where)
    assert document["Statement"][-1]["Resource"] == resource
    assert bool(notes) == noted


def test_permissions_that_cannot_be_exact_have_a_note() -> None:
    """A note explains a secret ARN without its suffix, and the API behind sigv4."""
    config = Config.from_toml(
        """
        [sinks.siem]
        to = "https://siem.example.com/in"
        auth = { type = "bearer", secret = "arn:aws:secretsmanager:us-west-2:111122223333:secret:t" }
        [sinks.search]
        to = "https://search.example.com/in"
        auth = { type = "sigv4", service = "es", region = "us-west-2" }
        """
    )
    document, notes = policy(config)
    (statement,) = document["Statement"]
    assert statement["Resource"] == "arn:aws:secretsmanager:us-west-2:111122223333:secret:t-??????"
    assert [note.partition(":")[0] for note in notes] == ["sinks.siem", "sinks.search"]


def test_every_secret_of_an_http_sink_can_be_read() -> None:
    """Client secrets, certificates, keys, and passwords are in the policy, and the note names the action."""
    arn = "arn:aws:secretsmanager:us-west-2:111122223333:secret"
    parameter = "arn:aws:ssm:us-west-2:111122223333:parameter/key-password"
    config = Config.from_toml(
        f"""
        [sinks.siem]
        to = "https://siem.example.com/in"
        [sinks.siem.auth]
        type = "oauth2"
        token_url = "https://login.example.com/t"
        client_id = "c"
        client_secret = "{arn}:client-AbCdEf#secret"
        [sinks.siem.client_certificate]
        certificate = "{arn}:tls-AbCdEf#c"
        private_key = "{arn}:tls-AbCdEf#k"
        password = "{parameter}"
        [sinks.search]
        to = "https://x.us-west-2.aoss.amazonaws.com/a/_bulk"
        auth = {{ type = "sigv4", service = "aoss", region = "us-west-2" }}
        """
    )
    document, notes = policy(config)
    secrets, parameters = document["Statement"]
    assert secrets["Resource"] == [f"{arn}:client-AbCdEf", f"{arn}:tls-AbCdEf"]
    assert parameters["Resource"] == parameter
    assert len(notes) == 1
    assert "aoss:APIAccessAll" in notes[0]


def test_an_api_without_aws_needs_no_permission() -> None:
    """A destination outside AWS does not need any permission, and a note says so."""
    document, notes = policy(Config.to("https://siem.example.com/in"))
    assert document["Statement"] == []
    assert notes


@pytest.mark.parametrize("kind", sorted(set(sinks.BUILT_IN) - {"http", "file", "stdout"}))
def test_every_kind_of_destination_is_known(kind: str) -> None:
    """Every AWS sink has a statement, so that a deployment does not fail for lack of permission."""
    settings = sinks.load(kind).Settings
    to = getattr(settings, "example", "s3://security-lake/cloudtrail?region=eu-west-1")
    document, _ = policy(Config.to(to))
    assert document["Statement"], kind


def test_the_daily_doctor_reads_and_writes_only_to_its_own() -> None:
    """Besides reading, the daily doctor's policy allows its bucket, its topic, its logs, and the roles."""
    bucket, topic = "arn:aws:s3:::reports", "arn:aws:sns:eu-west-1:111122223333:alarms"
    role = "arn:aws:iam::123456789012:role/trailforward-eu-west-1-read"
    done = CliRunner().invoke(app, ["iam", "daily-doctor", role, "--bucket", bucket, "--topic", topic])
    by_sid = {statement["Sid"]: statement for statement in json.loads(done.stdout)["Statement"]}
    assert by_sid["Objects"]["Resource"] == [
        f"{bucket}/{name}/*" for name in ("reports", "snapshots", "state")
    ]
    assert by_sid["Notify"] == {
        "Sid": "Notify",
        "Effect": "Allow",
        "Action": "sns:Publish",
        "Resource": topic,
    }
    assert by_sid["Roles"]["Resource"] == [role]
    assert [sid for sid, statement in by_sid.items() if statement["Resource"] == "*"] == ["Read"]
    without = CliRunner().invoke(app, ["iam", "daily-doctor"])
    assert without.exit_code == 2
    assert "--bucket arn:aws:s3:::NAME" in without.stderr


def test_the_canary_may_delete_only_what_does_not_exist() -> None:
    """The policy of the canary's role has one writing action, below the canary's own path."""
    member = "arn:aws:iam::123456789012:role/trailforward-eu-west-1-canary"
    statements = printed("canary", member)
    assert statements["Canary"]["Action"] == "ssm:DeleteParameter"
    assert statements["Canary"]["Resource"] == "arn:aws:ssm:*:*:parameter/trailforward-canary/*"
    assert statements["Roles"]["Resource"] == [member]
    assert all(
        word.partition(":")[2].startswith(("Describe", "Get", "List"))
        for word in statements["Read"]["Action"]
    )
    assert set(statements) == {"Canary", "Read", "Roles"}
