"""Secrets are read from AWS by reference, in their own Region, kept for a while, and never told."""

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

#: Not the Region that the environment names.
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
    """Dummy credentials, and no way out."""
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
    """Makes a secret and returns its ARN."""
    arn: str = client("secretsmanager").create_secret(Name=name, **value)["ARN"]
    return arn


def parameter(name: str, value: str, kind: str = "SecureString") -> str:
    """Makes a parameter and returns its ARN."""
    client("ssm").put_parameter(Name=name, Value=value, Type=kind)
    return f"arn:aws:ssm:{REGION}:123456789012:parameter/{name.lstrip('/')}"


class Clock:
    """A clock that tests move."""

    now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_a_secret_is_read_in_the_region_of_its_arn() -> None:
    """The Region of the environment does not matter: each secret is read where its ARN says."""
    assert Secrets().get(secret("plain", SecretString="s3cret")) == "s3cret"


def test_a_binary_secret_that_is_text_is_text() -> None:
    """A secret stored as binary is read as UTF-8."""
    assert Secrets().get(secret("binary", SecretBinary="bücher".encode())) == "bücher"


def test_one_value_is_taken_out_of_a_json_secret() -> None:
    """ARN#KEY is one value of a JSON secret, exactly as stored."""
    arn = secret("json", SecretString=json.dumps({"user": "alice", "token": " s3cret "}))
    assert Secrets().get(f"{arn}#token") == " s3cret "


def test_parameters_are_read_by_arn_and_decrypted() -> None:
    """SecureString and String parameters work by their ARN, in JSON or plain, however deep their path."""
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
def test_a_secret_of_the_wrong_shape_is_named_but_not_told(
    value: dict[str, Any], key: str, what: str
) -> None:
    """The error names the secret's ARN and what to do, and never holds the value."""
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
def test_a_secret_that_is_not_there_says_what_to_grant(arn: str, action: str, code: str) -> None:
    """A missing or forbidden secret is an error that names the ARN, AWS's code and the permission."""
    with pytest.raises(SecretError) as caught:
        Secrets().get(arn)
    assert not isinstance(caught.value, SecretUnavailableError)
    for part in (arn, action, code, "kms:Decrypt"):
        assert part in str(caught.value)


def answering(*faults: Any) -> Receiver:
    """Something in place of AWS that answers with faults."""
    return Receiver(faults)


def aws_error(status: int, code: str) -> Status:
    """An error as AWS's JSON services send it."""
    body = json.dumps({"__type": code, "message": "no"}).encode()
    return Status(status, {"Content-Type": "application/x-amz-json-1.1"}, body)


def value(text: str) -> Status:
    """GetSecretValue's answer."""
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
def test_throttling_is_told_apart_from_refusal(monkeypatch: pytest.MonkeyPatch, fault: Status) -> None:
    """What passes by itself has an exception type of its own, and is asked once, not over and over."""
    with answering(fault) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        with pytest.raises(SecretUnavailableError, match=ARN):
            Secrets().get(ARN)
        assert len(receiver.requests) == 1


@pytest.mark.parametrize("code", ["AccessDeniedException", "DecryptionFailure", "InvalidRequestException"])
def test_refusals_stay(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """A forbidden, undecryptable or deleted secret is an error until somebody puts it right."""
    with answering(aws_error(400, code)) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        with pytest.raises(SecretError, match=code) as caught:
            Secrets().get(ARN)
        assert not isinstance(caught.value, SecretUnavailableError)


def test_nobody_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A VPC without an endpoint for Secrets Manager is an error soon, not a hang."""
    with answering() as receiver:
        port = receiver.port
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(SecretUnavailableError, match=ARN):
        Secrets(connect_timeout=0.2).get(ARN)


def test_an_empty_secret_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret without a value is an error, instead of an empty password."""
    with answering(value("")) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        with pytest.raises(SecretError, match="is empty"):
            Secrets().get(ARN)


def test_a_secret_is_kept_for_its_lifetime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within its lifetime a secret costs one call; later, or when the clock jumps back, it is read again."""
    clock = Clock()
    with answering(value("one"), value("two"), value("three")) as receiver:
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


def test_the_old_value_serves_while_aws_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a secret cannot be read again for a passing reason, the old one serves, and is retried in 30 s."""
    clock = Clock()
    script = [value("one"), aws_error(400, "ThrottlingException"), value("two")]
    with answering(*script) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        secrets = Secrets(clock=clock)
        secrets.get(ARN)
        clock.now += 301
        assert [secrets.get(ARN), secrets.get(ARN)] == ["one", "one"]
        assert len(receiver.requests) == 2
        clock.now += 31
        assert secrets.get(ARN) == "two"


def test_a_secret_that_was_taken_away_does_not_serve_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """When access was revoked, the old value is not used after its lifetime."""
    clock = Clock()
    with answering(value("one"), aws_error(400, "AccessDeniedException")) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        secrets = Secrets(clock=clock)
        secrets.get(ARN, lifetime=5)
        clock.now += 6
        with pytest.raises(SecretError, match="AccessDenied"):
            secrets.get(ARN, lifetime=5)


def test_renewing_reads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused secret is read again whatever its age, unless another thread has already done so."""
    with answering(value("one"), value("two")) as receiver:
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
    """Threads that need the same secret at once wait for one call."""
    with answering(value("one")) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        secrets = Secrets()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: secrets.get(ARN), range(8))) == {"one"}
        assert len(receiver.requests) == 1


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without botocore, the error has the command to type."""
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.config", None)
    with pytest.raises(MissingExtraError, match=r"secretsmanager.* pip install 'trailforward\[aws\]'"):
        Secrets().get(ARN)


def test_a_reference_is_an_arn_and_perhaps_a_key() -> None:
    """The part after # is the key; colons and slashes belong to the ARN."""
    arn, key = Reference.parse("arn:aws:ssm:eu-west-1:123456789012:parameter/a/b:3#c/d")
    assert (arn.resource, key) == ("parameter/a/b:3", "c/d")
