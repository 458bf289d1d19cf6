"""Step Functions: StartExecution, named after the event, so that a repeated event starts nothing.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from trailforward.aws.errors import UNPARSEABLE
from trailforward.aws.own_calls import OwnCall
from trailforward.errors import Cause, EventError, PermanentError, TransientError
from trailforward.jsontext import to_bytes, to_text
from trailforward.sinks._acting import ActingSettings, ActingSink
from trailforward.sinks._aws_batches import digest
from trailforward.sinks.base import Limits, Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry

#: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: 256 KiB of input as UTF-8.
LIMITS = Limits(max_entries=1, max_entry_bytes=262_144, max_batch_bytes=262_144, max_concurrency=8)

TRANSIENT = frozenset({"ExecutionLimitExceeded", "KmsThrottlingException"})
#: Names may have other characters as well, but CloudWatch Logs gets only the executions with these.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


class StepFunctionsSettings(ActingSettings):
    """``[sinks.NAME]`` with the ARN of a state machine, of a version, or of an alias.

    State machines have no resource policies, so only roles of the same account may start them.
    """

    service: ClassVar[str] = "states"
    service_name: ClassVar[str] = "Step Functions"
    resource_type: ClassVar[str] = "state machine"
    resource_prefix: ClassVar[str] = "stateMachine:"
    only_own_account: ClassVar[bool] = True
    example: ClassVar[str] = "arn:aws:states:us-west-2:111122223333:stateMachine:remediate"

    @classmethod
    def name_shape(cls) -> str:
        """The state machine's name, without white space and special characters, and a version or an alias."""
        return "[A-Za-z0-9_.!'()+=@-]{1,80}(:[A-Za-z0-9_.-]{1,80})?"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """StartExecution of the state machine."""
        return (OwnCall("states.amazonaws.com", ("StartExecution",), self.to),)

    @property
    def own_state_machine(self) -> str:
        """The state machine. Step Functions sends an event about each start and end of an execution."""
        return self.to


class StepFunctionsSink(ActingSink):
    """Starts an execution, with the event as its input.

    Args:
        settings: see :class:`StepFunctionsSettings`.
        direct: False to always call through botocore.
    """

    Settings: ClassVar = StepFunctionsSettings
    service: ClassVar = "stepfunctions"
    default_limits: ClassVar = LIMITS

    def __init__(self, settings: StepFunctionsSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)

    def _act(self, index: int, entry: Entry) -> Rejection | None:
        try:
            text = to_text(entry.data)
        except EventError as error:
            return Rejection(index, error.code, str(error), transient=False, cause=Cause.CONTENT)
        try:
            response = self._client.call(
                "start_execution",
                transient=TRANSIENT,
                stateMachineArn=self.arn,
                name=_name(entry.key),
                input=text,
            )
        except PermanentError as error:
            # The execution of this event has ended, or runs with another form of the event.
            if error.code == "ExecutionAlreadyExists":
                return None
            raise
        if not response.get("executionArn"):
            raise TransientError(UNPARSEABLE, "the response names no execution")
        return None


def _name(key: str) -> str:
    """The event's ID if it is a valid name, otherwise its digest."""
    return key if _NAME.fullmatch(key) else digest(to_bytes(key))
