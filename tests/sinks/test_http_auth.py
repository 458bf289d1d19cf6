"""Who sends is shown by a secret or a signature; a refused secret is read again before giving up."""

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
    """Secrets that rotate: each reading gives the next value; the last one stays."""

    def __init__(self, *values: str | Exception) -> None:
        self.values = list(values)
        self.readings = 0
        self.lifetimes: set[float] = set()
        self.current = ""

    def get(self, reference: str, *, lifetime: float) -> str:
        """The current one."""
        self.lifetimes.add(lifetime)
        return self.current or self.renew(reference)

    def renew(self, reference: str, *, rejected: str | None = None) -> str:
        """The next one."""
        assert reference == SECRET
        assert rejected in {None, self.current}
        self.readings += 1
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        if isinstance(value, Exception):
            raise value
        self.current = value
        return value


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def make_sink(receiver: Receiver) -> Iterator[MakeSink]:
    """Makes sinks and closes them in the end."""
    made = []

    def make(auth: dict[str, str] | None, vault: Vault | None = None, **settings: Any) -> HttpSink:
        model = read(HttpSettings, {"to": receiver.url, "auth": auth, **settings})
        made.append(HttpSink(model, secrets=vault))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def failure(sink: HttpSink) -> SinkError:
    """What the next send raises."""
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
def test_the_secret_is_shown_as_asked(
    make_sink: MakeSink, receiver: Receiver, auth: dict[str, str], secret: str, header: str, value: str
) -> None:
    """Each way of showing a secret writes one header; the blanks that files add to tokens are left out."""
    vault = Vault(secret)
    sink = make_sink(auth, vault, secret_lifetime_seconds=60)
    sink.send(EVENT)
    sink.send(EVENT)
    assert [request.headers[header] for request in receiver.requests] == [value, value]
    assert (vault.readings, vault.lifetimes) == (1, {60.0})


@pytest.mark.parametrize("secret", ["hunter2\r\nX-Evil: 1", "hunter2\x00", "hunter2 ☃", "", " \n"])
@pytest.mark.parametrize("kind", [{"type": "bearer"}, {"type": "header", "name": "X-Key"}])
def test_a_secret_that_no_header_can_hold_is_not_told(
    make_sink: MakeSink, receiver: Receiver, kind: dict[str, str], secret: str
) -> None:
    """A secret with a line break, or an empty one, is an error that names its ARN and not its value."""
    error = failure(make_sink({**kind, "secret": SECRET}, Vault(secret)))
    assert isinstance(error, PermanentError)
    assert error.code == "secret"
    assert SECRET in str(error)
    assert receiver.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_rotated_secret_is_read_again(make_sink: MakeSink, receiver: Receiver, status: int) -> None:
    """When the receiver refuses the secret and a newer one is found, the batch is tried again with that."""
    receiver.script(Status(status))
    sink = make_sink(BEARER, Vault("old-hunter2", "new-hunter2"))
    error = failure(sink)
    assert isinstance(error, TransientError)
    assert error.code == f"http_{status}"
    assert sink.send(EVENT) == []
    shown = [request.headers["Authorization"] for request in receiver.requests]
    assert shown == ["Bearer old-hunter2", "Bearer new-hunter2"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_secret_refused_after_rereading_is_permanent(
    make_sink: MakeSink, receiver: Receiver, status: int
) -> None:
    """When the secret just read is refused, too, the batch is given up whole: splitting would not help."""
    receiver.script(Status(status), Status(status))
    sink = make_sink(BEARER, Vault("old-hunter2", "new-hunter2"))
    assert isinstance(failure(sink), TransientError)
    error = failure(sink)
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == (f"http_{status}", False)


def test_an_unchanged_secret_is_permanent_at_once(make_sink: MakeSink, receiver: Receiver) -> None:
    """When reading again gives the secret that was refused, trying again is pointless."""
    receiver.script(Status(401))
    vault = Vault("hunter2")
    assert isinstance(failure(make_sink(BEARER, vault)), PermanentError)
    assert vault.readings == 2


@pytest.mark.parametrize("first", [(), ("hunter2",)])
@pytest.mark.parametrize(
    ("raised", "kind"),
    [(SecretUnavailableError("throttled"), TransientError), (SecretError("denied"), PermanentError)],
)
def test_an_unreadable_secret_fails_the_batch(
    make_sink: MakeSink, receiver: Receiver, first: tuple[str], raised: Exception, kind: type[SinkError]
) -> None:
    """A secret that cannot be read now is tried again, one that is missing or forbidden is not."""
    receiver.script(Status(401))
    error = failure(make_sink(BEARER, Vault(*first, raised)))
    assert isinstance(error, kind)
    assert error.code == "secret"
    assert len(receiver.requests) == len(first)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials as Lambda has them."""
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
    """The Authorization header, computed from nothing but what arrived."""
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
def test_a_signature_fits_what_arrived(
    make_sink: MakeSink, receiver: Receiver, path: str, *, gzip: bool
) -> None:
    """A receiver that computes SigV4 from the request as it arrived finds the same signature."""
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
def test_credentials_that_botocore_finds_sign_too(
    make_sink: MakeSink, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the environment has no credentials, those of the user's file do."""
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
def test_a_plain_url_is_signed_without_botocore(receiver: Receiver) -> None:
    """With credentials in the environment, a function that signs its requests never pays for botocore."""
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
def test_a_refused_signature_is_tried_again_with_new_credentials(
    make_sink: MakeSink, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that ran out are looked up again; the same ones refused are permanent."""
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
    """Absent or incomplete credentials are an error of the set-up."""
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
def test_credentials_that_cannot_be_renewed_now_are_transient(
    make_sink: MakeSink, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A credential source that fails for the moment is asked again with the next attempt."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    error = failure(make_sink(SIGV4))
    assert isinstance(error, TransientError)
    assert error.code == "credentials"
    assert receiver.requests == []
