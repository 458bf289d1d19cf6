"""The top-level keys of ``trailforward.toml``."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Annotated, Any, Literal

from trailforward.arn import Arn
from trailforward.aws.own_calls import OwnCall
from trailforward.errors import SettingError
from trailforward.settings import Constraint, Converter, Settings

#: How ``own_calls`` names a call: the service of ``eventSource``, and ``eventName``.
CALL = "[a-z0-9-]{1,63}:[A-Za-z0-9]{1,128}"
_EXAMPLE = "ec2:RevokeSecurityGroupIngress"

#: The ARN of a DynamoDB table.
TABLE = "arn:aws(-[a-z]+)*:dynamodb:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}"

#: An account ID.
Account = Annotated[str, Constraint(pattern="^[0-9]{12}$")]

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


class OwnCallSettings(Settings):
    """One of ``own_calls``: a call that code of your own makes with the function's role.

    Attributes:
        call: service and event name, as CloudTrail records them: ``ec2:RevokeSecurityGroupIngress``.
        resource: ARN of what it acts on; ``*`` at its end matches any rest, ``*`` alone any resource.
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


class ReceiptSettings(Settings):
    """Where receipts go: a line about each event, with its fate at each sink. See docs/receipts.md.

    A string is a shorthand for ``{ to = "…" }``.

    Attributes:
        to: ARN of a Firehose stream of the function's account, or ``s3://BUCKET/PREFIX?region=REGION``.
        sha256: whether a receipt has the SHA-256 of the bytes of ``detail``.
    """

    to: str
    sha256: bool = False

    @classmethod
    def check_to(cls, to: str) -> None:
        """Refuses what is neither a Firehose stream nor a bucket."""
        from trailforward import sinks

        kind = sinks.type_of(to)
        if kind not in {"firehose", "s3"}:
            fix = "write the ARN of a Firehose stream, or s3://BUCKET/PREFIX?region=REGION"
            raise SettingError("neither a Firehose stream nor a bucket", fix)
        sinks.load(kind).Settings(to=to)

    @property
    def destination(self) -> Any:
        """The settings of the sink that writes receipts."""
        from trailforward import sinks

        kind = sinks.type_of(self.to) or ""
        more = {"delimiter": ""} if kind == "firehose" else {}
        return sinks.load(kind).Settings(to=self.to, **more)


def _receipts(source: Any) -> Any:
    if isinstance(source, str):
        return {"to": source}
    if source is None or isinstance(source, (dict, ReceiptSettings)):
        return source
    raise SettingError("not a string", 'write the destination in quotes, or { to = "…", sha256 = true }')


_Receipts = Annotated[
    ReceiptSettings, Converter(_receipts, lambda declared: {"anyOf": [{"type": "string"}, declared()]})
]


class PipelineSettings(Settings):
    """The top-level keys of ``trailforward.toml``.

    Attributes:
        dead_letter: SQS queue ARN, or ``file:PATH``, for events that cannot be delivered. Without it, such
            events return to the source, and the redrive policy of the source must catch them.
        dead_letter_bucket: ``s3://BUCKET/PREFIX?region=REGION`` for copies of the events that do not fit into
            ``dead_letter``. The dead letter then is a pointer that names the copy.
        retry_queue: ARN of a standard SQS queue for events that only some of their sinks accepted. The queue
            must also be an event source of the function.
        own_arns: ARNs of the function's role, and of the queues, streams, keys, and log groups of the
            pipeline that have no other key. What the pipeline does with them is filtered.
        own_calls: calls that your own code makes with the function's role. Their events are filtered, too.
        canary_roles: ARNs of the roles that make the calls of the stack's canary. Their events, and no others
            of these roles, are filtered as ``canary``, except at sinks with ``canaries = true``.
        deadline_margin_seconds: sending stops this many seconds before the Lambda timeout. The rest of the
            time is for dead letters, the retry queue, and the response.
        envelope_mismatch: what to do with an event whose ``source`` does not begin with ``aws.``, or whose
            account or Region contradicts the record inside it. ``count`` counts it in the metric
            ``envelope_mismatch``; ``tag`` also adds a message attribute for subscribers; ``dead_letter``
            sends it to ``dead_letter`` and does not forward it.
        aws_client: ``direct`` calls AWS without botocore where the result is the same: credentials in the
            environment, and no other botocore settings. A cold start then takes a third of the time.
            ``botocore`` always uses botocore.
        bucket_owners: bucket → the account that must own it, for buckets with CloudTrail log files. S3
            refuses to return an object if somebody else has created the bucket again.
        allow_lints: codes of lints that ``trailforward validate`` does not report.
        route_metrics: whether to publish the metrics ``matched``, ``alerted``, and ``dropped`` for each
            route. CloudWatch charges for each of them.
        state: ARN of the DynamoDB table in which ``once`` and ``threshold`` remember events. Its partition
            key is the string ``id``, its TTL attribute ``expires``. Without it, each execution environment
            of the function remembers its own events, in memory.
        receipts: ARN of a Firehose stream, or ``s3://BUCKET/PREFIX?region=REGION``, for a line about each
            event with its fate at each sink; or ``{ to = "…", sha256 = true }``.
        retry: how rejected entries are retried within one invocation.
    """

    dead_letter: str | None = None
    dead_letter_bucket: str | None = None
    retry_queue: str | None = None
    own_arns: Strings = ()
    own_calls: Annotated[tuple[OwnCallSettings, ...], Constraint(strict=False, max_length=100)] = ()
    canary_roles: Strings = ()
    deadline_margin_seconds: Annotated[float, Constraint(ge=0.1, le=300)] = 2.0
    envelope_mismatch: Literal["count", "tag", "dead_letter"] = "count"
    aws_client: Literal["direct", "botocore"] = "direct"
    bucket_owners: dict[str, Account] = field(default_factory=dict)
    allow_lints: Strings = ()
    route_metrics: bool = False
    state: str | None = None
    receipts: _Receipts | None = None
    retry: RetrySettings = RetrySettings()

    @classmethod
    def check_state(cls, state: str) -> None:
        """Refuses what is not the ARN of a table."""
        if not re.fullmatch(TABLE, state):
            fix = "write an ARN such as arn:aws:dynamodb:eu-west-1:111122223333:table/trailforward"
            raise SettingError("not the ARN of a DynamoDB table", fix)
