"""A real HTTP server on 127.0.0.1 that implements AWS's batch APIs, stores entries, and follows a script.

    with StubAws() as aws:                                     # AWS_ENDPOINT_URL=aws.url
        aws.script("kinesis:us-west-2", Refuse(503), Partial(at(0)))
        send()
        assert aws.taken("kinesis:us-west-2") == [...]

A *place* is a service in a Region, from the request's signature. Each request to a place gets its next fault.
After the script ends, everything is accepted. Signatures are not verified.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import socket
import struct
import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote

from tests.support import cbor
from trailforward.demo.loopback import Handler, LoopbackServer
from trailforward.sources._log_files import records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    #: Chooses the positions of the entries to reject.
    Choice = Callable[[Sequence["Item"]], set[int]]
    #: The result of each entry: None if it was accepted.
    Results = Sequence[tuple["Item", "Refusal | None"]]


@dataclass(frozen=True)
class Item:
    """One entry of a call.

    Attributes:
        data: the bytes that a consumer would read.
        id: SQS and SNS: the entry's ID.
        resource: the resource in the call: an ARN, a stream's name, or a queue's URL.
        key: partition key or deduplication ID.
        group: FIFO message group.
        subject: SNS subject.
        attributes: message attributes of SQS and SNS.
    """

    data: bytes
    id: str = ""
    resource: str = ""
    key: str = ""
    group: str = ""
    subject: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """Why an entry is rejected."""

    code: str
    sender_fault: bool = False


class Fault:
    """What happens to one request.

    Attributes:
        arrives: whether the body is read first.
    """

    arrives: bool = True

    def apply(self, call: Call) -> None:
        """Handles the request."""
        raise NotImplementedError


@dataclass(frozen=True)
class Take(Fault):
    """Accepts everything. ``extra`` adds to the response."""

    extra: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, call: Call) -> None:
        """Stores the entries and responds."""
        call.report(call.take(), **self.extra)


@dataclass(frozen=True)
class Refuse(Fault):
    """Rejects the whole call; with ``culprit``, only if an entry contains these bytes."""

    status: int
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    culprit: bytes = b""
    message: str = "by script"

    def apply(self, call: Call) -> None:
        """Responds with an error."""
        if self.culprit and not any(self.culprit in item.data for item in call.items):
            call.report(call.take())
        else:
            call.refuse(self.status, self.code, self.message, self.headers)


@dataclass(frozen=True)
class Partial(Fault):
    """Responds with HTTP 200 and rejects some entries."""

    choice: Choice
    refusal: Refusal = Refusal("InternalFailure")

    def apply(self, call: Call) -> None:
        """Stores the other entries."""
        call.report(call.take(dict.fromkeys(self.choice(call.items), self.refusal)))


@dataclass(frozen=True)
class Reset(Fault):
    """TCP RST: before the body is read, or (``stored=True``) instead of a response."""

    stored: bool = False

    @property
    def arrives(self) -> bool:  # type: ignore[override]
        """The body must be read to be stored."""
        return self.stored

    def apply(self, call: Call) -> None:
        """Resets the connection."""
        if self.stored:
            call.take()
        call.reset()


@dataclass(frozen=True)
class Silence(Fault):
    """Does not respond for some time, after storing nothing or everything."""

    stored: bool
    seconds: float = 30.0

    def apply(self, call: Call) -> None:
        """Waits, and responds only if it stored the entries."""
        results = call.take() if self.stored else None
        call.pause(self.seconds)
        if results is not None:
            call.report(results)
        else:
            call.reset()


@dataclass(frozen=True)
class Response(Fault):
    """Responds with these bytes. ``promised`` is a wrong Content-Length."""

    body: bytes
    promised: int | None = None
    status: int = 200
    stored: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)

    def apply(self, call: Call) -> None:
        """Sends the bytes."""
        if self.stored:
            call.take()
        call.raw(self.status, self.body, self.promised, self.headers)


@dataclass(frozen=True)
class Shortened(Fault):
    """Stores everything. The response is well-formed but has no result for the last entry."""

    def apply(self, call: Call) -> None:
        """Stores the entries and responds."""
        results = call.take()
        results.pop(len(call.items) - 1)
        call.report(results)


def containing(text: bytes) -> Choice:
    """The entries that contain these bytes."""
    return lambda items: {index for index, item in enumerate(items) if text in item.data}


def at(*positions: int) -> Choice:
    """The entries at these positions."""
    return lambda items: {position for position in positions if position < len(items)}


def never_the_same() -> Choice:
    """The first entry that was not rejected before: a different one in each call."""
    rejected: set[bytes] = set()

    def choose(items: Sequence[Item]) -> set[int]:
        for index, item in enumerate(items):
            if item.data not in rejected:
                rejected.add(item.data)
                return {index}
        return set()

    return choose


#: Services that get one entry per call, so that its refusal is the call's.
_SINGLE = frozenset({"lambda", "states"})


class StubAws(LoopbackServer):
    """The server. Use it as a context manager."""

    def __init__(self) -> None:
        self._scripts: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._stored: defaultdict[str, list[Item]] = defaultdict(list)
        self._guard = threading.Lock()
        self._over = threading.Event()
        #: Requests so far, by place.
        self.calls: Counter[str] = Counter()
        super().__init__(Call)

    def __exit__(self, *error: Any) -> None:  # noqa: PYI036  # handed on
        self._over.set()
        super().__exit__(*error)

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://localhost:{self.port}"

    def script(self, place: str, *faults: Fault) -> None:
        """Adds faults to the script of a place."""
        with self._guard:
            self._scripts[place].extend(faults)

    def always(self, place: str, fault: Fault) -> None:
        """Sets the fault of a place after its script ends."""
        with self._guard:
            self._always[place] = fault

    def stored(self, place: str) -> list[Item]:
        """The entries that a place accepted, in order, including repetitions."""
        with self._guard:
            return list(self._stored[place])

    def taken(self, place: str) -> list[bytes]:
        """The bytes of the entries that a place accepted."""
        return [item.data for item in self.stored(place)]

    def calm(self) -> None:
        """Deletes all scripts, and ends waiting requests."""
        with self._guard:
            self._scripts.clear()
            self._always.clear()
            self._over.set()
            self._over = threading.Event()

    def reset(self) -> None:
        """Deletes scripts and stored entries."""
        self.calm()
        with self._guard:
            self._stored.clear()
            self.calls.clear()

    # The requests call these, each in its own thread.

    def next_fault(self, place: str) -> Fault:
        """Counts a request and returns its fault."""
        with self._guard:
            self.calls[place] += 1
            script = self._scripts[place]
            return script.popleft() if script else self._always.get(place, Take())

    def store(self, place: str, items: Sequence[Item]) -> None:
        """Stores entries."""
        with self._guard:
            self._stored[place].extend(items)

    def pause(self, seconds: float) -> None:
        """Waits, unless the scripts are deleted."""
        self._over.wait(seconds)


class Call(Handler):
    """One request, with the methods that faults use."""

    items: list[Item]
    #: Whether S3 has the object already.
    exists = False

    def do_POST(self) -> None:  # noqa: N802  # name required by the base class
        """Applies the request's fault."""
        self.stub = cast("StubAws", self.server)
        # The signature's scope: key, day, Region, service, a constant.
        _, _, region, service, _ = (
            self.headers["Authorization"].split("Credential=")[1].split(",")[0].split("/")
        )
        self.service, self.place = service, f"{service}:{region}"
        if self.headers.get("smithy-protocol") == "rpc-v2-cbor":
            assert self.path == "/service/AWSEventsV2/operation/PutRawEvents"
            self.service = service = "eventsv2"
        if self.headers.get("X-Amz-Target", "").endswith((".DescribeEventBus", ".CreateLogStream")):
            self.other_operation()
            return
        fault = self.stub.next_fault(self.place)
        if fault.arrives:
            self.items = [self.invocation()] if service == "lambda" else _READERS[service](self.body())
        fault.apply(self)

    def do_PUT(self) -> None:  # noqa: N802  # name required by the base class
        """Applies the fault of a PutObject call, whose items are the events of the object."""
        self.stub = cast("StubAws", self.server)
        region = self.headers["Authorization"].split("Credential=")[1].split("/")[2]
        self.service, self.place = "s3", f"s3:{region}"
        fault = self.stub.next_fault(self.place)
        if fault.arrives:
            key = unquote(self.path)
            self.items = [Item(data, key, key=key) for data in _read_object(self.body())]
        fault.apply(self)

    def invocation(self) -> Item:
        """The payload for a Lambda function, whose name is in the path."""
        head, _, name = self.path.removesuffix("/invocations").rpartition("/")
        assert head == "/2015-03-31/functions"
        return Item(self.body(), resource=unquote(name), key=self.headers["X-Amz-Invocation-Type"])

    def other_operation(self) -> None:
        """Handles operations other than batches. Their place is ``SERVICE:REGION:OPERATION``."""
        self.items, self.service = [], "events"
        self.body()
        self.stub.next_fault(f"{self.place}:{self.headers['X-Amz-Target'].partition('.')[2]}").apply(self)

    def take(self, rejected: Mapping[int, Refusal] | None = None) -> dict[int, Refusal | None]:
        """Stores the entries that are not rejected; returns the results by position."""
        rejected = rejected or {}
        kept = [item for index, item in enumerate(self.items) if index not in rejected]
        kept = [item for item in kept if item.key != "DryRun"]
        if self.service == "states":  # the same name starts nothing
            names = {item.id for item in self.stub.stored(self.place)}
            kept = [item for item in kept if item.id not in names]
        if self.service == "s3":  # If-None-Match: *
            keys = {item.key for item in self.stub.stored(self.place)}
            self.exists = any(item.key in keys for item in kept)
            kept = [] if self.exists else kept
        self.stub.store(self.place, kept)
        return {index: rejected.get(index) for index in range(len(self.items))}

    def report(self, results: Mapping[int, Refusal | None], **extra: Any) -> None:
        """Sends the service's response with the results. ``extra`` is added to the accepted entries."""
        refusals = [refusal for refusal in results.values() if refusal is not None]
        if self.service in _SINGLE and refusals:
            self.refuse(400, refusals[0].code, "by script", {})
            return
        if self.service == "s3":
            if self.exists:
                self.refuse(412, "PreconditionFailed", "by script", {})
            elif refusals:
                self.refuse(503, refusals[0].code, "by script", {})
            else:
                self.raw(200, b"", headers={"ETag": '"e"'})
            return
        if self.service == "lambda":
            dry = self.items[0].key == "DryRun"
            self.raw((204 if dry else 202) if results else 200, b"")
            return
        body = _WRITERS[self.service]([(self.items[index], results[index]) for index in results], extra)
        self.raw(200, body)

    def refuse(self, status: int, code: str, message: str, headers: Mapping[str, str]) -> None:
        """Sends an error in the service's format."""
        if self.service == "s3":
            self.raw(
                status,
                f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode() if code else b"",
                headers=headers,
            )
            return
        if self.service in {"sns", "sts"}:
            body = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
                "<RequestId>0</RequestId></ErrorResponse>"
            )
        else:
            body = json.dumps({"__type": f"com.amazonaws#{code}" if code else "", "message": message})
        if self.service in {"lambda", "securityhub"}:  # REST
            headers = (
                {**headers, "x-amzn-ErrorType": f"{code}:http://internal.amazon.com/"} if code else headers
            )
            body = json.dumps({"Code": code, "Message": message})
        if self.service == "eventsv2":
            error = cbor.dumps({"__type": f"com.amazonaws.eventsv2#{code}", "message": message})
            self.raw(status, error if code else b"", headers={**headers, "smithy-protocol": "rpc-v2-cbor"})
            return
        self.raw(status, body.encode() if code else b"", headers=headers)

    def raw(
        self, status: int, body: bytes, promised: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Sends any response."""
        length = {} if promised is None else {"Content-Length": str(promised)}
        self.close_connection = promised is not None
        self.respond(status, {"x-amzn-RequestId": "0", **length, **(headers or {})}, body)

    def pause(self, seconds: float) -> None:
        """Waits, unless the scripts are deleted."""
        self.stub.pause(seconds)

    def reset(self) -> None:
        """Resets the connection (TCP RST)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
        raise ConnectionAbortedError


def _read_object(body: bytes) -> list[bytes]:
    """The lines of NDJSON, or the records of a log file."""
    text = gzip.decompress(body)
    if text.startswith(b'{"Records":['):
        return [raw for _, raw in records([text])]
    return text.split(b"\n")[:-1]


def _read_kinesis(body: bytes) -> list[Item]:
    call = json.loads(body)
    return [
        Item(base64.b64decode(record["Data"]), resource=call["StreamARN"], key=record["PartitionKey"])
        for record in call["Records"]
    ]


def _read_firehose(body: bytes) -> list[Item]:
    call = json.loads(body)
    return [
        Item(base64.b64decode(record["Data"]), resource=call["DeliveryStreamName"])
        for record in call["Records"]
    ]


def _read_events(body: bytes) -> list[Item]:
    call = json.loads(body)
    return [
        Item(
            entry["Detail"].encode("utf-8", "surrogatepass"),
            resource=entry["EventBusName"],
            subject=entry["DetailType"],
            attributes={"source": entry["Source"], "resources": ",".join(entry["Resources"])},
        )
        for entry in call["Entries"]
    ]


def _read_eventsv2(body: bytes) -> list[Item]:
    call = cbor.loads(body)
    return [
        Item(
            entry["Data"],
            key=entry["SystemMetadata"]["DeduplicationId"],
            resource=call["EventBusArn"],
            subject=entry["SystemMetadata"]["ContentType"],
            attributes=entry.get("Metadata", {}),
        )
        for entry in call["Entries"]
    ]


def _read_logs(body: bytes) -> list[Item]:
    call = json.loads(body)
    place = f"{call['logGroupName']}:{call['logStreamName']}"
    return [
        Item(event["message"].encode(), resource=place, key=str(event["timestamp"]))
        for event in call["logEvents"]
    ]


def _read_securityhub(body: bytes) -> list[Item]:
    return [
        Item(
            json.dumps(finding).encode(), finding["Id"], finding["ProductArn"], group=finding["AwsAccountId"]
        )
        for finding in json.loads(body)["Findings"]
    ]


def _read_states(body: bytes) -> list[Item]:
    call = json.loads(body)
    text = call["input"].encode("utf-8", "surrogatepass")
    return [Item(text, call["name"], call["stateMachineArn"])]


def _read_sqs(body: bytes) -> list[Item]:
    call = json.loads(body)
    return [
        Item(
            entry["MessageBody"].encode(),
            entry["Id"],
            call["QueueUrl"],
            entry.get("MessageDeduplicationId", ""),
            entry.get("MessageGroupId", ""),
            attributes={
                name: value["StringValue"] for name, value in entry.get("MessageAttributes", {}).items()
            },
        )
        for entry in call["Entries"]
    ]


def _read_sns(body: bytes) -> list[Item]:
    call = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    items = []
    head = "PublishBatchRequestEntries.member.{}."
    for number in range(1, len(call)):
        at_entry = head.format(number)
        entry = {name[len(at_entry) :]: value for name, value in call.items() if name.startswith(at_entry)}
        if not entry:
            break
        attributes = {
            value: entry[name.replace(".Name", ".Value.StringValue")]
            for name, value in entry.items()
            if name.startswith("MessageAttributes.entry.") and name.endswith(".Name")
        }
        items.append(
            Item(
                entry["Message"].encode(),
                entry["Id"],
                call["TopicArn"],
                entry.get("MessageDeduplicationId", ""),
                entry.get("MessageGroupId", ""),
                entry.get("Subject", ""),
                attributes,
            )
        )
    return items


def _by_position(results: Results, receipt: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    entries = [
        receipt if refusal is None else {"ErrorCode": refusal.code, "ErrorMessage": "by script"}
        for _, refusal in results
    ]
    return sum(refusal is not None for _, refusal in results), entries


def _write_kinesis(results: Results, extra: Mapping[str, Any]) -> bytes:
    count, entries = _by_position(results, {"SequenceNumber": "1", "ShardId": "shardId-0", **extra})
    return json.dumps({"FailedRecordCount": count, "Records": entries}).encode()


def _write_firehose(results: Results, extra: Mapping[str, Any]) -> bytes:
    count, entries = _by_position(results, {"RecordId": "r", **extra})
    return json.dumps({"FailedPutCount": count, "Encrypted": False, "RequestResponses": entries}).encode()


def _write_events(results: Results, extra: Mapping[str, Any]) -> bytes:
    count, entries = _by_position(results, {"EventId": "e", **extra})
    return json.dumps({"FailedEntryCount": count, "Entries": entries}).encode()


def _write_eventsv2(results: Results, extra: Mapping[str, Any]) -> bytes:
    count, entries = _by_position(results, {"EventId": "e", "SuccessCode": "PUBLISHED", **extra})
    return cbor.dumps({"FailedEntryCount": count, "Entries": entries})


def _write_logs(_results: Results, extra: Mapping[str, Any]) -> bytes:
    return json.dumps({"nextSequenceToken": "t", **extra}).encode()


def _by_id(results: Results) -> tuple[list[Item], list[tuple[Item, Refusal]]]:
    # In reverse order, because nothing may depend on the order.
    accepted = [item for item, refusal in reversed(results) if refusal is None]
    return accepted, [(item, refusal) for item, refusal in reversed(results) if refusal is not None]


def _write_sqs(results: Results, extra: Mapping[str, Any]) -> bytes:
    accepted, rejected = _by_id(results)
    successful = [
        {"Id": item.id, "MessageId": "m", "MD5OfMessageBody": _md5(item.data), **extra} for item in accepted
    ]
    failed = [
        {"Id": item.id, "Code": refusal.code, "SenderFault": refusal.sender_fault, "Message": "by script"}
        for item, refusal in rejected
    ]
    return json.dumps({"Successful": successful} | ({"Failed": failed} if failed else {})).encode()


def _write_securityhub(results: Results, extra: Mapping[str, Any]) -> bytes:
    accepted, rejected = _by_id(results)
    failed = [
        {"Id": item.id, "ErrorCode": refusal.code, "ErrorMessage": "by script"} for item, refusal in rejected
    ]
    return json.dumps(
        {"SuccessCount": len(accepted), "FailedCount": len(failed), "FailedFindings": failed, **extra}
    ).encode()


def _write_states(results: Results, extra: Mapping[str, Any]) -> bytes:
    started = {"executionArn": "arn", "startDate": 1.0, **extra} if results else {}
    return json.dumps(started).encode()


def _write_sns(results: Results, _extra: Mapping[str, Any]) -> bytes:
    accepted, rejected = _by_id(results)
    successful = "".join(f"<member><Id>{item.id}</Id><MessageId>m</MessageId></member>" for item in accepted)
    failed = "".join(
        f"<member><Id>{item.id}</Id><Code>{refusal.code}</Code><Message>by script</Message>"
        f"<SenderFault>{str(refusal.sender_fault).lower()}</SenderFault></member>"
        for item, refusal in rejected
    )
    return (
        '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>'
        f"<Successful>{successful}</Successful><Failed>{failed}</Failed></PublishBatchResult>"
        "<ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></PublishBatchResponse>"
    ).encode()


def _write_sts(_results: Results, extra: Mapping[str, Any]) -> bytes:
    arn = extra.get("arn", "arn:aws:sts::111122223333:assumed-role/forwarder/trailforward")
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{arn}</Arn><UserId>AROAEXAMPLE:trailforward</UserId><Account>111122223333</Account>"
        "</GetCallerIdentityResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    ).encode()


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


_READERS: dict[str, Callable[[bytes], list[Item]]] = {
    "events": _read_events,
    "eventsv2": _read_eventsv2,
    "firehose": _read_firehose,
    "kinesis": _read_kinesis,
    "logs": _read_logs,
    "securityhub": _read_securityhub,
    "sns": _read_sns,
    "sqs": _read_sqs,
    "states": _read_states,
    "sts": lambda _body: [],
}
_WRITERS = {
    "events": _write_events,
    "eventsv2": _write_eventsv2,
    "firehose": _write_firehose,
    "kinesis": _write_kinesis,
    "logs": _write_logs,
    "securityhub": _write_securityhub,
    "sns": _write_sns,
    "sqs": _write_sqs,
    "states": _write_states,
    "sts": _write_sts,
}
