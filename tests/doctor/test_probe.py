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
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Passes."""
        self.now += seconds


class Echo:
    """A destination that hears of each probe after so many looks."""

    def __init__(self, *bodies: list[bytes]) -> None:
        self.bodies = list(bodies)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def heard(self) -> Iterator[bytes]:
        """The next look."""
        yield from self.bodies.pop(0) if self.bodies else []


def test_the_latency_of_each_region_is_measured(local_aws: Reader) -> None:
    """A probe is a call that fails; it arrives when its name is heard; what does not arrive comes last."""
    early, late, lost = (probe.Probe(region) for region in ("eu-west-1", "eu-west-2", "eu-west-3"))
    clock = Clock()
    hearing = Echo([b"x"], [b"a" + late.name.encode()], [early.name.encode()])
    found = list(probe.run([early, late, lost], hearing, patience=5, clock=clock, sleep=clock.sleep))
    assert found == [late, early, lost]
    assert [one.latency for one in found] == [1.0, 2.0, None]
    assert {one.answer for one in found} == {"ParameterNotFound"}
    assert early.call == f"ssm:DeleteParameter {early.name} in eu-west-1"


@pytest.mark.parametrize("closed", [True, False])
def test_what_aws_answers_is_told(closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """A call that cannot even be made, or that succeeds, is reported by its answer."""

    class Client:
        def delete_parameter(self, **_: Any) -> None:
            """As botocore does."""
            if closed:
                from botocore.exceptions import EndpointConnectionError

                raise EndpointConnectionError(endpoint_url="x")

    (found,) = probe.run([probe.Probe(REGION)], Echo(), client=lambda *_: Client(), patience=0)
    assert found.answer == ("EndpointConnectionError" if closed else "OK")
    assert found.latency is None


def test_a_queue_is_listened_to(local_aws: Reader) -> None:
    """Messages of probes are taken from the queue, those of others stay."""
    arn = local_aws.queue()
    url = local_aws("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
    one = probe.Probe(REGION)
    for body in (one.name, "another's"):
        local_aws("sqs").send_message(QueueUrl=url, MessageBody=body)
    with probe.listener(arn) as hearing:
        heard = set(hearing.heard())
    assert heard == {one.name.encode(), b"another's"}
    assert [message["Body"] for message in local_aws.messages(arn)] == ["another's"]


def test_a_stream_is_listened_to(local_aws: Reader) -> None:
    """What is written after the beginning is heard, from every shard, once."""
    arn = local_aws.stream()
    client = local_aws("kinesis")
    name = arn.rpartition("/")[2]
    client.put_record(StreamName=name, Data=b"before", PartitionKey="a")
    with probe.listener(arn) as hearing:
        for key in "abcdef":
            client.put_record(StreamName=name, Data=key.encode(), PartitionKey=key)
        assert set(hearing.heard()) == {key.encode() for key in "abcdef"}
        assert list(hearing.heard()) == []


def test_a_url_of_this_machine_is_listened_to() -> None:
    """Bodies that are posted or put are heard, gzipped or not, and answered with 200."""
    hearing = probe.listener("http://127.0.0.1:0")
    assert isinstance(hearing, probe.HttpListener)
    with hearing:
        bodies = [(b"plain", {}), (gzip.compress(b"packed"), {"Content-Encoding": "gzip"})]
        bodies.append((b"odd", {"Content-Encoding": "gzip"}))
        for body, headers in bodies:
            request = urllib.request.Request(f"http://127.0.0.1:{hearing.port}/", body, headers)
            with urllib.request.urlopen(request, timeout=600) as answer:
                assert answer.status == 200
        assert list(hearing.heard()) == [b"plain", b"packed", b"odd"]
        with pytest.raises(probe.ProbeError, match="cannot listen"):
            probe.HttpListener("127.0.0.1", hearing.port).__enter__()
    hearing = probe.HttpListener("127.0.0.1", 1)
    assert hearing.port == 1
    hearing.__exit__()  # never begun
    assert all(thread.name != "serve_forever" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("http://localhost", "name the port"),
        ("nonsense", "six parts"),
        ("arn:aws:sns:eu-west-1:123456789012:t", "can listen at an SQS queue"),
    ],
)
def test_places_that_cannot_be_listened_at_are_refused(local_aws: Reader, where: str, words: str) -> None:
    """What is no queue, stream or local URL is refused with what would do."""
    with pytest.raises(probe.ProbeError, match=words):
        probe.listener(where)


@pytest.mark.parametrize("resource", ["sqs:{}:absent", "kinesis:{}:stream/absent"])
def test_a_destination_that_is_not_there(local_aws: Reader, resource: str) -> None:
    """A queue or stream that cannot be read ends the probe before any call is made."""
    one = probe.Probe(REGION)
    arn = "arn:aws:" + resource.format(f"{REGION}:123456789012")
    with pytest.raises(probe.ProbeError, match="cannot be read"):
        list(probe.run([one], probe.listener(arn)))
    assert one.sent is None


def test_a_destination_that_stops_answering(local_aws: Reader) -> None:
    """An error while listening is a sentence."""
    from botocore.exceptions import ReadTimeoutError

    class Broken(Echo):
        def heard(self) -> Iterator[bytes]:
            """Fails."""
            raise ReadTimeoutError(endpoint_url="x")

    with pytest.raises(probe.ProbeError, match="cannot be read"):
        list(probe.run([probe.Probe(REGION)], Broken()))


def test_a_probe_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without botocore the sentence has the command to type."""
    monkeypatch.setitem(__import__("sys").modules, "botocore.session", None)
    with pytest.raises(MissingExtraError, match=r"trailforward\[aws\]"):
        probe.listener("http://127.0.0.1:0")
