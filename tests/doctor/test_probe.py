from __future__ import annotations

import gzip
import threading
import urllib.request
from typing import TYPE_CHECKING, Any, Self

import pytest

from trailforward.doctor import probe
from trailforward.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws import Reader

REGION = "ap-southeast-2"


class Clock:
    """A clock that advances only in ``sleep``."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The current time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advances the clock."""
        self.now += seconds


class Echo:
    """A destination where given payloads arrive, poll by poll."""

    def __init__(self, *bodies: list[bytes]) -> None:
        self.bodies = list(bodies)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def receive(self) -> Iterator[bytes]:
        """The next poll."""
        yield from self.bodies.pop(0) if self.bodies else []


def test_the_latency_of_each_region_is_measured(local_aws: Reader) -> None:
    """A probe's call fails; the probe arrives when its name is received; the others come last."""
    early, late, lost = (probe.Probe(region) for region in ("eu-west-1", "eu-west-2", "eu-west-3"))
    clock = Clock()
    listener = Echo([b"x"], [b"a" + late.name.encode()], [early.name.encode()])
    found = list(probe.run([early, late, lost], listener, wait_seconds=5, clock=clock, sleep=clock.sleep))
    assert found == [late, early, lost]
    assert [one.latency for one in found] == [1.0, 2.0, None]
    assert {one.result for one in found} == {"ParameterNotFound"}
    assert early.call == f"ssm:DeleteParameter {early.name} in eu-west-1"


@pytest.mark.parametrize("closed", [True, False])
def test_the_result_of_the_call_is_reported(closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """A call that cannot be made, or that succeeds, is reported by its result."""

    class Client:
        def delete_parameter(self, **_: Any) -> None:
            """Like botocore's client."""
            if closed:
                from botocore.exceptions import EndpointConnectionError

                raise EndpointConnectionError(endpoint_url="x")

    (found,) = probe.run([probe.Probe(REGION)], Echo(), client=lambda *_: Client(), wait_seconds=0)
    assert found.result == ("EndpointConnectionError" if closed else "OK")
    assert found.latency is None


def test_listening_to_a_queue(local_aws: Reader) -> None:
    """The messages of probes are deleted from the queue; other messages stay."""
    arn = local_aws.queue()
    url = local_aws("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
    one = probe.Probe(REGION)
    for body in (one.name, "another's"):
        local_aws("sqs").send_message(QueueUrl=url, MessageBody=body)
    with probe.open_listener(arn) as listener:
        received = set(listener.receive())
    assert received == {one.name.encode(), b"another's"}
    assert [message["Body"] for message in local_aws.messages(arn)] == ["another's"]


def test_listening_to_a_stream(local_aws: Reader) -> None:
    """Records written after the start are received once, from every shard."""
    arn = local_aws.stream()
    client = local_aws("kinesis")
    name = arn.rpartition("/")[2]
    client.put_record(StreamName=name, Data=b"before", PartitionKey="a")
    with probe.open_listener(arn) as listener:
        for key in "abcdef":
            client.put_record(StreamName=name, Data=key.encode(), PartitionKey=key)
        assert set(listener.receive()) == {key.encode() for key in "abcdef"}
        assert list(listener.receive()) == []


def test_listening_on_a_local_url() -> None:
    """Bodies of POST and PUT are received, gzipped or not, and the response is 200."""
    listener = probe.open_listener("http://127.0.0.1:0")
    assert isinstance(listener, probe.HttpListener)
    with listener:
        bodies = [(b"plain", {}), (gzip.compress(b"packed"), {"Content-Encoding": "gzip"})]
        bodies.append((b"odd", {"Content-Encoding": "gzip"}))
        for body, headers in bodies:
            request = urllib.request.Request(f"http://127.0.0.1:{listener.port}/", body, headers)
            with urllib.request.urlopen(request, timeout=600) as response:
                assert response.status == 200
        assert list(listener.receive()) == [b"plain", b"packed", b"odd"]
        with pytest.raises(probe.ProbeError, match="cannot listen"):
            probe.HttpListener("127.0.0.1", listener.port).__enter__()
    listener = probe.HttpListener("127.0.0.1", 1)
    assert listener.port == 1
    listener.__exit__()  # never started
    assert all(thread.name != "serve_forever" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("http://localhost", "give the port"),
        ("nonsense", "six parts"),
        ("arn:aws:sns:eu-west-1:123456789012:t", "can listen to an SQS queue"),
    ],
)
def test_unsupported_places_are_rejected(local_aws: Reader, where: str, words: str) -> None:
    """The error for anything but a queue, stream or local URL names what is supported."""
    with pytest.raises(probe.ProbeError, match=words):
        probe.open_listener(where)


@pytest.mark.parametrize("resource", ["sqs:{}:absent", "kinesis:{}:stream/absent"])
def test_a_missing_destination(local_aws: Reader, resource: str) -> None:
    """If the queue or stream cannot be read, the probe ends before any call is made."""
    one = probe.Probe(REGION)
    arn = "arn:aws:" + resource.format(f"{REGION}:123456789012")
    with pytest.raises(probe.ProbeError, match="cannot be read"):
        list(probe.run([one], probe.open_listener(arn)))
    assert one.sent is None


def test_a_destination_that_stops_responding(local_aws: Reader) -> None:
    """An error while listening becomes a clear message."""
    from botocore.exceptions import ReadTimeoutError

    class Broken(Echo):
        def receive(self) -> Iterator[bytes]:
            """Fails."""
            raise ReadTimeoutError(endpoint_url="x")

    with pytest.raises(probe.ProbeError, match="cannot be read"):
        list(probe.run([probe.Probe(REGION)], Broken()))


def test_a_probe_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without botocore, the error has the command that installs it."""
    monkeypatch.setattr("trailforward.aws.session.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"trailforward\[aws\]"):
        probe.open_listener("http://127.0.0.1:0")
