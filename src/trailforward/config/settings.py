"""The head keys of ``trailforward.toml``."""

from __future__ import annotations

from typing import Annotated, Literal

from trailforward.settings import Constraint, Settings

#: Strings as a TOML array gives them: a list, where a tuple is declared.
Strings = Annotated[tuple[str, ...], Constraint(strict=False)]


class RetrySettings(Settings):
    """How refused entries are tried again within an invocation.

    Attributes:
        max_attempts: passes over what was refused, the first one included.
        base_seconds: the first wait is between 0 and this; it doubles each time.
        cap_seconds: no wait is longer, unless the destination asks for it.
    """

    max_attempts: Annotated[int, Constraint(ge=1, le=100)] = 5
    base_seconds: Annotated[float, Constraint(ge=0, le=60)] = 0.2
    cap_seconds: Annotated[float, Constraint(ge=0, le=900)] = 20.0


class PipelineSettings(Settings):
    """The keys at the head of ``trailforward.toml``.

    Attributes:
        dead_letter: SQS queue ARN or ``file:PATH`` for events that can never be delivered. Without it they go
            back to the source, whose own redrive policy must catch them.
        retry_queue: ARN of a standard SQS queue, also a source of the function, for events that only some
            sinks took.
        own_arns: further roles and resources of the pipeline, whose events are filtered as its own.
        deadline_margin_seconds: sending stops this long before Lambda's time is up; the rest is for
            dead letters, the retry queue and the answer.
        forged: what becomes of events whose source is not AWS's, or whose account or Region contradict the
            record in them: ``count`` them in the metric of this name, ``tag`` them for subscribers, too, or
            ``dead_letter`` them instead of forwarding.
        aws_client: ``direct`` calls AWS without botocore where that is the same (an environment with plain
            credentials and no other settings of botocore's), which starts in a third of the time;
            ``botocore`` never does.
        retry: how refused entries are tried again within an invocation.
    """

    dead_letter: str | None = None
    retry_queue: str | None = None
    own_arns: Strings = ()
    deadline_margin_seconds: Annotated[float, Constraint(ge=0.1, le=300)] = 2.0
    forged: Literal["count", "tag", "dead_letter"] = "count"
    aws_client: Literal["direct", "botocore"] = "direct"
    retry: RetrySettings = RetrySettings()
