"""Probe: live proof. One harmless write call per Region that fails, then waiting for its event to arrive.

The call deletes an SSM parameter with a random name that does not exist: CloudTrail records the attempt as a
write, and nothing changes.
"""

from __future__ import annotations

import gzip
import threading
import time
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol, Self

from trailforward.arn import Arn
from trailforward.errors import MissingExtraError, TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Seconds to wait: CloudTrail usually needs less than five minutes.
PATIENCE = 600.0
_PAUSE = 1.0


class ProbeError(TrailforwardError):
    """The probe cannot listen, or cannot call."""


@dataclass
class Probe:
    """One call and what became of it.

    Attributes:
        region: where it is made.
        name: of the parameter that does not exist.
        answer: AWS's code for the call; empty until it was made.
        sent: when, by the clock of the run; None until then.
        arrived: likewise.
    """

    region: str
    name: str = field(default_factory=lambda: f"/trailforward-doctor/{uuid.uuid4().hex}")
    answer: str = ""
    sent: float | None = None
    arrived: float | None = None

    @property
    def call(self) -> str:
        """What is called, as it is shown before."""
        return f"ssm:DeleteParameter {self.name} in {self.region}"

    @property
    def latency(self) -> float | None:
        """Seconds from the call to the arrival; None if it did not arrive."""
        return None if self.arrived is None or self.sent is None else self.arrived - self.sent


class Listener(Protocol):
    """Where events arrive."""

    def __enter__(self) -> Self:
        """Begins to listen: what arrives from now on is heard."""
        ...

    def __exit__(self, *error: object) -> None:
        """Ends."""
        ...

    def heard(self) -> Iterable[bytes]:
        """What arrived since the last time."""
        ...


def listener(where: str, client: Callable[[str, str], Any] | None = None) -> Listener:
    """A listener at a queue or stream (an ARN), or at ``http://HOST:PORT`` of this machine.

    Raises:
        ProbeError: it is none of these.
    """
    make = client or clients()
    if where.startswith("http://"):
        host, _, port = where.removeprefix("http://").rstrip("/").partition(":")
        if not port.isdigit():
            raise ProbeError(f"{where}: name the port to listen at, as in http://0.0.0.0:8080")
        return HttpListener(host, int(port))
    try:
        arn = Arn.parse(where)
    except ValueError as error:
        raise ProbeError(f"{where}: {error}") from None
    if arn.service == "sqs":
        return QueueListener(make("sqs", arn.region), arn)
    if arn.service == "kinesis":
        return StreamListener(make("kinesis", arn.region), arn)
    raise ProbeError(f"{where}: a probe can listen at an SQS queue, a Kinesis stream or http://HOST:PORT")


def clients() -> Callable[[str, str], Any]:
    """Makes botocore clients from the environment's credentials.

    Raises:
        MissingExtraError: botocore is not installed.
    """
    try:
        from botocore.session import Session
    except ModuleNotFoundError:
        raise MissingExtraError("a probe", "aws") from None
    session = Session()
    return lambda service, region: session.create_client(service, region_name=region)


def run(
    probes: Iterable[Probe],
    hearing: Listener,
    *,
    client: Callable[[str, str], Any] | None = None,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Probe]:
    """Makes the calls, then gives each probe when its event arrives, and at the end those that did not.

    Args:
        probes: what to call; shown to somebody before.
        hearing: where the events are to arrive.
        client: makes botocore clients.
        patience: seconds to wait.
        clock: seconds.
        sleep: between two looks.

    Raises:
        ProbeError: the listener cannot listen.
    """
    make = client or clients()
    with hearing:
        waiting = list(probes)
        for probe in waiting:
            probe.sent = clock()
            probe.answer = _delete(make, probe)
        end = clock() + patience
        while waiting:
            for body in _heard(hearing):
                for probe in [one for one in waiting if one.name.encode() in body]:
                    probe.arrived = clock()
                    waiting.remove(probe)
                    yield probe
            if waiting and clock() >= end:
                break
            if waiting:
                sleep(_PAUSE)
        yield from waiting


def _delete(make: Callable[[str, str], Any], probe: Probe) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        make("ssm", probe.region).delete_parameter(Name=probe.name)
    except ClientError as error:
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    except BotoCoreError as error:
        return type(error).__name__
    return "OK"


def _heard(hearing: Listener) -> Iterable[bytes]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return list(hearing.heard())
    except (BotoCoreError, ClientError) as error:
        raise ProbeError(f"the destination cannot be read: {error}") from None


class QueueListener:
    """Reads a queue. What others wait for becomes visible again at once, but counts as received."""

    def __init__(self, client: Any, arn: Arn) -> None:
        self._client = client
        self._arn = arn
        self._url = ""

    def __enter__(self) -> Self:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_queue_url(
                QueueName=self._arn.resource, QueueOwnerAWSAccountId=self._arn.account
            )
        except (BotoCoreError, ClientError) as error:
            raise ProbeError(f"{self._arn} cannot be read: {error}") from None
        self._url = answer["QueueUrl"]
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def heard(self) -> Iterator[bytes]:
        """Messages; those of a probe are deleted."""
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=1
        )
        for message in answer.get("Messages", ()):
            body = message["Body"]
            if "/trailforward-doctor/" in body:
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            yield body.encode()


class StreamListener:
    """Reads a stream from now on; consumers do not notice."""

    def __init__(self, client: Any, arn: Arn) -> None:
        self._client = client
        self._arn = arn
        self._iterators: list[str] = []

    def __enter__(self) -> Self:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            shards = self._client.list_shards(StreamName=self._arn.name)["Shards"]
            self._iterators = [
                self._client.get_shard_iterator(
                    StreamName=self._arn.name, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
                )["ShardIterator"]
                for shard in shards
            ]
        except (BotoCoreError, ClientError) as error:
            raise ProbeError(f"{self._arn} cannot be read: {error}") from None
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def heard(self) -> Iterator[bytes]:
        """Records of all shards."""
        for number, iterator in enumerate(self._iterators):
            answer = self._client.get_records(ShardIterator=iterator)
            self._iterators[number] = answer["NextShardIterator"]
            yield from (record["Data"] for record in answer["Records"])


class HttpListener:
    """A small HTTP server; the forwarder's URL is to lead to it."""

    def __init__(self, host: str, port: int) -> None:
        self._bodies: deque[bytes] = deque()
        self._place = host, port
        self._server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port if self._server else self._place[1]

    def __enter__(self) -> Self:
        bodies = self._bodies

        class Handler(BaseHTTPRequestHandler):
            """Takes everything."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    with suppress(OSError, EOFError):
                        body = gzip.decompress(body)
                bodies.append(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PUT = do_POST  # noqa: N815  # as http.server asks for it

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as in the base class
                """Says nothing."""

        try:
            self._server = ThreadingHTTPServer(self._place, Handler)
        except OSError as error:
            raise ProbeError(
                f"cannot listen at {self._place[0]}:{self._place[1]}: {error.strerror}"
            ) from None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def heard(self) -> Iterator[bytes]:
        """Bodies of requests."""
        while self._bodies:
            yield self._bodies.popleft()
