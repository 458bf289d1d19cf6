"""Reads the messages of an SQS queue, forwards them, and deletes those that arrived.

A message is deleted by its receipt handle, and only after the destinations accepted its events. Until then
SQS hides it for :data:`HIDDEN_SECONDS`; if this process is killed, it appears again after that time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward import redelivery
from trailforward.arn import Arn
from trailforward.errors import QueueError
from trailforward.outcome import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.cli._owed import OwedSink
    from trailforward.config import Config
    from trailforward.outcome import Outcome
    from trailforward.pipeline.forwarder import Forwarder

#: How long SQS hides a message that was read.
HIDDEN_SECONDS = 600
#: Messages that are forwarded together. SQS returns at most 10 of them in one response.
_BATCH = 100
_PER_CALL = 10

_URL = re.compile(
    r"https?://(?:sqs\.)?(?P<region>[a-z]{2,}(?:-[a-z]+)+-[0-9]+)?[^/]*/(?:[^/]+/)*[0-9]{12}/.+"
)


class Redrive:
    """One run over a queue.

    Args:
        queue: ARN or URL of the queue.
        config: where to forward to. Its failure queues are not used: what fails stays in the queue.
        wait: seconds of long polling after which an empty queue counts as empty.
        delete_filtered: whether to delete messages whose events go to no destination.
        queues: destinations that keep trailforward's attributes of the messages.

    Attributes:
        name: of the queue.
        config: without failure queues.
        waiting: messages in the queue at the start, as SQS estimates.
        deleted: messages that were forwarded and deleted.
        stayed: messages that stay in the queue.
        filtered: those among ``stayed`` whose events go to no destination.
        undeleted: those among ``stayed`` that were forwarded, but could not be deleted.

    Raises:
        QueueError: the queue does not exist, cannot be read, or is a destination of the configuration.
        MissingExtraError: botocore is not installed.
    """

    def __init__(
        self,
        queue: str,
        config: Config,
        *,
        wait: int,
        delete_filtered: bool = False,
        queues: Sequence[OwedSink] = (),
    ) -> None:
        from trailforward.aws.session import make_client, require_botocore

        require_botocore("reading a queue")
        self.config = _without_queues(config)
        self._wait = wait
        self._delete_filtered = delete_filtered
        self._queues = queues
        self._client = make_client("sqs", _region(queue), connect_timeout=5, read_timeout=30, attempts=3)
        self._url = self._url_of(queue)
        about = self._call("get_queue_attributes", AttributeNames=["All"])["Attributes"]
        self._arn = str(about["QueueArn"])
        self.name = Arn.parse(self._arn).resource
        self.waiting = int(about.get("ApproximateNumberOfMessages", 0))
        if any(settings.resource == self._arn for settings in config.sinks.values()):
            raise QueueError(self.name, "also a destination of the configuration", "name another destination")
        self.deleted = self.stayed = self.filtered = self.undeleted = 0
        #: Message ID → receipt handle, of the messages that stay.
        self._handles: dict[str, str] = {}
        self._delivered: set[str] = set()
        self._failed: set[str] = set()

    @property
    def in_flight(self) -> int:
        """Messages that others are reading, or that are delayed, as SQS estimates."""
        about = self._call("get_queue_attributes", AttributeNames=["All"])["Attributes"]
        names = "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"
        return sum(int(about.get(name, 0)) for name in names)

    def batches(self, forwarder: Forwarder) -> Iterator[None]:
        """Forwards one batch after the other, until the queue is empty or has only messages that stay.

        Args:
            forwarder: made of :attr:`config`; its telemetry calls :meth:`learn` for every outcome.

        Raises:
            QueueError: the queue cannot be read any more.
        """
        try:
            while received := self._receive():
                self._delivered, self._failed = set(), set()
                for records in self._by_owed(received):
                    forwarder.process({"Records": records})
                self._settle(received)
                yield
        finally:
            self._show_again()

    def learn(self, outcome: Outcome) -> None:
        """Learns what became of the events of some messages. The forwarder's telemetry must call it."""
        for verdicts in outcome.verdicts.values():
            for index, verdict in verdicts.items():
                origin = outcome.messages[index].origin
                ident = origin.item or origin.ref
                if verdict.fate is Fate.DELIVERED:
                    self._delivered.add(ident)
                elif verdict.fate is not Fate.FILTERED:
                    self._failed.add(ident)

    def _receive(self) -> list[dict[str, Any]]:
        """The next messages that this run has not seen; none if there are no others."""
        found: list[dict[str, Any]] = []
        while len(found) < _BATCH:
            response = self._call(
                "receive_message",
                MaxNumberOfMessages=_PER_CALL,
                # Only an empty response must have asked all of SQS's servers.
                WaitTimeSeconds=1 if found else self._wait,
                VisibilityTimeout=HIDDEN_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            messages = response.get("Messages") or []
            known = [message for message in messages if message["MessageId"] in self._handles]
            # Hidden no longer: the run has lasted longer than that. It would not end if it read them again.
            self._handles |= {message["MessageId"]: message["ReceiptHandle"] for message in known}
            found += [message for message in messages if message not in known]
            if not messages or known:
                break
        return found

    def _by_owed(self, received: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """The records of a Lambda payload, in one list for each set of sinks that are owed the messages."""
        groups: dict[str | None, list[tuple[dict[str, str], dict[str, Any]]]] = {}
        for message in received:
            typed = (message.get("MessageAttributes") or {}).items()
            texts = {name: value["StringValue"] for name, value in typed if "StringValue" in value}
            groups.setdefault(texts.get(redelivery.SINKS), []).append((texts, self._record(message)))
        for group in groups.values():
            for queue in self._queues:
                queue.expect((record["body"], texts) for texts, record in group)
            yield [record for _, record in group]

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message as Lambda passes it to a function."""
        attributes = message.get("MessageAttributes") or {}
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message.get("Body", ""),
            "attributes": message.get("Attributes") or {},
            "messageAttributes": {
                name: {"stringValue": value.get("StringValue"), "dataType": value.get("DataType")}
                for name, value in attributes.items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
        }

    def _settle(self, received: Sequence[dict[str, Any]]) -> None:
        """Deletes what arrived, and counts the rest."""
        done, kept = [], []
        for message in received:
            ident = message["MessageId"]
            if ident in self._failed:
                kept.append(message)
            elif ident in self._delivered or self._delete_filtered:
                done.append(message)
            else:
                kept.append(message)
                self.filtered += 1
        self.stayed += len(kept)
        self._handles |= {message["MessageId"]: message["ReceiptHandle"] for message in kept}
        for start in range(0, len(done), _PER_CALL):
            self._delete(done[start : start + _PER_CALL])

    def _delete(self, messages: Sequence[dict[str, Any]]) -> None:
        entries = [
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
            for index, message in enumerate(messages)
        ]
        response = self._call("delete_message_batch", Entries=entries)
        gone = len(response.get("Successful") or [])
        self.deleted += gone
        self.undeleted += len(messages) - gone
        self.stayed += len(messages) - gone

    def _show_again(self) -> None:
        """Lets others read the messages that stay, as far as that is possible."""
        handles = list(self._handles.values())
        for start in range(0, len(handles), _PER_CALL):
            entries = [
                {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for index, handle in enumerate(handles[start : start + _PER_CALL])
            ]
            try:
                self._call("change_message_visibility_batch", Entries=entries)
            except QueueError:
                return  # they appear again after HIDDEN_SECONDS

    def _url_of(self, queue: str) -> str:
        if not queue.startswith("arn:"):
            return queue
        arn = Arn.parse(queue)
        found = self._call("get_queue_url", QueueName=arn.resource, QueueOwnerAWSAccountId=arn.account)
        return str(found["QueueUrl"])

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Calls an operation of the queue.

        Raises:
            QueueError: it failed.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        if operation != "get_queue_url":
            parameters["QueueUrl"] = self._url
        try:
            response: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except ClientError as error:
            details = error.response.get("Error", {})
            code = str(details.get("Code", "Unknown")).rpartition(".")[2]
            words = operation.removesuffix("_batch").split("_")
            fix = f"check the queue's name, and that you have sqs:{''.join(map(str.capitalize, words))}"
            raise QueueError(getattr(self, "name", "the queue"), f"{operation} failed: {code}", fix) from None
        except BotoCoreError as error:
            fix = "check the credentials, the Region, and the network"
            raise QueueError("the queue", str(error).partition("\n")[0], fix) from None
        return response


def _without_queues(config: Config) -> Config:
    """The configuration without failure queues, so that a message that fails is not copied."""
    given = dict(vars(config.pipeline))
    for name in ("dead_letter", "dead_letter_bucket", "retry_queue"):
        given.pop(name, None)
    return type(config)(**{**vars(config), "pipeline": type(config.pipeline)(**given)})


def _region(queue: str) -> str:
    """The Region in an ARN or URL; empty if there is none, so that the environment decides.

    Raises:
        QueueError: it is neither the ARN nor the URL of a queue.
    """
    fix = "write arn:aws:sqs:REGION:ACCOUNT:NAME, or the queue's URL"
    if queue.startswith("arn:"):
        try:
            arn = Arn.parse(queue)
        except ValueError:
            arn = None
        if arn is not None and arn.service == "sqs" and arn.region and arn.account:
            return arn.region
    elif (found := _URL.fullmatch(queue)) is not None:
        return found["region"] or ""
    raise QueueError(queue[:200], "neither the ARN nor the URL of an SQS queue", fix)
