"""``trailforward check-sinks``, against local AWS and real HTTP receivers."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from tests.support.command import trailforward
from tests.support.receiver import Receiver, Slow, Status
from tests.support.stub_aws import Refuse
from trailforward.receipts.reader import read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws import Reader
    from tests.support.stub_aws import StubAws

STREAM = "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec"


def sinks(text: str, folder: Path) -> Path:
    """Writes a configuration."""
    path = folder / "trailforward.toml"
    path.write_text(text)
    return path


def rows(*arguments: str | Path, **environ: Any) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and the results by sink."""
    done = trailforward("check-sinks", *arguments, "--json", **environ)
    return done.code, {row["name"]: row for row in json.loads(done.out)["sinks"]}


def secret(aws: Reader, name: str, value: str) -> str:
    """Stores a secret and returns its ARN."""
    arn: str = aws("secretsmanager").create_secret(Name=name, SecretString=value)["ARN"]
    return arn


def test_every_destination_of_a_local_aws_gets_one_marked_event(local_aws: Reader, tmp_path: Path) -> None:
    """The test event arrives byte for byte like any event, and its source and detail-type say what it is."""
    queue, stream = local_aws.queue(), local_aws.stream()
    config = sinks(
        f'[sinks.q]\nto = "{queue}"\n[sinks.k]\nto = "{stream}"\n[sinks.f]\nto = "file:{tmp_path}/out"\n',
        tmp_path,
    )
    done = trailforward("check-sinks", config)
    assert done.code == 0, done
    assert "FAILED" not in done.out
    (message,) = local_aws.messages(queue)
    (record,) = local_aws.records(stream)
    lines = (tmp_path / "out").read_bytes().splitlines()
    events = [json.loads(message["Body"]), json.loads(record["Data"]), *map(json.loads, lines)]
    assert len(events) == 3
    for event in events:
        assert event["source"] == "trailforward.check-sinks"
        assert event["detail-type"] == "trailforward test event"
        assert f"The ID of the test event is {event['id']}." in done.err
    assert "Checked as arn:aws:sts::123456789012:" in done.err


def test_a_dry_run_sends_nothing(local_aws: Reader, tmp_path: Path) -> None:
    """With --dry-run, no destination gets an event or a request."""
    queue = local_aws.queue()
    with Receiver() as receiver:
        config = sinks(f'[sinks.q]\nto = "{queue}"\n[sinks.h]\nto = "{receiver.url}"\n', tmp_path)
        code, found = rows(config, "--dry-run")
        assert receiver.requests == []
    assert code == 0, found
    assert local_aws.messages(queue) == []
    assert all(row["milliseconds"] is not None for row in found.values())


def test_a_failing_sink_hides_no_other(local_aws: Reader, tmp_path: Path) -> None:
    """Each sink has its own result, and one that fails makes the exit status 1."""
    token = secret(local_aws, "check-token", "right")
    missing = f"{token[:-10]}-no-Abcdef"
    with Receiver([Status(404)]) as absent, Receiver([Slow(30)]) as slow, Receiver() as good:
        config = sinks(
            f'[sinks.absent]\nto = "{absent.url}"\n[sinks.slow]\nto = "{slow.url}"\n'
            f'[sinks.good]\nto = "{good.url}"\nauth = {{ type = "bearer", secret = "{token}" }}\n'
            f'[sinks.missing]\nto = "{good.url}"\nauth = {{ type = "bearer", secret = "{missing}" }}\n'
            '[sinks.refused]\nto = "http://127.0.0.1:9/in"\n'
            '[sinks.gone]\nto = "arn:aws:kinesis:ap-southeast-2:123456789012:stream/nowhere"\n',
            tmp_path,
        )
        code, found = rows(config, "--timeout", "8")
        (request,) = good.requests
    assert code == 1
    assert {name for name, row in found.items() if row["ok"]} == {"good"}
    assert request.headers["Authorization"] == "Bearer right"
    assert (found["good"]["secret"], found["good"]["permission"]) == ("ok", "ok")
    assert found["missing"]["secret"] == "failed"
    assert "grant secretsmanager:GetSecretValue" in found["missing"]["fix"]
    assert found["absent"]["fix"] == "check the path in `to`"
    assert found["slow"]["problem"] == "no result within 8 s"
    assert found["slow"]["tls"] == "-"
    assert "host and port" in found["refused"]["fix"]
    assert found["gone"]["fix"] == "check that the destination exists in ap-southeast-2"


def test_a_wrong_secret_is_a_permission_problem(local_aws: Reader, tmp_path: Path) -> None:
    """A secret that can be read and that the receiver refuses: secret ok, permission failed."""
    token = secret(local_aws, "check-wrong", "hunter2")
    with Receiver([Status(401)]) as receiver:
        config = sinks(
            f'[sinks.h]\nto = "{receiver.url}"\nauth = {{ type = "bearer", secret = "{token}" }}\n', tmp_path
        )
        code, found = rows(config)
    row = found["h"]
    assert (code, row["secret"], row["permission"]) == (1, "ok", "failed")
    assert "accepts the secret" in row["fix"]
    assert "hunter2" not in json.dumps(row)


def test_a_client_that_the_token_endpoint_refuses_is_a_secret_problem(
    local_aws: Reader, tmp_path: Path
) -> None:
    """The check gets a token first; if it gets none, nothing is sent, and the fix names the client."""
    client = secret(local_aws, "check-client", "hunter2")
    token = b'{"access_token":"t","token_type":"Bearer","expires_in":3599}'
    refused = Status(401, {}, b'{"error":"invalid_client"}')
    with Receiver([refused], then=Status(200, {}, token)) as server, Receiver() as receiver:
        path = sinks(
            f'[sinks.h]\nto = "{receiver.url}"\nauth = {{ type = "oauth2", token_url = "{server.url}", '
            f'client_id = "c", client_secret = "{client}" }}\n',
            tmp_path,
        )
        code, found = rows(path)
        assert (code, found["h"]["secret"]) == (1, "failed")
        assert "client_id" in found["h"]["fix"]
        assert receiver.requests == []
        code, found = rows(path)
        assert (code, found["h"]["secret"], found["h"]["permission"]) == (0, "ok", "ok")
        assert receiver.requests[0].headers["Authorization"] == "Bearer t"


def test_a_client_certificate_is_checked_before_it_is_shown(local_aws: Reader, tmp_path: Path) -> None:
    """A text that is not a certificate with its key is named, and the receiver gets no connection."""
    text = secret(local_aws, "check-certificate", "not a certificate")
    with Receiver(tls="localhost") as receiver:
        path = sinks(
            f'[sinks.h]\nto = "{receiver.url}"\nca_file = "{receiver.ca_file}"\n'
            f'client_certificate = {{ certificate = "{text}" }}\n',
            tmp_path,
        )
        code, found = rows(path)
        assert (code, found["h"]["secret"]) == (1, "failed")
        assert "BEGIN CERTIFICATE" in found["h"]["fix"]
        assert receiver.connections == 0


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_an_untrusted_certificate_is_named(dry_run: list[str], tmp_path: Path) -> None:
    """TLS fails with the fix, with and without --dry-run; with the CA it gives the version."""
    with Receiver(tls="localhost") as receiver:
        config = sinks(
            f'[sinks.bad]\nto = "{receiver.url}"\n'
            f'[sinks.good]\nto = "{receiver.url}"\nca_file = "{receiver.ca_file}"\n',
            tmp_path,
        )
        code, found = rows(config, *dry_run)
    assert (code, found["bad"]["tls"]) == (1, "failed")
    assert "ca_file" in found["bad"]["fix"]
    assert found["good"]["tls"].startswith("TLSv1.")


@pytest.mark.usefixtures("way")
def test_a_denied_send_names_the_action(stub: StubAws, tmp_path: Path) -> None:
    """A refused call names the IAM action and the ARN to grant, on both ways to call AWS."""
    stub.script("kinesis:us-west-2", Refuse(400, "AccessDeniedException"))
    code, found = rows(sinks(f'[sinks.k]\nto = "{STREAM}"\n', tmp_path))
    assert (code, found["k"]["permission"]) == (1, "failed")
    assert found["k"]["fix"].startswith(f"grant kinesis:PutRecords on {STREAM}")


@pytest.mark.parametrize("kind", ["firehose", "s3"])
def test_the_destination_of_receipts_is_checked(local_aws: Reader, kind: str, tmp_path: Path) -> None:
    """It gets an empty line, which readers skip; in a dry run, nothing."""
    stream, bucket = local_aws.delivery_stream()
    to = stream if kind == "firehose" else f"s3://{bucket}/receipts?region=ap-southeast-2"
    config = sinks(f'receipts = "{to}"\n[sinks.f]\nto = "file:{tmp_path}/out"\n', tmp_path)
    code, found = rows(config, "--dry-run")
    assert (code, local_aws.objects(bucket)) == (0, [])
    assert list(found) == ["f", "(receipts)"]
    code, found = rows(config)
    assert (code, found["(receipts)"]["permission"]) == (0, "ok")
    (written,) = local_aws.objects(bucket)
    assert (len(written) > 0, read(written)) == (True, [])


def test_a_bucket_of_receipts_that_is_absent_is_named(local_aws: Reader, tmp_path: Path) -> None:
    """A mistyped bucket fails the check although every sink is fine."""
    to = "s3://nobody-has-this-bucket/receipts?region=ap-southeast-2"
    code, found = rows(sinks(f'receipts = "{to}"\n[sinks.f]\nto = "file:{tmp_path}/out"\n', tmp_path))
    assert (code, found["f"]["problem"]) == (1, "")
    assert "check that the destination exists" in found["(receipts)"]["fix"]


def test_a_preset_checks_the_body_of_the_response(local_aws: Reader, tmp_path: Path) -> None:
    """The sink's own preset builds the request and judges the response: a proxy's page is not a delivery."""
    token = secret(local_aws, "check-hec", "hec")
    with Receiver([Status(200, {}, b"<html>"), Status(200, {}, b'{"text":"Success","code":0}')]) as receiver:
        config = sinks(
            f'[sinks.s]\nto = "{receiver.url}"\npreset = "splunk-hec"\nsecret = "{token}"\n', tmp_path
        )
        first, found = rows(config)
        second, _ = rows(config)
        assert receiver.requests[0].headers["Authorization"] == "Splunk hec"
        assert receiver.requests[0].json["event"]["eventSource"] == "trailforward.check-sinks"
    assert (first, second) == (1, 0)
    assert "check the URL in `to`" in found["s"]["fix"]


@pytest.mark.parametrize("format", ["raw", "record", "text", "slack", "cloudevents", "ocsf"])
def test_every_format_takes_the_test_event(format: str, tmp_path: Path) -> None:  # noqa: A002
    """The test event can be sent in every format."""
    config = sinks(f'[sinks.f]\nto = "file:{tmp_path}/out"\nformat = "{format}"\n', tmp_path)
    assert rows(config)[0] == 0
    assert b"test event" in (tmp_path / "out").read_bytes() or b"TestEvent" in (tmp_path / "out").read_bytes()


def test_an_event_over_the_limit_of_the_sink_fails(tmp_path: Path) -> None:
    """The sink's own limits apply to the test event."""
    config = sinks(f'[sinks.f]\nto = "file:{tmp_path}/out"\nlimits.max_entry_bytes = 100\n', tmp_path)
    code, found = rows(config)
    assert code == 1
    assert "over the limit of 100 bytes" in found["f"]["problem"]


def test_standard_output_stays_for_the_report() -> None:
    """A stdout: sink is not sent to, so that --json prints one JSON document."""
    code, found = rows(TRAILFORWARD_TO="stdout:")
    assert (code, list(found)) == (0, ["stdout"])


class _Iam(BaseHTTPRequestHandler):
    """STS and the policy simulator of IAM, which moto lacks."""

    decision = "allowed"

    def do_POST(self) -> None:  # name required by the base class
        """Responds like the API that the body names."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form["Action"] == ["GetCallerIdentity"]:
            arn = "arn:aws:sts::111122223333:assumed-role/forwarder/session"
            body = (
                '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
                f"<GetCallerIdentityResult><Arn>{arn}</Arn><UserId>A</UserId><Account>111122223333</Account>"
                "</GetCallerIdentityResult></GetCallerIdentityResponse>"
            )
        else:
            assert form["PolicySourceArn"] == ["arn:aws:iam::111122223333:role/forwarder"]
            assert form["ActionNames.member.1"] == ["kinesis:PutRecords"]
            assert form["ResourceArns.member.1"] == [STREAM]
            body = (
                '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
                "<SimulatePrincipalPolicyResult><EvaluationResults><member>"
                f"<EvalActionName>kinesis:PutRecords</EvalActionName><EvalDecision>{self.decision}</EvalDecision>"
                "</member></EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
            )
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@pytest.fixture
def iam(stub: StubAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Iam]]:
    """An IAM whose decision a test can set."""
    handler = type("_", (_Iam,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
        yield handler
        server.shutdown()


@pytest.mark.parametrize(
    ("decision", "code", "permission"),
    [("allowed", 0, "ok"), ("implicitDeny", 1, "failed"), ("explicitDeny", 1, "failed")],
)
def test_a_dry_run_asks_iam(
    iam: type[_Iam], tmp_path: Path, decision: str, code: int, permission: str
) -> None:
    """A dry run asks IAM's policy simulator for the role behind the session, and sends nothing."""
    iam.decision = decision
    status, found = rows(sinks(f'[sinks.k]\nto = "{STREAM}"\n', tmp_path), "--dry-run")
    assert (status, found["k"]["permission"]) == (code, permission)
