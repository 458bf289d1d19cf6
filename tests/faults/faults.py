"""The faults: how each one looks at each kind of destination, and the fate that the events must get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.web import WEB, LeaveOut, RefuseItems
from tests.faults.world import COUNT, POISON
from tests.support import receiver
from tests.support.stub_aws import (
    Partial,
    Refusal,
    Refuse,
    Reset,
    Response,
    Shortened,
    Silence,
    containing,
    never_the_same,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.stub_aws import Fault, StubAws


class Codes(NamedTuple):
    """A service's error codes."""

    throttled: str
    forbidden: str
    absent: str
    invalid: str
    entry: str


CODES = {
    "kinesis": Codes(
        "ProvisionedThroughputExceededException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "InvalidArgumentException",
        "ProvisionedThroughputExceededException",
    ),
    "firehose": Codes(
        "ThrottlingException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "InvalidArgumentException",
        "ServiceUnavailableException",
    ),
    "sns": Codes("Throttling", "AuthorizationError", "NotFound", "InvalidParameter", "InternalError"),
    "sqs": Codes(
        "RequestThrottled",
        "AccessDenied",
        "AWS.SimpleQueueService.NonExistentQueue",
        "InvalidMessageContents",
        "InternalError",
    ),
    "eventbridge": Codes(
        "ThrottlingException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "InvalidArgument",
        "InternalFailure",
    ),
    "eventbridge-v2": Codes(
        "ThrottlingException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "InvalidInputException",
        "InternalException",
    ),
    "securityhub": Codes(
        "LimitExceededException",
        "AccessDeniedException",
        "InvalidAccessException",
        "InvalidInputException",
        "InternalFailure",
    ),
    **dict.fromkeys(
        ("s3", "s3-cloudtrail"),
        Codes("SlowDown", "AccessDenied", "NoSuchBucket", "InvalidArgument", "InternalError"),
    ),
    "lambda": Codes(
        "TooManyRequestsException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "InvalidRequestContentException",
        "TooManyRequestsException",
    ),
    "stepfunctions": Codes(
        "ThrottlingException",
        "AccessDeniedException",
        "StateMachineDoesNotExist",
        "InvalidExecutionInput",
        "ExecutionLimitExceeded",
    ),
}


@dataclass(frozen=True)
class RefuseCulprit(receiver.Fault):
    """Responds with 400 if the body contains the culprit, otherwise with 200."""

    culprit: bytes

    def apply(self, exchange: receiver.Exchange) -> None:
        """Responds."""
        body = exchange.stored.decoded
        exchange.respond(400 if self.culprit in body else 200, {}, b"")


@dataclass(frozen=True)
class Row:
    """One row of the matrix: a fault and its expected result.

    Attributes:
        name: in a few words.
        aws: makes the fault for the AWS stub, given the service's error codes.
        web: the same fault for an HTTP receiver; None if it cannot happen there.
        items: the same fault for an HTTP receiver that has a result for each event.
        bad: the fate of the events that are not delivered, if both failure queues exist.
        count: how many events are not delivered.
        always: whether every call fails; otherwise only the first one.
        twice: whether some events must arrive twice, because they were stored but not acknowledged.
        read_timeout: of the client, in seconds.
        seconds: remaining time of the invocation.
    """

    name: str
    aws: Callable[[Codes], Fault]
    web: receiver.Fault | None = None
    items: receiver.Fault | None = None
    bad: str = "delivered"
    count: int = 0
    always: bool = False
    twice: bool = False
    read_timeout: float = 10.0
    seconds: float = 30.0

    def play(self, stub: StubAws, place: str, sink: str) -> None:
        """Makes the stub fail."""
        fault = self.aws(CODES[sink])
        if self.always:
            stub.always(place, fault)
        else:
            stub.script(place, fault)

    def http(self) -> list[receiver.Fault]:
        """The script for an HTTP receiver."""
        fault = self.web or self.items
        return [fault] * (100 if self.always else 1) if fault else []


#: Sinks whose calls succeed or fail as a whole.
OBJECTS = ("s3", "s3-cloudtrail")
#: Sinks with one entry in a call, and the row that means several.
_ONE_IN_A_CALL = ("lambda", "stepfunctions")
_ANOTHER = "partial failure, another entry each time"


def lasting(row: Row, name: str, bad: str, count: int = COUNT) -> Row:
    """The same fault, but permanent."""
    return Row(name, row.aws, row.web, row.items, bad, count, always=True)


_THROTTLED = Row(
    "throttled once", lambda c: Refuse(400, c.throttled), receiver.Status(429, {"Retry-After": "0"})
)
_SERVER = Row("server error once", lambda _: Refuse(503), receiver.Status(503))
_RESET = Row("reset before reading, once", lambda _: Reset(stored=False), receiver.Reset(stored=False))
_STORED = Row(
    "reset after storing, once", lambda _: Reset(stored=True), receiver.Reset(stored=True), twice=True
)
_PARTIAL = Row(
    "partial failure once",
    lambda c: Partial(containing(b"1"), Refusal(c.entry)),
    items=RefuseItems(POISON, 429),
)
_ONE = Row(
    "partial failure of one entry",
    lambda c: Partial(containing(POISON), Refusal(c.entry)),
    items=RefuseItems(POISON, 429),
)

ROWS = [
    Row("slow, but in time", lambda _: Silence(stored=True, seconds=0.05), receiver.Slow(0.05)),
    _THROTTLED,
    lasting(_THROTTLED, "throttled always", "returned"),
    _SERVER,
    lasting(_SERVER, "server error always", "returned"),
    lasting(Row("", lambda c: Refuse(403, c.forbidden), receiver.Status(403)), "access denied", "returned"),
    lasting(Row("", lambda c: Refuse(400, c.absent), receiver.Status(404)), "not found", "returned"),
    lasting(
        Row("", lambda _: Refuse(400, "InvalidParameterValue"), receiver.Status(400)),
        "every entry refused",
        "returned",
    ),
    lasting(
        Row("", lambda c: Refuse(400, c.invalid, culprit=POISON), RefuseCulprit(POISON)),
        "call refused for one entry",
        "dead_lettered",
        1,
    ),
    _PARTIAL,
    lasting(_ONE, "partial failure always", "returned", 1),
    lasting(
        Row("", lambda c: Partial(never_the_same(), Refusal(c.entry))),
        _ANOTHER,
        "delivered",
        0,
    ),
    lasting(
        Row(
            "",
            lambda c: Partial(containing(POISON), Refusal(c.invalid, sender_fault=True)),
            items=RefuseItems(POISON, 400),
        ),
        "one entry refused permanently",
        "dead_lettered",
        1,
    ),
    _RESET,
    lasting(_RESET, "reset always", "returned"),
    _STORED,
    Row(
        "timeout, never arrived",
        lambda _: Silence(stored=False),
        receiver.Slow(30, stored=False),
        read_timeout=0.5,
    ),
    Row(
        "timeout, stored but response lost",
        lambda _: Silence(stored=True),
        receiver.Slow(30),
        read_timeout=0.5,
        twice=True,
    ),
    Row(
        "truncated response",
        lambda _: Response(b'{"FailedRecordCount":0,"FailedPutCount":0,"Records":[{"S', promised=900),
        receiver.TRUNCATED,
        twice=True,
    ),
    Row("malformed response", lambda _: Response(b"<html>gateway</html>"), receiver.MALFORMED, twice=True),
    Row(
        "success from another server, nothing stored",
        lambda _: Response(b"<html>Welcome</html>", stored=False),
    ),
    Row("empty response", lambda _: Response(b""), receiver.HangUp(), twice=True),
    Row("response that leaves out an entry", lambda _: Shortened(), items=LeaveOut(), twice=True),
    Row(
        "no response before the deadline",
        lambda _: Silence(stored=True),
        receiver.Slow(30),
        bad="returned",
        count=COUNT,
        always=True,  # batches do not wait for each other
        seconds=4.0,
    ),
]


def applies(sink: str, row: Row) -> bool:
    """Whether calls of a sink can fail as a row says."""
    if sink in OBJECTS:
        return not isinstance(row.aws(CODES[sink]), Partial | Shortened)
    if sink not in WEB:
        return not (sink in _ONE_IN_A_CALL and row.name == _ANOTHER)
    if row.web is not None:
        return True
    items = WEB[sink].items
    if isinstance(row.items, RefuseItems):
        return row.items.status in items
    return row.items is not None and 429 in items  # OTLP responds with numbers, not with a list
