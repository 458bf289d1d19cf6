"""Requests are authenticated with a secret or a signature; a rejected secret is read again once."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.receiver import Receiver, Status
from tests.support.settings import read
from trailforward.errors import PermanentError, SecretError, SecretUnavailableError, SinkError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.http.sink import HttpSettings, HttpSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.receiver import Request

    MakeSink = Callable[..., HttpSink]

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf"
BEARER = {"type": "bearer", "secret": SECRET}
SIGV4 = {"type": "sigv4", "service": "execute-api", "region": "eu-west-1"}
EVENT = [Entry(b'{"a": 1.10}', "key")]


class Vault:
    """Rotating secrets: each read returns the next value, and then always the last one."""

    def __init__(self, *values: str | Exception) -> None:
        self.values = list(values)
        self.reads = 0
        self.lifetimes: set[float] = set()
        self.current = ""

    def get(self, reference: str, *, lifetime: float) -> str:
        """The current value."""
        self.lifetimes.add(lifetime)
        return self.current or self.renew(reference)

    def renew(self, reference: str, *, rejected: str | None = None) -> str:
        """The next value."""
        assert reference == SECRET
        assert rejected in {None, self.current}
        self.reads += 1
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        if isinstance(value, Exception):
            raise value
        self.current = value
        return value


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver without faults."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def make_sink(receiver: Receiver) -> Iterator[MakeSink]:
    """Creates sinks, and closes them after the test."""
    made = []

    def make(auth: dict[str, str] | None, vault: Vault | None = None, **settings: Any) -> HttpSink:
        model = read(HttpSettings, {"to": receiver.url, "auth": auth, **settings})
        made.append(HttpSink(model, secrets=vault))  # type: ignore[arg-type]  # a stand-in without AWS
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def failure(sink: HttpSink) -> SinkError:
    """The error that the next send raises."""
    with pytest.raises(SinkError) as caught:
        sink.send(EVENT)
    assert "hunter2" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("auth", "secret", "header", "value"),
    [
        (BEARER, "hunter2", "Authorization", "Bearer hunter2"),
        (BEARER, " hunter2\n", "Authorization", "Bearer hunter2"),
        ({"type": "header", "name": "DD-API-KEY", "secret": SECRET}, "hunter2\r\n", "DD-API-KEY", "hunter2"),
        (
            {"type": "header", "name": "Authorization", "secret": SECRET},
            "Splunk hunter2",
            "Authorization",
            "Splunk hunter2",
        ),
        (
            {"type": "basic", "username": "älice", "secret": SECRET},
            "hun:ter2 ",
            "Authorization",
            "Basic " + base64.b64encode("älice:hun:ter2 ".encode()).decode(),
        ),
    ],
)
def test_the_secret_is_sent_as_configured(
    make_sink: MakeSink, receiver: Receiver, auth: dict[str, str], secret: str, header: str, value: str
) -> None:
    """Each method sets one header; spaces and line breaks around tokens are removed."""
    vault = Vault(secret)
    sink = make_sink(auth, vault, secret_lifetime_seconds=60)
    sink.send(EVENT)
    sink.send(EVENT)
    assert [request.headers[header] for request in receiver.requests] == [value, value]
    assert (vault.reads, vault.lifetimes) == (1, {60.0})


@pytest.mark.parametrize("secret", ["hunter2\r\nX-Evil: 1", "hunter2\x00", "hunter2 ☃", "", " \n"])
@pytest.mark.parametrize("kind", [{"type": "bearer"}, {"type": "header", "name": "X-Key"}])
def test_a_secret_that_is_not_a_valid_header_is_an_error(
    make_sink: MakeSink, receiver: Receiver, kind: dict[str, str], secret: str
) -> None:
    """A secret with a line break, or an empty one, is an error that contains its ARN and not its value."""
    error = failure(make_sink({**kind, "secret": SECRET}, Vault(secret)))
    assert isinstance(error, PermanentError)
    assert error.code == "secret"
    assert SECRET in str(error)
    assert receiver.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_rotated_secret_is_read_again(make_sink: MakeSink, receiver: Receiver, status: int) -> None:
    """If the receiver rejects the secret and a newer one is found, the batch is sent again with that one."""
    receiver.script(Status(status))
    sink = make_sink(BEARER, Vault("old-hunter2", "new-hunter2"))
    error = failure(sink)
    assert isinstance(error, TransientError)
    assert error.code == f"http_{status}"
    assert sink.send(EVENT) == []
    sent = [request.headers["Authorization"] for request in receiver.requests]
    assert sent == ["Bearer old-hunter2", "Bearer new-hunter2"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_new_secret_that_is_rejected_is_permanent(
    make_sink: MakeSink, receiver: Receiver, status: int
) -> None:
    """If the new secret is rejected as well, the error is permanent; a 403 may be an event's fault."""
    receiver.script(Status(status), Status(status))
    sink = make_sink(BEARER, Vault("old-hunter2", "new-hunter2"))
    assert isinstance(failure(sink), TransientError)
    error = failure(sink)
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == (f"http_{status}", status == 403)


def test_a_rejected_secret_that_has_not_changed_is_permanent(make_sink: MakeSink, receiver: Receiver) -> None:
    """If the secret has not changed since it was rejected, the error is permanent."""
    receiver.script(Status(401))
    vault = Vault("hunter2")
    assert isinstance(failure(make_sink(BEARER, vault)), PermanentError)
    assert vault.reads == 2


@pytest.mark.parametrize("first", [(), ("hunter2",)])
@pytest.mark.parametrize(
    ("raised", "kind"),
    [(SecretUnavailableError("throttled"), TransientError), (SecretError("denied"), PermanentError)],
)
def test_an_unreadable_secret_fails_the_batch(
    make_sink: MakeSink, receiver: Receiver, first: tuple[str], raised: Exception, kind: type[SinkError]
) -> None:
    """A temporarily unavailable secret is a transient error; a missing or forbidden one is permanent."""
    receiver.script(Status(401))
    error = failure(make_sink(BEARER, Vault(*first, raised)))
    assert isinstance(error, kind)
    assert error.code == "secret"
    assert len(receiver.requests) == len(first)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials as in a Lambda function."""
    values = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_SESSION_TOKEN": "hunter2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def expected_signature(request: Request, port: int, service: str) -> str:
    """The signature, computed only from the request that arrived."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    signed = request.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    url = f"http://127.0.0.1:{port}{request.path}"
    again = AWSRequest("POST", url, data=request.body)
    for name in signed:
        again.headers[name] = request.headers[name]
    again.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI"), service, "eu-west-1")
    canonical = signer.canonical_request(again)
    return str(signer.signature(signer.string_to_sign(again, canonical), again))


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    "path", ["/in", "/prod/_bulk/", "/a.b-c~d", "/.well-known/x", "/prod/a%20b//c?x=1&b=%2F&a", ""]
)
@pytest.mark.parametrize("gzip", [False, True])
def test_a_signature_matches_the_request_that_arrived(
    make_sink: MakeSink, receiver: Receiver, path: str, *, gzip: bool
) -> None:
    """A receiver that computes SigV4 from the request gets the same signature."""
    to = f"http://127.0.0.1:{receiver.port}{path}"
    sink = make_sink(SIGV4, to=to, gzip=gzip, headers={"X-Tenant": "blue"})
    assert sink.send(EVENT) == []
    (request,) = receiver.requests
    authorization = request.headers["Authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/execute-api/aws4_request" in authorization
    for name in (
        "content-type",
        "host",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
        "x-tenant",
    ):
        assert name in authorization
    assert request.headers["X-Amz-Security-Token"] == "hunter2"
    assert request.headers["X-Amz-Content-SHA256"] == hashlib.sha256(request.body).hexdigest()
    assert authorization.endswith("Signature=" + expected_signature(request, receiver.port, "execute-api"))


@pytest.mark.usefixtures("credentials")
def test_credentials_that_botocore_finds_are_used(
    make_sink: MakeSink, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without credentials in the environment, those in the credentials file sign."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = wJalrXUtnFEMI\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert make_sink(SIGV4).send(EVENT) == []
    (request,) = receiver.requests
    signature = expected_signature(request, receiver.port, "execute-api")
    assert request.headers["Authorization"].endswith(f"Signature={signature}")


@pytest.mark.usefixtures("credentials")
def test_a_canonical_url_is_signed_without_botocore(receiver: Receiver) -> None:
    """With credentials in the environment, signing does not import botocore."""
    code = """
import sys
from trailforward.formats import load
from trailforward.sinks.base import Entry
from trailforward.sinks.http.auth import SigV4Auth
from trailforward.sinks.http.sink import HttpSettings, HttpSink
auth = SigV4Auth(type="sigv4", service="execute-api", region="eu-west-1")
sink = HttpSink(HttpSettings(to=sys.argv[1], auth=auth))
assert sink.send([Entry(b"{}", "key")]) == []
sink.close()
print(sorted({"boto3", "botocore", "urllib3"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, receiver.url], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    (request,) = receiver.requests
    signature = expected_signature(request, receiver.port, "execute-api")
    assert request.headers["Authorization"].endswith(f"Signature={signature}")


@pytest.mark.usefixtures("credentials")
def test_a_rejected_signature_is_retried_with_new_credentials(
    make_sink: MakeSink, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the credentials have changed after a rejection, the error is transient, otherwise permanent."""
    receiver.script(Status(200), Status(403), Status(403))
    sink = make_sink(SIGV4)
    sink.send(EVENT)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another-hunter2")
    assert isinstance(failure(sink), TransientError)
    assert isinstance(failure(sink), PermanentError)
    tokens = [request.headers["X-Amz-Security-Token"] for request in receiver.requests]
    assert tokens == ["hunter2", "hunter2", "another-hunter2"]


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("broken", ["none", "partial", "profile"])
def test_without_credentials_nothing_is_sent(
    make_sink: MakeSink, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Missing or incomplete credentials are a permanent error."""
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    if broken != "partial":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    if broken == "profile":
        monkeypatch.setenv("AWS_PROFILE", "nobody")
    error = failure(make_sink(SIGV4))
    assert isinstance(error, PermanentError)
    assert error.code == "NoCredentials"
    assert receiver.requests == []


@pytest.mark.usefixtures("credentials")
def test_credentials_that_are_temporarily_unavailable_are_transient(
    make_sink: MakeSink, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If a credential source fails, the next attempt reads it again."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    error = failure(make_sink(SIGV4))
    assert isinstance(error, TransientError)
    assert error.code == "credentials"
    assert receiver.requests == []
