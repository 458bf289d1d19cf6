"""Plays the demo: a local AWS, the real Lambda handler, four destinations, and proof of what arrived."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING

from trailforward.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from rich.console import Console

    from trailforward.demo.local_aws import LocalAws
    from trailforward.demo.proof import Proof
    from trailforward.demo.receiver import Receiver
    from trailforward.demo.story import Event

#: How many records Kinesis refuses, and how many requests the HTTP API refuses, before they give in.
THROTTLED = 3
BUSY = 1


def run() -> int:
    """Plays the demo and returns 0 if everything arrived unchanged and the ledger adds up, else 1.

    It sets the environment of this process as a Lambda function's would be, and leaves it so.

    Raises:
        MissingExtraError: the local AWS is not installed.
    """
    try:
        for name in ("boto3", "moto.server", "rich"):
            import_module(name)
    except ImportError:
        raise MissingExtraError("the demo", "demo") from None
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    started = time.monotonic()
    with ExitStack() as stack:
        return _play(console, stack, started)


def _play(console: Console, stack: ExitStack, started: float) -> int:
    from trailforward.demo import show, story
    from trailforward.demo.local_aws import Clients, LocalAws, LocalServer
    from trailforward.demo.receiver import Receiver
    from trailforward.demo.throttle import ThrottlingProxy

    spinner = "line" if console.options.ascii_only else "dots"
    with console.status("Starting a local AWS ...", spinner=spinner):
        server = stack.enter_context(LocalServer())
        proxy = stack.enter_context(ThrottlingProxy(server.url, refuse=THROTTLED))
        receiver = stack.enter_context(Receiver(busy=BUSY))
        become_lambda(os.environ, proxy.url)
        aws = LocalAws(stack.enter_context(Clients(server.url)))
        os.environ |= settings(aws, receiver)
    events = story.tell(datetime.now(UTC), uuid.uuid4().hex)
    arns = {"Kinesis": aws.stream_arn, "SNS": aws.topic_arn, "Firehose": aws.firehose_arn}
    places = {name: arn.split(":")[3] for name, arn in arns.items()}
    show.intro(console, events, places | {"an HTTP API": ""})
    with console.status("Forwarding ...", spinner=spinner):
        proof = forward(aws, receiver, events)
    show.story(console, proof)
    labels = (*places, "HTTP")  # in the order of TRAILFORWARD_TO, which the ledger keeps
    show.ledger(console, proof, dict(zip((line.sink for line in proof.lines), labels, strict=False)))
    seconds = time.monotonic() - started
    show.closing(console, proof, throttled=proxy.refused, busy=receiver.refused, seconds=seconds)
    return 0 if proof.holds else 1


def become_lambda(environ: MutableMapping[str, str], endpoint: str) -> None:
    """Makes the environment that of a Lambda function that can reach the local AWS and nothing else.

    Args:
        environ: what to change.
        endpoint: the local AWS.
    """
    from trailforward.demo.local_aws import CREDENTIALS, HOME, NAME

    for name in list(environ):
        if name.startswith(("AWS_", "TRAILFORWARD_", "POWERTOOLS_")) or name.lower().endswith("_proxy"):
            del environ[name]  # a profile, an endpoint or a proxy would lead elsewhere
    environ.update(
        {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": HOME,
            "AWS_DEFAULT_REGION": HOME,
            "AWS_LAMBDA_FUNCTION_NAME": NAME,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Metrics and logs go to stdout, where the table is.
            "AWS_LAMBDA_LOG_LEVEL": "CRITICAL",
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
            "POWERTOOLS_METRICS_DISABLED": "true",
        }
    )
    environ.update({name.upper(): value for name, value in CREDENTIALS.items()})


def settings(aws: LocalAws, receiver: Receiver) -> dict[str, str]:
    """The function's configuration: its destinations, two queues, and its role, whose calls feed nothing."""
    from trailforward.demo.local_aws import ACCOUNT, NAME

    return {
        "TRAILFORWARD_OWN_ARNS": f"arn:aws:iam::{ACCOUNT}:role/{NAME}-role",
        "TRAILFORWARD_TO": f"{aws.stream_arn} {aws.topic_arn} {aws.firehose_arn} {receiver.url}",
        "TRAILFORWARD_DEAD_LETTER": aws.queue_arn(aws.dead_letter),
        "TRAILFORWARD_RETRY_QUEUE": aws.queue_arn(aws.retry_queue),
    }


def forward(aws: LocalAws, receiver: Receiver, events: list[Event]) -> Proof:
    """Puts the events on the queue, lets the handler forward them, and looks what arrived.

    Args:
        aws: the local AWS.
        receiver: the HTTP API.
        events: what to send.
    """
    from trailforward.demo.mapping import poll
    from trailforward.demo.proof import compare

    # As in Lambda, the module is loaded (and its configuration checked) before the first event.
    from trailforward.handler import forwarder

    sent = {}
    for event in events:
        sent[event.digest] = event, time.monotonic()
        aws.put(event.body)
    invocations = list(poll(aws, [aws.source, aws.retry_queue], forwarder.process))
    forwarder.close()
    arrived = {
        "Kinesis": aws.arrived_at_stream(),
        "SNS": aws.arrived_at_topic(),
        "Firehose": aws.arrived_at_firehose(),
        "HTTP": receiver.events,
    }
    return compare(sent, arrived, invocations)
