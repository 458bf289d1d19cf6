"""Mutual TLS: certificate and key come from secrets, are never left on a disk, and follow a rotation."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.support.proxy import TunnelProxy
from tests.support.receiver import Receiver
from tests.support.settings import read
from trailforward import Config, ConfigError
from trailforward.aws.secrets import Secrets
from trailforward.errors import PermanentError, SecretUnavailableError, SinkError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.http import mutual_tls
from trailforward.sinks.http.sink import HttpSettings, HttpSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENT = [Entry(b"{}", "k")]
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:client-AbCdEf"


class Values(Secrets):
    """Secrets with the values of a dict, by the key after ``#``."""

    def __init__(self, **values: str) -> None:
        super().__init__()
        self.values = values
        self.reads = 0

    def _fetch(self, text: str) -> str:
        self.reads += 1
        value = self.values[text.partition("#")[2]]
        if value == "unavailable":
            raise SecretUnavailableError("cannot read at the moment")
        return value


class Mutual(Receiver):
    """A receiver that requires a client certificate of its own CA."""

    def __init__(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        super().__init__(tls="localhost")
        self.clients = trustme.CA()
        assert self._tls is not None
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._tls.maximum_version = version
        self.clients.configure_trust(self._tls)

    def issue(self) -> tuple[str, str]:
        """A client's certificate and key."""
        return pem(self.clients)


def pem(authority: trustme.CA) -> tuple[str, str]:
    """A new certificate and its key."""
    issued = authority.issue_cert("client@example.com")
    chain = "".join(blob.bytes().decode() for blob in issued.cert_chain_pems)
    return chain, issued.private_key_pem.bytes().decode()


def encrypted(key: str, password: str) -> str:
    """The key in encrypted PKCS#8, as AWS Certificate Manager exports it."""
    loaded = serialization.load_pem_private_key(key.encode(), None)
    how = serialization.BestAvailableEncryption(password.encode())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return loaded.private_bytes(*form, how).decode()


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Mutual]:
    """A receiver that requires a client certificate."""
    with Mutual(request.param) as receiver:
        yield receiver


ONE = {"certificate": f"{ARN}#both"}
TWO = {"certificate": f"{ARN}#cert", "private_key": f"{ARN}#key"}
THREE = {**TWO, "password": f"{ARN}#pass"}


@pytest.fixture
def make() -> Iterator[Callable[..., HttpSink]]:
    """Makes sinks, and closes them."""
    made: list[HttpSink] = []

    def sink(receiver: Receiver, references: dict[str, str], secrets: Secrets, **more: Any) -> HttpSink:
        table = {
            "to": receiver.url,
            "ca_file": receiver.ca_file,
            "client_certificate": references,
            **more,
        }
        made.append(HttpSink(read(HttpSettings, table), secrets=secrets))
        return made[-1]

    yield sink
    for each in made:
        each.close()


def error_of(sink: HttpSink) -> SinkError:
    """The error of one call."""
    with pytest.raises(SinkError) as caught:
        sink.send(EVENT)
    return caught.value


@pytest.mark.parametrize("form", ["one secret", "two secrets", "encrypted key"])
def test_the_receiver_sees_the_clients_certificate(
    form: str, receiver: Mutual, make: Callable[..., HttpSink]
) -> None:
    """One PEM text, two values of a JSON secret, or an encrypted key with its password."""
    chain, key = receiver.issue()
    references, values = {
        "one secret": (ONE, {"both": chain + key}),
        "two secrets": (TWO, {"cert": chain, "key": key}),
        "encrypted key": (THREE, {"cert": chain, "key": encrypted(key, "pass word"), "pass": "pass word\n"}),
    }[form]
    sink = make(receiver, references, Values(**values))
    assert sink.connect().startswith("TLS")
    assert [sink.send(EVENT) for _ in range(3)] == [[]] * 3
    assert len(receiver.requests) == 3


def test_a_sink_without_a_certificate_learns_what_to_set(receiver: Mutual) -> None:
    """A receiver that requires a certificate refuses the sink, permanently with TLS 1.3's clear alert."""
    sink = HttpSink(read(HttpSettings, {"to": receiver.url, "ca_file": receiver.ca_file}))
    error = error_of(sink)
    sink.close()
    assert error.code in {"client_certificate", "tls_handshake", "connection_reset"}
    if error.code == "client_certificate":
        assert "set `client_certificate`" in str(error)


def test_a_certificate_that_the_receiver_does_not_trust_is_permanent(
    receiver: Mutual, make: Callable[..., HttpSink]
) -> None:
    """The alert's name is in the text; the secrets are read again once, in case of a rotation."""
    chain, key = pem(trustme.CA())
    secrets = Values(both=chain + key)
    error = error_of(make(receiver, ONE, secrets))
    assert (type(error), error.code) == (PermanentError, "client_certificate")
    assert "unknown ca" in str(error)
    assert secrets.reads == 2
    assert receiver.requests == []


def test_a_rotated_certificate_is_used_at_the_next_attempt(
    receiver: Mutual, make: Callable[..., HttpSink]
) -> None:
    """If the receiver refuses the certificate and there is a newer one, the failure is transient."""
    chain, key = pem(trustme.CA())
    secrets = Values(both=chain + key)
    sink = make(receiver, ONE, secrets)
    error_of(sink)
    secrets.values["both"] = "".join(receiver.issue())
    error = error_of(sink)
    assert (type(error), error.code) == (TransientError, "tls_handshake")
    assert "newer" in str(error)
    assert sink.send(EVENT) == []


def test_a_certificate_is_read_again_after_its_lifetime(
    receiver: Mutual, make: Callable[..., HttpSink]
) -> None:
    """With a lifetime of 0 each call sees the current certificate; an unchanged one keeps the connection."""
    secrets = Values(both="".join(receiver.issue()))
    sink = make(receiver, ONE, secrets, secret_lifetime_seconds=0)
    assert [sink.send(EVENT), sink.send(EVENT)] == [[], []]
    assert receiver.connections == 1
    secrets.values["both"] = "".join(receiver.issue())
    assert sink.send(EVENT) == []
    assert receiver.connections == 2


def test_secrets_that_are_rotated_one_after_the_other_are_read_together(
    receiver: Mutual, make: Callable[..., HttpSink]
) -> None:
    """A new certificate with the old key in the cache does not fail: both are read again."""
    (chain, key), (new_chain, new_key) = receiver.issue(), receiver.issue()
    secrets = Values(cert=chain, key=key)
    assert secrets.get(TWO["private_key"]) == key  # in the cache
    secrets.values.update(cert=new_chain, key=new_key)
    assert make(receiver, TWO, secrets).send(EVENT) == []


@pytest.mark.parametrize(
    ("references", "values", "words"),
    [
        (ONE, {"both": "not pem"}, "it is not PEM"),
        (ONE, {"both": "CHAIN"}, "the private key is missing"),
        (TWO, {"cert": "CHAIN", "key": "OTHER"}, "does not belong to the certificate"),
        (TWO, {"cert": "CHAIN", "key": "ENCRYPTED"}, "set `password`, which is missing"),
        (THREE, {"cert": "CHAIN", "key": "ENCRYPTED", "pass": "wrong"}, "set `password`, which is wrong"),
        (THREE, {"cert": "CHAIN", "key": "ENCRYPTED", "pass": "x" * 5_000}, "which is wrong"),
        (ONE, {"both": "FLAT"}, "with their line breaks"),
    ],
)
def test_what_cannot_be_used_is_explained_without_repeating_it(
    references: dict[str, str], values: dict[str, str], words: str, make: Callable[..., HttpSink]
) -> None:
    """The text says which part is wrong and what to store, and contains no part of the key."""
    chain, key = pem(authority := trustme.CA())
    texts = {
        "CHAIN": chain,
        "OTHER": pem(authority)[1],
        "ENCRYPTED": encrypted(key, "right"),
        "FLAT": (chain + key).replace("\n", " "),
    }
    secrets = Values(**{name: texts.get(value, value) for name, value in values.items()})
    with Receiver(tls="localhost") as receiver:
        error = error_of(make(receiver, references, secrets))
        assert receiver.requests == []
    assert (type(error), error.code) == (PermanentError, "client_certificate")
    assert words in str(error)
    assert key.splitlines()[1] not in str(error)


def test_an_unavailable_secret_is_transient(make: Callable[..., HttpSink]) -> None:
    """If the secret cannot be read at the moment, nothing is sent without the certificate."""
    with Receiver(tls="localhost") as receiver:
        error = error_of(make(receiver, ONE, Values(both="unavailable")))
        assert (type(error), error.code) == (TransientError, "secret")
        assert receiver.requests == []


@pytest.mark.parametrize("memory", [True, False])
def test_the_key_is_in_no_file_afterwards(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    memory: bool,  # noqa: FBT001
) -> None:
    """On Linux the key is in memory only; elsewhere in a file of mode 600 that ends at once."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not memory:
        monkeypatch.delattr(os, "memfd_create")
    chain, key = pem(trustme.CA())
    with mutual_tls._file(b"key") as path:
        assert Path(path).read_bytes() == b"key"
        assert Path(path).stat().st_mode & 0o077 == 0 or memory
        assert len(list(tmp_path.iterdir())) == (0 if memory else 1)
    mutual_tls.context({"certificate": chain, "private_key": key}, None)
    assert list(tmp_path.iterdir()) == []


def test_mutual_tls_goes_through_a_proxy(
    make: Callable[..., HttpSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handshake with the certificate is done with the receiver, inside the tunnel."""
    with Mutual() as receiver, TunnelProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert make(receiver, ONE, Values(both="".join(receiver.issue()))).send(EVENT) == []
        assert len(proxy.heads) == 1
        assert len(receiver.requests) == 1


def test_settings_are_checked() -> None:
    """A certificate needs https, and every part must be a reference."""
    for table, words in (
        ('to = "http://127.0.0.1/"\nclient_certificate = { certificate = "ARN" }', "is for https"),
        ('to = "https://a.example.com"\nclient_certificate = { certificate = "x" }', "must be a reference"),
        ('to = "https://a.example.com"\nclient_certificate = { private_key = "ARN" }', "missing"),
    ):
        with pytest.raises(ConfigError) as caught:
            Config.from_toml(f"[sinks.s]\n{table}\n".replace("ARN", ARN))
        assert words in str(caught.value)


def test_the_policy_and_the_guard_know_the_secrets() -> None:
    """``references`` lists every part, so that ``iam`` and the self-guard name the secret once."""
    settings = read(HttpSettings, {"to": "https://a.example.com", "client_certificate": THREE})
    assert list(settings.references) == [f"client_certificate.{key}" for key in THREE]
    assert {call.resource for call in settings.own_calls} == {ARN}
