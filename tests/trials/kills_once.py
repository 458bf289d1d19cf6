"""Kills a function with ``once`` again and again, and looks for an alert of every key.

    python -m tests.trials.kills_once [EVENTS] [SEED] [group]

AWS's runtime client runs the function in a process of its own. Of its calls to SQS 40 % fail, half of its
invocations end with SIGKILL at a random moment, and the table is in moto. Exits with 1 if the alert of a key
was neither delivered nor is a dead letter. With ``group``, the alerts of a batch are one message.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.world import DEAD_LETTER, DESTINATIONS, RETRY_QUEUE, place
from tests.support.events import QUEUE, envelope
from tests.support.runtime_api import Function
from tests.trials.chaos import ChaoticAws
from tests.trials.kills import BATCH, KILLED, LATEST, MOST_ROUNDS, _failed
from tests.trials.source_queue import SourceQueue, Waiting
from trailforward import redelivery
from trailforward.demo.local_aws import ACCOUNT, Clients, LocalServer

ACTORS = 40
#: With ``group``, no more than a message has lines, so that each alert names its actor.
GROUPED_ACTORS = 20
REGION = "eu-west-1"
CONFIG = f"""
state = "arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/state"
dead_letter = "{DEAD_LETTER}"
retry_queue = "{RETRY_QUEUE}"
[sinks.sqs]
to = "{DESTINATIONS["sqs"]}"
KEYS
[retry]
initial_seconds = 0.01
max_attempts = 3
[[routes]]
name = "alerts"
sinks = ["sqs"]
once = {{ within = "1h", per = ["detail.userIdentity.arn"] }}
"""

GROUP = 'format = "text"\ngroup = true'


def run(count: int, seed: int, keys_of_sink: str = "") -> dict[str, int]:
    """Forwards events of some actors; the figures."""
    source = random.Random(seed)  # noqa: S311  # repeatable
    actors = GROUPED_ACTORS if keys_of_sink else ACTORS
    events = [_event(number, source.randrange(actors)) for number in range(count)]
    queue, retries, moved = SourceQueue(QUEUE), SourceQueue(RETRY_QUEUE), 0
    queue.send(Waiting(data, {}) for data in events)
    kills = invocations = 0
    environ = {
        "TRAILFORWARD_CONFIG": CONFIG.replace("KEYS", keys_of_sink),
        "POWERTOOLS_METRICS_DISABLED": "true",
    }
    with LocalServer() as server, Clients(server.url) as clients, ChaoticAws(seed) as aws:
        clients("dynamodb", REGION).create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        environ |= {"AWS_ENDPOINT_URL": aws.url, "AWS_ENDPOINT_URL_DYNAMODB": server.url}
        rounds = MOST_ROUNDS * (count // BATCH + 1)
        with tempfile.TemporaryDirectory() as folder:
            while queue or retries:
                with Function(environ, Path(folder)) as function:
                    while function.running and (queue or retries):
                        if (invocations := invocations + 1) > rounds:
                            raise AssertionError(f"stuck: {function.log[-3_000:]}")
                        if invocations == rounds // 2:
                            aws.quiet()
                        chosen = source.choice([each for each in (queue, retries) if each])
                        payload = chosen.batch(source, BATCH)
                        after = source.uniform(0, LATEST)
                        killing = source.random() < KILLED
                        response = (
                            function.invoke_and_kill(payload, after) if killing else function.invoke(payload)
                        )
                        if response is not None and response.kind == "response":
                            chosen.delete(payload, _failed(response))
                        kills += not function.running
                        items = aws.stored(place(RETRY_QUEUE))
                        retries.send(Waiting(item.data, item.attributes) for item in items[moved:])
                        moved = len(items)
        items_of_table: list[Any] = clients("dynamodb", REGION).scan(TableName="state")["Items"]
        arrived = Counter(aws.taken(place(DESTINATIONS["sqs"])))
        dead = [
            redelivery.decode_body(item.data.decode(), item.attributes)
            for item in aws.stored(place(DEAD_LETTER))
        ]
    keys = {actor for data in events for actor in _actors(data)}
    safe = {actor for data in [*arrived, *dead] for actor in _actors(data)}
    return {
        "keys": len(keys),
        "lost": len(keys - safe),
        "changed": 0 if keys_of_sink else sum(data not in set(events) for data in arrived),
        "events": count,
        "messages delivered": len(arrived),
        "duplicates": arrived.total() - len(arrived),
        "dead letters": len(dead),
        "held back": sum(json.loads(item["value"]["S"])["held"] for item in items_of_table),
        "kills": kills,
        "invocations": invocations,
    }


def _event(number: int, actor: int) -> bytes:
    return envelope(number, userIdentity={"type": "Unknown", "arn": f"actor-{actor}-"})


def _actors(data: bytes) -> set[bytes]:
    """The actors that an event or a message names."""
    return set(re.findall(rb"actor-[0-9]+-", data))


def main(count: int, seed: int, keys_of_sink: str) -> int:
    """Runs the trial; the exit status."""
    start = time.monotonic()
    found = run(count, seed, keys_of_sink)
    wrong = bool(found["lost"] or found["changed"])
    figures = ", ".join(f"{amount:,} {name}" for name, amount in found.items())
    sys.stdout.write(
        f"{'FAILED' if wrong else 'ok'}  seed {seed}, {time.monotonic() - start:.0f} s: {figures}\n"
    )
    return int(wrong)


if __name__ == "__main__":
    wanted = [text for text in sys.argv[1:] if text != "group"]
    numbers = [int(text) for text in (*wanted, *("2000", "1")[len(wanted) :])]
    sys.exit(main(numbers[0], numbers[1], GROUP if "group" in sys.argv else ""))
