"""Kills the function again and again while the destinations fail, and looks for every event at the end.

    python -m tests.trials.kills [PAIRS] [SEED]

AWS's runtime client runs the function in a process of its own. Of its calls to Kinesis, SNS, SQS, and
Firehose, 40 % fail, and half of its invocations end with SIGKILL at a random moment. Half of the pairs of
event and sink go through each AWS client. Exits with 1 if a pair is neither delivered, with the same bytes,
nor in the dead-letter queue with a reason.
"""

from __future__ import annotations

import os
import random
import ssl
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.world import DEAD_LETTER, DESTINATIONS, POISON, RETRY_QUEUE, place
from tests.support.events import QUEUE, envelope
from tests.support.runtime_api import Function
from tests.trials.chaos import ChaoticAws
from tests.trials.source_queue import SourceQueue, Waiting
from trailforward import redelivery

if TYPE_CHECKING:
    from tests.support.runtime_api import Response

SINKS = ("kinesis", "sns", "sqs", "firehose")
BATCH = 50
#: The share of invocations that end with SIGKILL, unless they are over before.
KILLED = 0.5
#: Seconds until the signal. An invocation with faults takes about as long.
LATEST = 0.2
#: After this many invocations for each batch, the run counts as stuck.
MOST_ROUNDS = 100

CONFIG = (
    f'dead_letter = "{DEAD_LETTER}"\nretry_queue = "{RETRY_QUEUE}"\n'
    + "".join(f'[sinks.{name}]\nto = "{DESTINATIONS[name]}"\n' for name in SINKS)
    + "[retry]\ninitial_seconds = 0.01\nmax_attempts = 3\n"
)


def event(number: int) -> bytes:
    """An event whose bytes do not survive parsing and encoding. SQS refuses every 97th."""
    word = POISON.decode() if number % 97 == 0 else "harmless"
    return envelope(number, pad="x" * (number % 700), word=word, city="bücher")


class Run:
    """One run over one client.

    Args:
        client: ``direct`` or ``botocore``.
        count: number of events.
        seed: of the faults and the signals.
    """

    def __init__(self, client: str, count: int, seed: int) -> None:
        self.client = client
        self.events = [event(number) for number in range(count)]
        self.kills = self.invocations = 0
        self._source = random.Random(seed)  # noqa: S311  # repeatable
        self._aws = ChaoticAws(seed)
        self._queue = SourceQueue(QUEUE)
        self._retries = SourceQueue(RETRY_QUEUE)
        self._retried = 0  # items of the retry queue that are in the other one already

    def run(self) -> dict[str, int]:
        """Forwards all events; the figures."""
        environ = {"TRAILFORWARD_CONFIG": CONFIG, "POWERTOOLS_METRICS_DISABLED": "true"}
        if self.client == "botocore":
            environ["AWS_CA_BUNDLE"] = ssl.get_default_verify_paths().cafile or _bundle()
        self._queue.send(Waiting(data, {}) for data in self.events)
        rounds = MOST_ROUNDS * (len(self.events) // BATCH + 1)
        with self._aws as aws, tempfile.TemporaryDirectory() as folder:
            environ["AWS_ENDPOINT_URL"] = aws.url
            while self._queue or self._retries:
                with Function(environ, Path(folder)) as function:
                    while self._invoke(function) and (self._queue or self._retries):
                        if self.invocations > rounds:
                            raise AssertionError(f"stuck: {function.log[-3_000:]}")
                        if self.invocations == rounds // 2:
                            aws.quiet()
        return self._figures()

    def _invoke(self, function: Function) -> bool:
        """One invocation; whether the process still runs."""
        queue = self._source.choice([each for each in (self._queue, self._retries) if each])
        payload = queue.batch(self._source, BATCH)
        self.invocations += 1
        killing = self._source.random() < KILLED
        after = self._source.uniform(0, LATEST)
        response = function.invoke_and_kill(payload, after) if killing else function.invoke(payload)
        if response is not None and response.kind == "response":
            queue.delete(payload, _failed(response))
        alive = function.running
        self.kills += not alive
        self._poll_retry_queue()
        return alive

    def _poll_retry_queue(self) -> None:
        items = self._aws.stored(place(RETRY_QUEUE))
        self._retries.send(Waiting(item.data, item.attributes) for item in items[self._retried :])
        self._retried = len(items)

    def _figures(self) -> dict[str, int]:
        """Looks for every pair."""
        sent = set(self.events)
        dead: dict[str, set[bytes]] = {name: set() for name in SINKS}
        without_reason = 0
        for item in self._aws.stored(place(DEAD_LETTER)):
            without_reason += not (
                item.attributes.get(redelivery.CODE) and item.attributes.get(redelivery.REASON)
            )
            body = redelivery.decode_body(item.data.decode(), item.attributes)
            for name in redelivery.from_attributes(item.attributes).owed or ():
                dead[name].add(body)
        delivered = lost = foreign = duplicates = 0
        for name in SINKS:
            end = b"\n" if name == "firehose" else b""
            arrived = Counter(data.removesuffix(end) for data in self._aws.taken(place(DESTINATIONS[name])))
            foreign += sum(data not in sent for data in [*arrived, *dead[name]])
            lost += sum(data not in arrived and data not in dead[name] for data in sent)
            delivered += len(arrived)
            duplicates += arrived.total() - len(arrived)
        faults = self._aws.faults
        return {
            "pairs": len(sent) * len(SINKS),
            "lost": lost,
            "changed": foreign,
            "dead letters without a reason": without_reason,
            "delivered": delivered,
            "dead letters": sum(map(len, dead.values())),
            "duplicates": duplicates,
            "kills": self.kills,
            "invocations": self.invocations,
            "calls": faults.total() - faults["cut off"],
            "failed calls": faults.total() - faults["accepted"] - faults["cut off"],
            "requests cut off": faults["cut off"],
            "calls by the wrong client": self._aws.clients.total() - self._aws.clients[self.client],
        }


def _failed(response: Response) -> list[str]:
    return [failure["itemIdentifier"] for failure in response.body["batchItemFailures"]]


def _bundle() -> str:
    import certifi

    return certifi.where()


def main(pairs: int, seed: int) -> int:
    """Runs both clients; the exit status."""
    failed = 0
    for client in ("direct", "botocore"):
        start = time.monotonic()
        found = Run(client, pairs // 2 // len(SINKS) + 1, seed).run()
        wrong = [name for name in list(found)[1:4] if found[name]] + ["client"] * bool(
            found["calls by the wrong client"]
        )
        failed += bool(wrong)
        figures = ", ".join(f"{amount:,} {name}" for name, amount in found.items())
        result = "FAILED" if wrong else "ok"
        sys.stdout.write(f"{result}  {client}, seed {seed}, {time.monotonic() - start:.0f} s: {figures}\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.pop("AWS_CA_BUNDLE", None)
    sys.exit(
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 52_000, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    )
