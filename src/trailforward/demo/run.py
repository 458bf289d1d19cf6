"""Runs the demo: a local AWS, the real Lambda handler, four destinations, and the comparison."""

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

    from trailforward.demo.events import Event
    from trailforward.demo.local_aws import LocalAws
    from trailforward.demo.proof import Proof
    from trailforward.demo.receiver import Receiver

#: Number of records that Kinesis rejects, and of requests that the HTTP API rejects, before they accept.
THROTTLED = 3
BUSY = 1


def run() -> int:
    """Runs the demo. Returns 0 if every event arrived unchanged and the ledger adds up, else 1.

    Changes the environment variables of this process to those of a Lambda function, and does not restore
    them.

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
        return _run(console, stack, started)


def _run(console: Console, stack: ExitStack, started: float) -> int:
    from trailforward.demo import output
    from trailforward.demo.command import next_command
    from trailforward.demo.events import make_events
    from trailforward.demo.local_aws import Clients, LocalAws, LocalServer
    from trailforward.demo.receiver import Receiver
    from trailforward.demo.throttle import ThrottlingProxy

    spinner = "line" if console.options.ascii_only else "dots"
    with console.status("Starting a local AWS ...", spinner=spinner):
        server = stack.enter_context(LocalServer())
        proxy = stack.enter_context(ThrottlingProxy(server.url, reject=THROTTLED))
        receiver = stack.enter_context(Receiver(busy=BUSY))
        become_lambda(os.environ, proxy.url)
        aws = LocalAws(stack.enter_context(Clients(server.url)))
        os.environ |= function_variables(aws, receiver)
    events = make_events(datetime.now(UTC), uuid.uuid4().hex)
    arns = {"Kinesis": aws.stream_arn, "SNS": aws.topic_arn, "Firehose": aws.firehose_arn}
    places = {name: arn.split(":")[3] for name, arn in arns.items()}
    output.intro(console, events, places | {"an HTTP API": ""})
    with console.status("Forwarding ...", spinner=spinner):
        proof = forward(aws, receiver, events)
    output.event_table(console, proof)
    labels = (*places, "HTTP")  # in the order of TRAILFORWARD_TO, which the ledger keeps
    output.ledger(console, proof, dict(zip((line.sink for line in proof.lines), labels, strict=False)))
    from trailforward.demo.storm import storm

    with console.status("Forwarding an alert storm ...", spinner=spinner):
        alerts = storm(aws, receiver)
    output.storm(console, alerts)
    seconds = time.monotonic() - started
    output.result(console, proof, throttled=proxy.rejected, busy=receiver.rejected, seconds=seconds)
    output.next_step(console, next_command())
    return 0 if proof.holds and alerts.holds else 1


def become_lambda(environ: MutableMapping[str, str], endpoint: str) -> None:
    """Sets the environment variables of a Lambda function that can reach the local AWS and nothing else.

    Args:
        environ: the variables to change.
        endpoint: the URL of the local AWS.
    """
    from trailforward.demo.local_aws import CREDENTIALS, HOME, NAME

    for name in list(environ):
        if name.startswith(("AWS_", "TRAILFORWARD_", "POWERTOOLS_")) or name.lower().endswith("_proxy"):
            del environ[name]  # a profile, an endpoint, or a proxy would lead to another AWS
    environ.update(
        {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": HOME,
            "AWS_DEFAULT_REGION": HOME,
            "AWS_LAMBDA_FUNCTION_NAME": NAME,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Metrics and logs would go to standard output, into the table.
            "AWS_LAMBDA_LOG_LEVEL": "CRITICAL",
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
            "POWERTOOLS_METRICS_DISABLED": "true",
        }
    )
    environ.update({name.upper(): value for name, value in CREDENTIALS.items()})


def function_variables(aws: LocalAws, receiver: Receiver) -> dict[str, str]:
    """Returns the configuration of the function: its destinations, two queues, and its role."""
    from trailforward.demo.local_aws import ACCOUNT, NAME

    return {
        "TRAILFORWARD_OWN_ARNS": f"arn:aws:iam::{ACCOUNT}:role/{NAME}-role",
        "TRAILFORWARD_TO": f"{aws.stream_arn} {aws.topic_arn} {aws.firehose_arn} {receiver.url}",
        "TRAILFORWARD_DEAD_LETTER": aws.queue_arn(aws.dead_letter),
        "TRAILFORWARD_RETRY_QUEUE": aws.queue_arn(aws.retry_queue),
    }


def forward(aws: LocalAws, receiver: Receiver, events: list[Event]) -> Proof:
    """Sends the events to the queue, lets the handler forward them, and compares what arrived.

    Args:
        aws: the local AWS.
        receiver: the HTTP API.
        events: the events to send.
    """
    from trailforward.demo.event_source_mapping import poll
    from trailforward.demo.proof import compare

    # As in Lambda, importing the module loads and validates the configuration before the first event.
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
