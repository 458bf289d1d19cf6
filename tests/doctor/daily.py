"""``make demo-daily-doctor``: the daily doctor's function on a local AWS, and planted changes."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from tests.doctor.planted import HOME, HUB, MEMBER, NAME, QUEUE, PlantedWorld
from trailforward.doctor.daily.function import lambda_handler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.daily import Message

BUCKET = "reports-of-the-daily-doctor"
REGIONS = (HOME, "eu-west-1", "sa-east-1")
NEW = "000000000001"


class Context(NamedTuple):
    """What the function needs of Lambda's context."""

    aws_request_id: str = "run"
    seconds: float = 900

    def get_remaining_time_in_millis(self) -> float:
        """As Lambda's."""
        return self.seconds * 1000


class DailyAws:
    """A local AWS with two accounts, a bucket, and a topic whose messages can be read.

    Attributes:
        planted: the accounts, whose rules and trail can be changed.
        environment: the environment of the function.
    """

    def __init__(self, planted: PlantedWorld) -> None:
        self.planted = planted
        self.s3 = planted.client("s3")
        self._sqs = planted.client("sqs")
        self._sns = planted.client("sns")
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.s3.create_bucket(Bucket=BUCKET)
        topic = self._sns.create_topic(Name="alarms")["TopicArn"]
        self._inbox = self._sqs.create_queue(QueueName="inbox")["QueueUrl"]
        inbox = f"arn:aws:sqs:{HOME}:{MEMBER}:inbox"
        self._sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox)
        self.environment = {
            "TRAILFORWARD_DOCTOR_STACK": NAME,
            "TRAILFORWARD_DOCTOR_BUCKET": BUCKET,
            "TRAILFORWARD_DOCTOR_TOPIC": topic,
            "TRAILFORWARD_DOCTOR_DESTINATIONS": QUEUE,
            "TRAILFORWARD_DOCTOR_ACCOUNTS": HUB,
            "TRAILFORWARD_DOCTOR_ROLE": "audit",
            "TRAILFORWARD_DOCTOR_EXTERNAL_ID": "of-the-demo",
            **self.planted.environment(),
        }
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Deletes all objects and messages."""
        for key in self.objects():
            self.s3.delete_object(Bucket=BUCKET, Key=key)
        list(self.messages())

    def run(self, context: Context | None = None) -> dict[str, Any]:
        """Runs the function; returns the metrics that it publishes.

        Raises:
            Exception: the function fails; its metrics are in :attr:`metrics`.
        """
        self.metrics: dict[str, Any] = {}
        out = io.StringIO()
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            with redirect_stdout(out):
                lambda_handler({}, context or Context())
        finally:
            os.environ.clear()
            os.environ.update(before)
            for line in map(json.loads, out.getvalue().splitlines()):
                if "_aws" in line:
                    (directive,) = line["_aws"]["CloudWatchMetrics"]
                    self.metrics = {one["Name"]: line[one["Name"]] for one in directive["Metrics"]}
        return self.metrics

    def messages(self) -> Iterator[Message]:
        """The notifications since the last call."""
        from trailforward.doctor.daily import Message

        while found := self._sqs.receive_message(QueueUrl=self._inbox).get("Messages"):
            for one in found:
                body = json.loads(one["Body"])
                yield Message(body["Subject"], body["Message"])
                self._sqs.delete_message(QueueUrl=self._inbox, ReceiptHandle=one["ReceiptHandle"])

    def objects(self) -> list[str]:
        """The objects in the bucket."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return [item["Key"] for item in listed]


def main() -> int:
    """Runs the function for five days, with changes in between, and prints every notification."""

    def day(title: str) -> None:
        print(f"=== {title}")
        metrics = ", ".join(f"{name} {value}" for name, value in aws.run().items())
        print(f"metrics: {metrics}")
        messages = list(aws.messages())
        for message in messages:
            print(f"Subject: {message.subject}\n\n{message.text}\n")
        if not messages:
            print("no notification\n")

    with PlantedWorld(REGIONS, {}) as planted, DailyAws(planted) as aws:
        events, trails = planted.client("events", "sa-east-1"), planted.client("cloudtrail")
        day("day 1: the first run")
        day("day 2: nothing changed")
        events.disable_rule(Name=f"{NAME}-regional")
        planted.aws.regions[NEW] = dict.fromkeys(REGIONS, "ENABLED_BY_DEFAULT")
        aws.environment["TRAILFORWARD_DOCTOR_ACCOUNTS"] += f",{NEW}"
        day("day 3: a rule was disabled in sa-east-1, and an account was added")
        events.enable_rule(Name=f"{NAME}-regional")
        trails.stop_logging(Name="all")
        day("day 4: the rule was enabled, and the trail was stopped")
        trails.start_logging(Name="all")
        planted.aws.refuse("AccessDeniedException", service="events", region="eu-west-1")
        day("day 5: the trail logs again, and the rules of eu-west-1 cannot be read")
    return 0


if __name__ == "__main__":
    sys.exit(main())
