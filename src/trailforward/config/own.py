"""The AWS calls that a configuration causes: each sink, queue, secret, and source lists its own calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward import sinks
from trailforward.arn import Arn
from trailforward.aws.own_calls import log_call, state_call
from trailforward.config.fetch import fetch_calls
from trailforward.sources._own_calls import reading_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.aws.own_calls import OwnCall, OwnEvent
    from trailforward.config.config import Config


def own_calls(config: Config, where: str = "", region: str | None = None) -> Iterator[OwnCall]:
    """Yields every AWS call that the function's role makes for a configuration.

    Args:
        config: a valid configuration.
        where: ``TRAILFORWARD_CONFIG``; empty if it is not set.
        region: Region of a parameter that ``where`` names without an ARN.
    """
    for settings in [*config.sinks.values(), *_queues(config)]:
        yield from settings.own_calls
    # Lambda polls the retry queue, too.
    for text in [*config.pipeline.own_arns, *filter(None, [config.pipeline.retry_queue])]:
        arn = Arn.parse(text)
        yield from reading_calls(arn)
        if arn.service == "logs":
            yield log_call(arn)
    if config.pipeline.state is not None:
        yield state_call(config.pipeline.state)
    for declared in config.pipeline.own_calls:
        yield declared.own_call
    yield from fetch_calls(where, region)


def own_events(config: Config) -> Iterator[OwnEvent]:
    """Yields the shapes of the events that the sinks of a configuration put on buses."""
    for settings in config.sinks.values():
        if (event := getattr(settings, "own_event", None)) is not None:
            yield event


def own_findings(config: Config) -> Iterator[str]:
    """Yields the start of the IDs of the findings that the sinks of a configuration import."""
    for settings in config.sinks.values():
        if (start := getattr(settings, "own_findings", None)) is not None:
            yield start


def own_state_machines(config: Config) -> Iterator[str]:
    """Yields the ARNs of the state machines that the sinks of a configuration start."""
    for settings in config.sinks.values():
        if (arn := getattr(settings, "own_state_machine", None)) is not None:
            yield arn


def own_resources(config: Config) -> list[str]:
    """Returns the ARNs of the pipeline's roles and of the resources that AWS services deliver to."""
    queues = [config.pipeline.dead_letter or "", config.pipeline.retry_queue or ""]
    return [*config.pipeline.own_arns, *(queue for queue in queues if queue.startswith("arn:"))]


def _queues(config: Config) -> list[Any]:
    """Returns the settings of the dead-letter queue, its bucket, the retry queue, and the receipts."""
    pipeline = config.pipeline
    receipts = None if pipeline.receipts is None else pipeline.receipts.to
    named = [pipeline.dead_letter, pipeline.retry_queue, pipeline.dead_letter_bucket, receipts]
    return [
        sinks.load(kind).Settings(to=to)
        for to in named
        if to is not None and (kind := sinks.type_of(to)) is not None
    ]
