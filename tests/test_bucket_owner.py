"""Buckets must belong to the account that the configuration expects (S3's ``ExpectedBucketOwner``)."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.support.aws import point_at
from trailforward import Config, ConfigError
from trailforward.aws.objects import Objects, S3Object
from trailforward.cli.iam import policy
from trailforward.errors import EventError, PermanentError
from trailforward.sinks.base import Entry
from trailforward.sinks.s3 import S3Settings, S3Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER, OTHER = "111122223333", "123456789012"
CONFIG = '[sinks.out]\nto = "stdout:"\n'


class _S3(BaseHTTPRequestHandler):
    """An S3 whose buckets belong to OWNER, and an STS that says in which account the caller is."""

    protocol_version = "HTTP/1.1"
    account = OWNER
    sts_status = 200
    asked = 0

    def do_GET(self) -> None:
        """Returns the configuration, unless another owner is expected."""
        self._respond(CONFIG)

    def do_PUT(self) -> None:
        """Stores nothing, but checks the owner."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._respond("")

    def do_POST(self) -> None:
        """STS: names the caller."""
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).asked += 1
        arn = f"arn:aws:sts::{self.account}:assumed-role/forwarder/session"
        self._send(
            self.sts_status,
            '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<GetCallerIdentityResult><Arn>{arn}</Arn><UserId>A</UserId><Account>{self.account}</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>",
        )

    def _respond(self, body: str) -> None:
        if self.headers.get("x-amz-expected-bucket-owner", OWNER) == OWNER:
            self._send(200, body)
        else:
            self._send(403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")

    def _send(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"0"')
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_S3]]:
    """The server, to which every client in this process is pointed."""
    handler = type("Handler", (_S3,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        point_at(f"http://127.0.0.1:{server.server_address[1]}", monkeypatch)
        yield handler
        server.shutdown()


def load(where: str) -> Config:
    """The configuration that a function reads."""
    return Config.from_env({"TRAILFORWARD_CONFIG": where, "AWS_REGION": "eu-west-1"})


def test_the_configuration_comes_from_the_accounts_own_bucket(s3: type[_S3]) -> None:
    """By default, the bucket must belong to the function's account, which STS names."""
    assert list(load("s3://config/a/b.toml").sinks) == ["out"]
    assert s3.asked == 1


def test_a_configuration_bucket_of_somebody_else_is_refused(s3: type[_S3]) -> None:
    """A configuration in a bucket of another account is not read, and the error names the owner."""
    s3.account = OTHER
    with pytest.raises(ConfigError, match=f"AccessDenied.*that account {OTHER} owns the bucket") as caught:
        load("s3://config/a/b.toml")
    assert "append ?owner=ACCOUNT" in str(caught.value)


def test_the_owner_of_the_configuration_can_be_named(s3: type[_S3]) -> None:
    """With ``?owner=``, STS is not asked, and the bucket may be in another account than the function."""
    s3.account = OTHER
    assert list(load(f"s3://config/a/b.toml?owner={OWNER}").sinks) == ["out"]
    assert s3.asked == 0
    with pytest.raises(ConfigError, match="AccessDenied"):
        load(f"s3://config/a/b.toml?owner={OTHER}")


def test_without_sts_the_error_names_both_fixes(s3: type[_S3]) -> None:
    """If STS does not respond, the bucket is not read unchecked."""
    s3.sts_status = 503
    with pytest.raises(ConfigError, match=r"cannot ask STS.*\?owner=ACCOUNT.*make STS reachable"):
        load("s3://config/a/b.toml")


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("s3://config", "no bucket or no key"),
        ("s3://config/", "no bucket or no key"),
        ("s3://config/k?owner=me", "not an account ID of 12 digits"),
    ],
)
def test_a_malformed_place_is_refused(where: str, text: str) -> None:
    """An owner that is not an account ID is an error, not a part of the key."""
    with pytest.raises(ConfigError, match=text):
        load(where)


def test_a_sink_writes_only_to_its_owners_bucket(s3: type[_S3]) -> None:
    """With ``owner``, an upload to a bucket of another account is refused, and the error names ``owner``."""
    del s3
    batch = [Entry(b"{}", "key")]
    to = "s3://lake/trail?region=eu-west-1"
    for owner in (None, OWNER):
        assert S3Sink(S3Settings(to=to, owner=owner)).send(batch) == []
    with pytest.raises(PermanentError, match=f"AccessDenied.*does not belong to {OTHER}.*`owner`"):
        S3Sink(S3Settings(to=to, owner=OTHER)).send(batch)


def test_log_files_come_only_from_their_owners_bucket(s3: type[_S3]) -> None:
    """``bucket_owners`` applies to the buckets that it names, and to no others."""
    del s3
    objects = Objects({"mine": OWNER, "taken": OTHER})
    for name in ("mine", "unlisted"):
        assert b"".join(objects(S3Object(name, "k", "eu-west-1"))) == CONFIG.encode()
    with pytest.raises(EventError, match=f"AccessDenied.*does not belong to {OTHER}.*bucket_owners"):
        list(objects(S3Object("taken", "k", "eu-west-1")))
    objects.close()


def test_owners_are_account_ids() -> None:
    """Both settings accept an account ID of 12 digits in quotes, and nothing else."""
    sink = '[sinks.s]\nto = "s3://lake/x?region=eu-west-1"\n'
    config = Config.from_toml(f'bucket_owners = {{ trail = "{OWNER}" }}\n{sink}owner = "{OTHER}"\n')
    assert config.pipeline.bucket_owners == {"trail": OWNER}
    with pytest.raises(ConfigError, match=r"bucket_owners\.trail: malformed"):
        Config.from_toml(f'bucket_owners = {{ trail = "me" }}\n{sink}')
    with pytest.raises(ConfigError, match=r"sinks\.s\.owner: not a string"):
        Config.from_toml(f"{sink}owner = {OWNER}\n")


def test_the_policy_does_not_change_with_an_owner() -> None:
    """The IAM policy names the object, without the owner."""
    document, _ = policy(Config.from_toml(CONFIG), where=f"s3://config/a.toml?owner={OWNER}")
    (statement,) = document["Statement"]
    assert statement["Resource"] == "arn:aws:s3:::config/a.toml"
