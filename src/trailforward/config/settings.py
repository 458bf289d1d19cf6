"""The head keys of ``trailforward.toml``."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from trailforward.arn import Arn
from trailforward.errors import SettingError
from trailforward.own_calls import OwnCall
from trailforward.settings import Constraint, Settings

#: How ``own_calls`` names a call: the service of ``eventSource``, and ``eventName``.
CALL = "[a-z0-9-]{1,63}:[A-Za-z0-9]{1,128}"
_EXAMPLE = "ec2:RevokeSecurityGroupIngress"

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


class OwnCallSettings(Settings):
    """One of ``own_calls``: a call that code of your own makes with the function's role.

    Attributes:
        call: service and event name, as CloudTrail records them: ``ec2:RevokeSecurityGroupIngress``.
        resource: ARN of what it acts on; ``*`` at its end stands for any rest, ``*`` alone for any resource.
    """

    call: str
    resource: str

    @classmethod
    def check_call(cls, call: str) -> None:
        """Refuses what does not name one call."""
        if not re.fullmatch(CALL, call):
            raise SettingError(
                "not SERVICE:EVENT", f"write one call, such as {_EXAMPLE}; a list has one entry each"
            )

    @classmethod
    def check_resource(cls, resource: str) -> None:
        """Refuses what is neither an ARN nor ``*``."""
        fix = (
            "write an ARN such as arn:aws:ec2:eu-west-1:111122223333:security-group/*, or * for any resource"
        )
        if resource == "*":
            return
        if "*" in resource[:-1].removesuffix(":") or "?" in resource:
            raise SettingError("a wildcard before the end", fix)
        try:
            Arn.parse(resource)
        except ValueError as error:
            raise SettingError(f"not an ARN: {error}", fix) from None

    @property
    def own_call(self) -> OwnCall:
        """The call as the pipeline compares it."""
        service, _, name = self.call.partition(":")
        return OwnCall(f"{service}.amazonaws.com", (name,), self.resource)


class PipelineSettings(Settings):
    """The keys at the head of ``trailforward.toml``.

    Attributes:
        dead_letter: SQS queue ARN or ``file:PATH`` for events that can never be delivered. Without it they go
            back to the source, whose own redrive policy must catch them.
        retry_queue: ARN of a standard SQS queue, also a source of the function, for events that only some
            sinks took.
        own_arns: the function's role, and the queues, streams, keys and log groups of the pipeline that the
            configuration does not name otherwise. What the pipeline does with them is not forwarded.
        own_calls: calls that code of your own makes with the function's role, which are not forwarded.
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
    own_calls: Annotated[tuple[OwnCallSettings, ...], Constraint(strict=False, max_length=100)] = ()
    deadline_margin_seconds: Annotated[float, Constraint(ge=0.1, le=300)] = 2.0
    forged: Literal["count", "tag", "dead_letter"] = "count"
    aws_client: Literal["direct", "botocore"] = "direct"
    retry: RetrySettings = RetrySettings()
