"""Lambda: Invoke, asynchronously, of a function in any Region and account.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.aws.errors import UNPARSEABLE
from trailforward.aws.own_calls import OwnCall
from trailforward.errors import TransientError
from trailforward.sinks._acting import ActingSettings, ActingSink
from trailforward.sinks.base import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry

#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 1 MB for asynchronous invocations.
LIMITS = Limits(max_entries=1, max_entry_bytes=1_048_576, max_batch_bytes=1_048_576, max_concurrency=8)

#: Codes of a function that is not ready at the moment: its code, its configuration, or its snapshot.
TRANSIENT = frozenset(
    {
        "CodeArtifactUserPendingException",
        "ResourceConflictException",
        "SnapStartNotReadyException",
        "SnapStartTimeoutException",
    }
)
#: Status of an asynchronous invocation that Lambda has put into its queue.
_QUEUED = 202


class LambdaSettings(ActingSettings):
    """``[sinks.NAME]`` with the ARN of a Lambda function, of a version, or of an alias."""

    service: ClassVar[str] = "lambda"
    service_name: ClassVar[str] = "Lambda"
    resource_type: ClassVar[str] = "function"
    resource_prefix: ClassVar[str] = "function:"
    example: ClassVar[str] = "arn:aws:lambda:us-west-2:111122223333:function:remediate"

    @classmethod
    def name_shape(cls) -> str:
        """The function's name, and a version or an alias."""
        return r"[A-Za-z0-9_-]{1,64}(:([$]LATEST|[A-Za-z0-9_-]{1,128}))?"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """Invoke of the function."""
        return (OwnCall("lambda.amazonaws.com", ("Invoke",), self.to),)


class LambdaSink(ActingSink):
    """Invokes a function asynchronously, with the event as its payload.

    Args:
        settings: see :class:`LambdaSettings`.
        direct: False to always call through botocore.
    """

    Settings: ClassVar = LambdaSettings
    service: ClassVar = "lambda"
    default_limits: ClassVar = LIMITS

    def __init__(self, settings: LambdaSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)

    def _act(self, _index: int, entry: Entry) -> None:
        response = self._client.call(
            "invoke",
            transient=TRANSIENT,
            FunctionName=self.arn,
            InvocationType="Event",
            Payload=entry.data,
        )
        if response.get("StatusCode") != _QUEUED:
            raise TransientError(UNPARSEABLE, "the response is not that of an asynchronous invocation")

    def rehearse(self) -> bool:
        """Lets Lambda check permission and parameters; the function does not run.

        Raises:
            SinkError: the function does not exist, or access is denied.
        """
        self._client.call("invoke", transient=TRANSIENT, FunctionName=self.arn, InvocationType="DryRun")
        return True
