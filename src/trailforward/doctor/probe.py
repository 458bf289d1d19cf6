"""Probe: a live test of coverage. One harmless write call per Region, then waiting for its event.

The call deletes an SSM parameter that does not exist, with a random name. It fails and changes nothing, but
CloudTrail records it as a write event.
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
from trailforward.aws.session import make_client, new_session, require_botocore
from trailforward.errors import TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Default seconds to wait: CloudTrail usually delivers in less than five minutes.
WAIT_SECONDS = 600.0
_POLL_SECONDS = 1.0
#: Seconds for a connection, and between two bytes of a response. A long poll of SQS takes one second.
_TIMEOUT_SECONDS = 20.0
_ATTEMPTS = 5


class ProbeError(TrailforwardError):
    """The probe cannot listen for events."""


@dataclass
class Probe:
    """One call, and its result.

    Attributes:
        region: the Region of the call.
        name: name of the SSM parameter, which does not exist.
        result: AWS's error code for the call; empty before the call.
        sent: time of the call, in seconds of the run's clock; None before the call.
        arrived: time of the event's arrival; None if it has not arrived.
    """

    region: str
    name: str = field(default_factory=lambda: f"/trailforward-doctor/{uuid.uuid4().hex}")
    result: str = ""
    sent: float | None = None
    arrived: float | None = None

    @property
    def call(self) -> str:
        """A description of the call."""
        return f"ssm:DeleteParameter {self.name} in {self.region}"

    @property
    def latency(self) -> float | None:
        """Seconds from the call to the arrival; None if the event has not arrived."""
        return None if self.arrived is None or self.sent is None else self.arrived - self.sent


class Listener(Protocol):
    """Receives the events that arrive at a destination."""

    def __enter__(self) -> Self:
        """Starts listening."""
        ...

    def __exit__(self, *error: object) -> None:
        """Stops listening."""
        ...

    def receive(self) -> Iterable[bytes]:
        """The payloads that arrived since the last call."""
        ...


def open_listener(where: str, client: Callable[[str, str], Any] | None = None) -> Listener:
    """A listener for an SQS queue or Kinesis stream (an ARN), or for ``http://HOST:PORT`` on this machine.

    Raises:
        ProbeError: ``where`` is something else.
    """
    create_client = client or client_factory()
    if where.startswith("http://"):
        host, _, port = where.removeprefix("http://").rstrip("/").partition(":")
        if not port.isdigit():
            raise ProbeError(f"{where}: give the port to listen on, as in http://0.0.0.0:8080")
        return HttpListener(host, int(port))
    try:
        arn = Arn.parse(where)
    except ValueError as error:
        raise ProbeError(f"{where}: {error}") from None
    if arn.service == "sqs":
        return QueueListener(create_client("sqs", arn.region), arn)
    if arn.service == "kinesis":
        return StreamListener(create_client("kinesis", arn.region), arn)
    raise ProbeError(f"{where}: a probe can listen to an SQS queue, a Kinesis stream or http://HOST:PORT")


def client_factory() -> Callable[[str, str], Any]:
    """A function that creates botocore clients from a service and a Region.

    Raises:
        MissingExtraError: botocore is not installed.
    """
    require_botocore("a probe")
    session = new_session()
    return lambda service, region: make_client(
        service,
        region,
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        attempts=_ATTEMPTS,
        session=session,
    )


def run(
    probes: Iterable[Probe],
    listener: Listener,
    *,
    client: Callable[[str, str], Any] | None = None,
    wait_seconds: float = WAIT_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Probe]:
    """Makes the calls, then yields each probe when its event arrives, and finally those whose event did not.

    Args:
        probes: the calls to make.
        listener: receives the events.
        client: creates botocore clients.
        wait_seconds: how long to wait.
        clock: returns the time in seconds.
        sleep: waits between two polls.

    Raises:
        ProbeError: the listener cannot listen.
    """
    create_client = client or client_factory()
    with listener:
        waiting = list(probes)
        for probe in waiting:
            probe.sent = clock()
            probe.result = _delete_parameter(create_client, probe)
        end = clock() + wait_seconds
        while waiting:
            for body in _receive(listener):
                for probe in [one for one in waiting if one.name.encode() in body]:
                    probe.arrived = clock()
                    waiting.remove(probe)
                    yield probe
            if waiting and clock() >= end:
                break
            if waiting:
                sleep(_POLL_SECONDS)
        yield from waiting


def _delete_parameter(create_client: Callable[[str, str], Any], probe: Probe) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        create_client("ssm", probe.region).delete_parameter(Name=probe.name)
    except ClientError as error:
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    except BotoCoreError as error:
        return type(error).__name__
    return "OK"


def _receive(listener: Listener) -> Iterable[bytes]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return list(listener.receive())
    except (BotoCoreError, ClientError) as error:
        raise ProbeError(f"the destination cannot be read: {error}") from None


class QueueListener:
    """Reads an SQS queue. Other messages stay visible, but their receive count increases."""

    def __init__(self, client: Any, arn: Arn) -> None:
        self._client = client
        self._arn = arn
        self._url = ""

    def __enter__(self) -> Self:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            response = self._client.get_queue_url(
                QueueName=self._arn.resource, QueueOwnerAWSAccountId=self._arn.account
            )
        except (BotoCoreError, ClientError) as error:
            raise ProbeError(f"{self._arn} cannot be read: {error}") from None
        self._url = response["QueueUrl"]
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def receive(self) -> Iterator[bytes]:
        """Message bodies; messages of a probe are deleted."""
        response = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=1
        )
        for message in response.get("Messages", ()):
            body = message["Body"]
            if "/trailforward-doctor/" in body:
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            yield body.encode()


class StreamListener:
    """Reads new records of a Kinesis stream; other consumers are not affected."""

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

    def receive(self) -> Iterator[bytes]:
        """The data of new records in all shards."""
        for number, iterator in enumerate(self._iterators):
            response = self._client.get_records(ShardIterator=iterator)
            self._iterators[number] = response["NextShardIterator"]
            yield from (record["Data"] for record in response["Records"])


class HttpListener:
    """A small HTTP server, which the forwarder's URL must lead to."""

    def __init__(self, host: str, port: int) -> None:
        self._bodies: deque[bytes] = deque()
        self._place = host, port
        self._server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port if self._server else self._place[1]

    def __enter__(self) -> Self:
        bodies = self._bodies

        class Handler(BaseHTTPRequestHandler):
            """Accepts every POST and PUT."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    with suppress(OSError, EOFError):
                        body = gzip.decompress(body)
                bodies.append(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PUT = do_POST  # noqa: N815  # http.server requires this name

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as in the base class
                """Logs nothing."""

        try:
            self._server = ThreadingHTTPServer(self._place, Handler)
        except OSError as error:
            raise ProbeError(
                f"cannot listen on {self._place[0]}:{self._place[1]}: {error.strerror}"
            ) from None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def receive(self) -> Iterator[bytes]:
        """Request bodies."""
        while self._bodies:
            yield self._bodies.popleft()
