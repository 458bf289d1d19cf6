"""The top-level keys of ``trailforward.toml``."""

from __future__ import annotations

from typing import Annotated, Literal

from trailforward.settings import Constraint, Settings

#: Strings in a TOML array, which is a list, where a tuple is declared.
Strings = Annotated[tuple[str, ...], Constraint(strict=False)]


class RetrySettings(Settings):
    """How rejected entries are retried within one invocation.

    Attributes:
        max_attempts: number of attempts, including the first one.
        initial_seconds: upper bound of the first wait; it doubles with each attempt. The wait is random,
            between 0 and the bound.
        max_seconds: upper bound of every wait, unless the destination asks for a longer one.
    """

    max_attempts: Annotated[int, Constraint(ge=1, le=100)] = 5
    initial_seconds: Annotated[float, Constraint(ge=0, le=60)] = 0.2
    max_seconds: Annotated[float, Constraint(ge=0, le=900)] = 20.0


class PipelineSettings(Settings):
    """The top-level keys of ``trailforward.toml``.

    Attributes:
        dead_letter: SQS queue ARN, or ``file:PATH``, for events that cannot be delivered. Without it, such
            events return to the source, and the redrive policy of the source must catch them.
        retry_queue: ARN of a standard SQS queue for events that only some of their sinks accepted. The queue
            must also be an event source of the function.
        own_arns: ARNs of more roles and resources that belong to the pipeline. Events that they cause are
            filtered, like the events that the function causes.
        deadline_margin_seconds: sending stops this many seconds before the Lambda timeout. The rest of the
            time is for dead letters, the retry queue, and the response.
        envelope_mismatch: what to do with an event whose ``source`` does not begin with ``aws.``, or whose
            account or Region contradicts the record inside it. ``count`` counts it in the metric
            ``envelope_mismatch``; ``tag`` also adds a message attribute for subscribers; ``dead_letter``
            sends it to ``dead_letter`` and does not forward it.
        aws_client: ``direct`` calls AWS without botocore where the result is the same: credentials in the
            environment, and no other botocore settings. A cold start then takes a third of the time.
            ``botocore`` always uses botocore.
        retry: how rejected entries are retried within one invocation.
    """

    dead_letter: str | None = None
    retry_queue: str | None = None
    own_arns: Strings = ()
    deadline_margin_seconds: Annotated[float, Constraint(ge=0.1, le=300)] = 2.0
    envelope_mismatch: Literal["count", "tag", "dead_letter"] = "count"
    aws_client: Literal["direct", "botocore"] = "direct"
    retry: RetrySettings = RetrySettings()
