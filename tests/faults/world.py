"""A forwarder between a queue and failing destinations, with checks that every event is accounted for."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from tests.faults.web import FEED, TOKEN, WEB
from tests.support.events import Context, envelope, sqs, sqs_record
from tests.support.receiver import Receiver
from tests.support.secrets import FixedSecrets
from tests.support.settings import read
from trailforward import Config, Fate, Forwarder, Message, Origin, redelivery
from trailforward.sinks.http.sink import HttpSettings, HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.faults import Row
    from tests.support.stub_aws import Item, StubAws
    from trailforward.outcome import Outcome

#: Sink type → destination. Each one has a different Region, by which the stub distinguishes them.
DESTINATIONS = {
    "kinesis": "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec",
    "firehose": "arn:aws:firehose:eu-central-1:111122223333:deliverystream/archive",
    "sns": "arn:aws:sns:sa-east-1:111122223333:alerts",
    "sqs": "arn:aws:sqs:ap-south-1:111122223333:cloudsec",
    "eventbridge": "arn:aws:events:eu-south-1:123456789012:event-bus/security",
    "eventbridge-v2": "arn:aws:events:us-west-1:111122223333:event-busv2/security/abcdefghij0123456789abcde",
    "securityhub": "arn:aws:securityhub:ca-central-1:111122223333:product/111122223333/default",
    "s3": "s3://lake/trail?region=me-central-1",
    "s3-cloudtrail": "s3://lake/trail?region=il-central-1",
    "lambda": "arn:aws:lambda:ap-northeast-1:123456789012:function:remediate",
    "stepfunctions": "arn:aws:states:eu-west-3:111122223333:stateMachine:remediate",
}
#: Destination → its other settings.
SETTINGS = {"s3-cloudtrail": 'layout = "cloudtrail"\n'}
#: These get one event per call.
ACTING = ("lambda", "stepfunctions")
SINKS = (*DESTINATIONS, *WEB)
HEALTHY = "arn:aws:sqs:eu-north-1:111122223333:healthy"
DEAD_LETTER = "arn:aws:sqs:us-east-1:111122223333:dead"
RETRY_QUEUE = "arn:aws:sqs:us-east-2:111122223333:retry"

COUNT = 12
#: The event that some destinations refuse.
POISON = b"poison"


def place(arn: str) -> str:
    """The key under which the stub stores what is sent to a destination."""
    if arn.startswith("s3:"):
        return f"s3:{arn.rpartition('=')[2]}"
    _, _, service, region, *_ = arn.split(":")
    return f"{service}:{region}"


def event(number: int) -> bytes:
    """An event whose bytes do not survive parsing and encoding; number 7 contains the poison."""
    detail = {"pad": "x" * number * 100, "userAgent": POISON.decode() if number == 7 else "harmless"}
    odd = '"odd":[1.10, 9007199254740993, "\\ud800", "\\u003d", "bücher"],"eventType"'
    return envelope(number, **detail).decode().replace('"eventType"', odd, 1).encode()


EVENTS = [event(number) for number in range(COUNT)]
#: CloudTrail record, and the end of a finding's ID → the event.
_BY_RECORD = {data.partition(b'"detail":')[2].strip().removesuffix(b"}"): data for data in EVENTS}
_BY_FINDING = {Message(data, Origin("test")).key: data for data in EVENTS}


class World:
    """A failing sink, alone or next to a healthy one, with the failure queues.

    Args:
        sink: type of the sink that fails.
        row: the fault.
        stub: stands in for all AWS services.
        healthy: whether there is a second, healthy sink.
        dead_letter: whether there is a dead-letter queue.
        retry_queue: whether there is a retry queue.
    """

    def __init__(
        self,
        sink: str,
        row: Row,
        stub: StubAws,
        *,
        healthy: bool = False,
        dead_letter: bool = False,
        retry_queue: bool = False,
    ) -> None:
        self.sink, self.row, self.stub = sink, row, stub
        self._open = ExitStack()
        to = DESTINATIONS.get(sink)
        made: dict[str, HttpSink] = {}
        if to is None:
            self.receiver = self._open.enter_context(Receiver(row.http(), kind=WEB[sink]))
            to = self.receiver.url
            made[sink] = self._web(sink, row)
        else:
            row.play(stub, place(to), sink)
        head = (
            f'dead_letter = "{DEAD_LETTER}"\n' * dead_letter
            + f'retry_queue = "{RETRY_QUEUE}"\n' * retry_queue
        )
        self.forwarder = Forwarder(
            Config.from_toml(
                f'{head}[sinks."{sink}"]\nto = "{to}"\n{SETTINGS.get(sink, "")}'
                + f'[sinks."{sink}".limits]\nmax_entries = 5\n' * (sink not in ACTING)
                + f'[sinks.healthy]\nto = "{HEALTHY}"\n' * healthy
                + "[retry]\ninitial_seconds = 0.01\nmax_attempts = 4\n"
            ),
            made=made,
        )
        self._open.callback(self.forwarder.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.calm()  # so that abandoned calls end
        self._open.close()

    def _web(self, sink: str, row: Row) -> HttpSink:
        """The sink of a web destination, with its own settings and secrets."""
        origin = f"http://127.0.0.1:{self.receiver.port}"
        table = {
            "to": origin + WEB[sink].path,
            "read_timeout_seconds": row.read_timeout,
            "limits": {"max_entries": 5},
            **WEB[sink].table,
        }
        if "token_url" in table.get("auth", {}):
            tokens = self._open.enter_context(Receiver(then=TOKEN))
            table["auth"] = {**table["auth"], "token_url": tokens.url}
        return HttpSink(read(HttpSettings, table), secrets=FixedSecrets(origin + FEED))

    def calm(self) -> None:
        """Stops all faults."""
        self.stub.calm()
        if self.sink in WEB:
            self.receiver._script.clear()

    def forward(self) -> Outcome:
        """Forwards all events as an SQS batch, and checks that they are accounted for."""
        return self._process([sqs_record(data, str(index)) for index, data in enumerate(EVENTS)])

    def process(self) -> tuple[Any, Outcome]:
        """Does the same as :meth:`forward` without checks, and returns the response, too."""
        payload = sqs(*(sqs_record(data, str(index)) for index, data in enumerate(EVENTS)))
        response, outcome = self.forwarder.process(payload, Context(self.row.seconds))
        return response, outcome

    def redeliver(self, items: Iterable[Item]) -> Outcome:
        """Forwards messages of a failure queue, as its event source mapping does."""
        records = [
            sqs_record(item.data, str(index), attributes=dict(item.attributes))
            for index, item in enumerate(items)
        ]
        return self._process(records, seconds=30)

    def _process(self, records: list[dict[str, Any]], seconds: float | None = None) -> Outcome:
        before = len(self.queued(DEAD_LETTER)), len(self.queued(RETRY_QUEUE))
        context = Context(seconds or self.row.seconds)
        response, outcome = self.forwarder.process(sqs(*records), context)
        dead = self.queued(DEAD_LETTER)[before[0] :]
        again = self.queued(RETRY_QUEUE)[before[1] :]
        failures = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
        self.check(outcome, failures, dead, again)
        return outcome

    def queued(self, arn: str) -> list[Item]:
        """The messages in a failure queue."""
        return self.stub.stored(place(arn))

    def taken(self, sink: str | None = None) -> list[bytes]:
        """The events that a sink really stored, with repetitions."""
        sink = sink or self.sink
        if sink in WEB:
            return [
                data
                for request, fault in self.receiver.played
                if _accepts(fault, request.decoded)
                for data in WEB[sink].events(request.decoded)
                if getattr(fault, "accepts", bool)(data)
            ]
        if sink == "securityhub":
            return [
                _BY_FINDING[item.id.rpartition("/")[2]]
                for item in self.stub.stored(place(DESTINATIONS[sink]))
            ]
        arn = HEALTHY if sink == "healthy" else DESTINATIONS[sink]
        end = b"\n" if sink == "firehose" else b""
        if sink == "s3-cloudtrail":
            return [_BY_RECORD[data] for data in self.stub.taken(place(arn))]
        return [data.removesuffix(end) for data in self.stub.taken(place(arn))]

    def check(self, outcome: Outcome, failures: list[str], dead: list[Item], again: list[Item]) -> None:
        """Checks that each event is at its sink or accounted for, unchanged, and nothing else is there."""
        assert outcome.breaks == []
        dead_letters, retries = _owed(dead), _owed(again)
        expected_dead: set[tuple[str, bytes]] = set()
        expected_retries: set[tuple[str, bytes]] = set()
        returned: set[str] = set()
        for sink, verdicts in outcome.verdicts.items():
            totals = outcome.totals(sink)
            assert totals.balanced
            assert totals.received == len(verdicts)
            taken = set(self.taken(sink))
            assert taken <= set(EVENTS), f"{sink} has bytes that nobody sent"
            for index, verdict in verdicts.items():
                message = outcome.messages[index]
                match verdict.fate:
                    case Fate.DELIVERED:
                        assert message.raw in taken, f"{sink} never stored message {index}"
                    case Fate.DEAD_LETTERED:
                        expected_dead.add((sink, message.raw))
                    case Fate.RETURNED if verdict.in_retry_queue:
                        expected_retries.add((sink, message.raw))
                    case Fate.RETURNED:
                        returned.add(message.origin.ref)
        assert dead_letters == expected_dead
        assert retries == expected_retries
        assert sorted(failures) == sorted(returned)

    def fate(self, outcome: Outcome) -> str:
        """The fates of the events at the sink, in a few words."""
        counts = Counter(
            "retry queue" if verdict.in_retry_queue else verdict.fate.value
            for verdict in outcome.verdicts[self.sink].values()
        )
        words = [name if count == COUNT else f"{count} {name}" for name, count in sorted(counts.items())]
        twice = sum(count > 1 for count in Counter(self.taken()).values())
        return ", ".join(words) + (f" ({twice} twice)" if twice else "")


def _owed(items: list[Item]) -> set[tuple[str, bytes]]:
    """(sink, original bytes) of every message in a failure queue."""
    return {
        (sink, redelivery.decode_body(item.data.decode(), item.attributes))
        for item in items
        for sink in redelivery.from_attributes(item.attributes).owed or ()
    }


def _accepts(fault: Any, body: bytes) -> bool:
    if hasattr(fault, "accepts"):
        return True
    culprit = getattr(fault, "culprit", b"")
    return culprit not in body if culprit else getattr(fault, "status", 200) < 300
