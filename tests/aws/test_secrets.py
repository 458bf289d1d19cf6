"""Secrets are read by reference in their own Region, cached, and never shown in errors."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from moto.server import ThreadedMotoServer

from tests.support.receiver import Receiver, Status
from trailforward.aws.secrets import Reference, Secrets
from trailforward.errors import MissingExtraError, SecretError, SecretUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Not the Region in the environment.
REGION = "ap-southeast-2"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """Moto's server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield f"http://localhost:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture(autouse=True)
def environment(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dummy credentials, and no access to real AWS."""
    values = {
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def client(service: str) -> Any:
    """A client of moto."""
    import boto3

    return boto3.client(service, region_name=REGION)


def secret(name: str, **value: Any) -> str:
    """Creates a secret and returns its ARN."""
    arn: str = client("secretsmanager").create_secret(Name=name, **value)["ARN"]
    return arn


def parameter(name: str, value: str, kind: str = "SecureString") -> str:
    """Creates a parameter and returns its ARN."""
    client("ssm").put_parameter(Name=name, Value=value, Type=kind)
    return f"arn:aws:ssm:{REGION}:123456789012:parameter/{name.lstrip('/')}"


class Clock:
    """A clock that tests set."""

    now = 1000.0

    def __call__(self) -> float:
        """The current time in seconds."""
        return self.now


def test_a_secret_is_read_in_the_region_of_its_arn() -> None:
    """Each secret is read in the Region of its ARN, whatever the Region in the environment."""
    assert Secrets().get(secret("plain", SecretString="s3cret")) == "s3cret"


def test_a_binary_secret_is_decoded() -> None:
    """A binary secret is decoded as UTF-8."""
    assert Secrets().get(secret("binary", SecretBinary="bücher".encode())) == "bücher"


def test_a_key_selects_a_value_of_a_json_secret() -> None:
    """ARN#KEY selects one value of a JSON secret, exactly as stored."""
    arn = secret("json", SecretString=json.dumps({"user": "alice", "token": " s3cret "}))
    assert Secrets().get(f"{arn}#token") == " s3cret "


def test_parameters_are_read_by_arn_and_decrypted() -> None:
    """SecureString and String parameters work, as plain text or JSON, with any path."""
    secrets = Secrets()
    assert secrets.get(parameter("/siem/deep/token", "s3cret")) == "s3cret"
    assert secrets.get(parameter("flat", '{"token":"t0ken"}', "String") + "#token") == "t0ken"


@pytest.mark.parametrize(
    ("value", "key", "what"),
    [
        ({"SecretString": '{"token":"hunter2"}'}, "", "Fix: select a value"),
        (
            {"SecretString": '{"token":"hunter2"}'},
            "#hidden",
            "not a JSON object with a string under the key 'hidden'",
        ),
        ({"SecretString": '{"token":["hunter2"]}'}, "#token", "not a JSON object"),
        ({"SecretString": '["hunter2"]'}, "#token", "not a JSON object"),
        ({"SecretString": "hunter2"}, "#token", "not a JSON object"),
        ({"SecretString": "[" * 5000}, "#token", "not a JSON object"),
        ({"SecretBinary": b"hunter2\xff"}, "", "not text"),
    ],
)
def test_errors_about_invalid_secrets_name_the_arn_and_not_the_value(
    value: dict[str, Any], key: str, what: str
) -> None:
    """The error contains the secret's ARN and the fix, and never the value."""
    arn = secret(f"shape-{threading.get_ident()}-{hash((str(value), key))}", **value)
    with pytest.raises(SecretError, match=what) as caught:
        Secrets().get(arn + key)
    assert arn in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("arn", "action", "code"),
    [
        (
            f"arn:aws:secretsmanager:{REGION}:123456789012:secret:none",
            "secretsmanager:GetSecretValue",
            "ResourceNotFoundException",
        ),
        (f"arn:aws:ssm:{REGION}:123456789012:parameter/none", "ssm:GetParameter", "ParameterNotFound"),
    ],
)
def test_a_missing_secret_error_names_the_permission(arn: str, action: str, code: str) -> None:
    """The error about a missing secret contains the ARN, AWS's code, and the permission to grant."""
    with pytest.raises(SecretError) as caught:
        Secrets().get(arn)
    assert not isinstance(caught.value, SecretUnavailableError)
    for part in (arn, action, code, "kms:Decrypt"):
        assert part in str(caught.value)


def stub(*faults: Any) -> Receiver:
    """A server instead of AWS that follows a script."""
    return Receiver(faults)


def aws_error(status: int, code: str) -> Status:
    """An error in AWS's JSON format."""
    body = json.dumps({"__type": code, "message": "no"}).encode()
    return Status(status, {"Content-Type": "application/x-amz-json-1.1"}, body)


def value(text: str) -> Status:
    """A response of GetSecretValue."""
    return Status(
        200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"SecretString": text}).encode()
    )


ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:siem"


@pytest.mark.parametrize(
    "fault",
    [
        aws_error(400, "ThrottlingException"),
        aws_error(500, "InternalServiceError"),
        aws_error(503, "SlowDown"),
    ],
)
def test_transient_errors_have_their_own_exception(monkeypatch: pytest.MonkeyPatch, fault: Status) -> None:
    """A transient error raises ``SecretUnavailableError`` after a single request."""
    with stub(fault) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        with pytest.raises(SecretUnavailableError, match=ARN):
            Secrets().get(ARN)
        assert len(receiver.requests) == 1


@pytest.mark.parametrize("code", ["AccessDeniedException", "DecryptionFailure", "InvalidRequestException"])
def test_permanent_errors_do_not_count_as_unavailable(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """A forbidden, undecryptable, or deleted secret is not reported as temporarily unavailable."""
    with stub(aws_error(400, code)) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        with pytest.raises(SecretError, match=code) as caught:
            Secrets().get(ARN)
        assert not isinstance(caught.value, SecretUnavailableError)


def test_an_unreachable_service_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Secrets Manager is unreachable, for example from a VPC, the call fails quickly."""
    with stub() as receiver:
        port = receiver.port
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(SecretUnavailableError, match=ARN):
        Secrets(connect_timeout=0.2).get(ARN)


def test_an_empty_secret_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty secret raises an error and is never used as an empty password."""
    with stub(value("")) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        with pytest.raises(SecretError, match="is empty"):
            Secrets().get(ARN)


def test_a_secret_is_cached_for_its_lifetime(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret is read once per lifetime; it is read again later, or if the clock goes back."""
    clock = Clock()
    with stub(value("one"), value("two"), value("three")) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        secrets = Secrets(clock=clock)
        assert [secrets.get(ARN), secrets.get(ARN)] == ["one", "one"]
        clock.now += 299
        assert secrets.get(ARN) == "one"
        clock.now += 1
        assert secrets.get(ARN) == "two"
        clock.now -= 10
        assert secrets.get(ARN) == "three"
        assert len(receiver.requests) == 3


def test_the_old_value_is_used_after_a_transient_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a refresh fails with a transient error, the old value is used for another 30 s."""
    clock = Clock()
    script = [value("one"), aws_error(400, "ThrottlingException"), value("two")]
    with stub(*script) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        secrets = Secrets(clock=clock)
        secrets.get(ARN)
        clock.now += 301
        assert [secrets.get(ARN), secrets.get(ARN)] == ["one", "one"]
        assert len(receiver.requests) == 2
        clock.now += 31
        assert secrets.get(ARN) == "two"


def test_a_revoked_secret_is_not_used_after_its_lifetime(monkeypatch: pytest.MonkeyPatch) -> None:
    """If access was revoked, the old value is not used after its lifetime."""
    clock = Clock()
    with stub(value("one"), aws_error(400, "AccessDeniedException")) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        secrets = Secrets(clock=clock)
        secrets.get(ARN, lifetime=5)
        clock.now += 6
        with pytest.raises(SecretError, match="AccessDenied"):
            secrets.get(ARN, lifetime=5)


def test_renewing_reads_the_secret_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rejected secret is read again at any age, unless another thread has already done so."""
    with stub(value("one"), value("two")) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        secrets = Secrets()
        secrets.get(ARN)
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda _: secrets.renew(ARN, rejected="one"), range(8))) == ["two"] * 8
        assert secrets.get(ARN) == "two"
        assert len(receiver.requests) == 2
        receiver.script(value("three"))
        assert secrets.renew(ARN) == "three"


def test_threads_share_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that need the same secret at the same time share one call."""
    with stub(value("one")) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        secrets = Secrets()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: secrets.get(ARN), range(8))) == {"one"}
        assert len(receiver.requests) == 1


def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without botocore, the error contains the command that installs it."""
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.config", None)
    with pytest.raises(MissingExtraError, match=r"secretsmanager.* pip install 'trailforward\[aws\]'"):
        Secrets().get(ARN)


def test_a_reference_is_an_arn_and_perhaps_a_key() -> None:
    """Everything after # is the key; colons and slashes before it belong to the ARN."""
    arn, key = Reference.parse("arn:aws:ssm:eu-west-1:123456789012:parameter/a/b:3#c/d")
    assert (arn.resource, key) == ("parameter/a/b:3", "c/d")
