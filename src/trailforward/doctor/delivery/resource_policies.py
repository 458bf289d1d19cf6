"""Resource policies: whether a queue, topic, function, or stream that exists accepts a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailforward.doctor.delivery.delivery_path import Stage
from trailforward.doctor.delivery.policies import has_allow, policy_allows

if TYPE_CHECKING:
    from trailforward.arn import Arn
    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.delivery.request import Request
    from trailforward.doctor.world.resources import Resource


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of a target.

    Attributes:
        action: the action that the sender must be allowed.
        code: the finding if the target's own policy does not allow it; empty if such targets have no policy.
        needs_role: whether EventBridge needs a role to deliver.
        is_read: whether live worlds have such targets; otherwise an absent one may exist.
    """

    action: str
    code: str = ""
    needs_role: bool = False
    is_read: bool = True


#: Service to the kind of its targets.
#: Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
KINDS = {
    "sqs": Kind("sqs:SendMessage", "QUEUE_POLICY"),
    "sns": Kind("sns:Publish", "TOPIC_POLICY"),
    "lambda": Kind("lambda:InvokeFunction", "LAMBDA_POLICY_MISSING"),
    "kinesis": Kind("kinesis:PutRecord", "STREAM_POLICY", needs_role=True),
    "firehose": Kind("firehose:PutRecord", "STREAM_POLICY", needs_role=True),
    "states": Kind("states:StartExecution", needs_role=True, is_read=False),
    "codepipeline": Kind("codepipeline:StartPipelineExecution", needs_role=True, is_read=False),
    "codebuild": Kind("codebuild:StartBuild", needs_role=True, is_read=False),
}
_API_DESTINATION = Kind("events:InvokeApiDestination", needs_role=True, is_read=False)


def kind_of(arn: Arn) -> Kind | None:
    """The kind of a target other than a bus; None for those that the doctor does not support.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-iam-roles.html
    """
    if arn.service == "events" and arn.resource.startswith("api-destination/"):
        return _API_DESTINATION
    return KINDS.get(arn.service)


def through_policy(
    path: DeliveryPath, link: str, resource: Resource, kind: Kind, request: Request, *, needs_allow: bool
) -> DeliveryPath:
    """Checks the resource policy. EventBridge sends no source account to Lambda, so such conditions fail.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    if not kind.code:
        return path
    code, sent = kind.code, request
    if kind.action == "lambda:InvokeFunction":
        sent = request.without("aws:sourceaccount")
    if "policy" in resource.unread:
        return path.doubt("NOT_SEEN", link, what="policy", reason=resource.unread["policy"])
    allowed = policy_allows(resource.policy, sent, needs_allow=needs_allow)
    if allowed is None:
        return path.doubt("NOT_UNDERSTOOD", link, what="whether its policy allows the delivery")
    if not allowed:
        if sent is not request and policy_allows(resource.policy, request, needs_allow=needs_allow):
            code = "LAMBDA_SOURCE_ACCOUNT"
        source = request.context.get("aws:sourcearn")
        condition = f" with aws:SourceArn = {source}" if isinstance(source, str) else ""
        return path.broken(code, link, Stage.POLICY, sender=request.sender, condition=condition)
    if not needs_allow and kind.code != "STREAM_POLICY" and has_allow(resource.policy, request) is False:
        return path.note("ROLE_REPLACES_POLICY", link)
    return path


def absent(query: Query, path: DeliveryPath, link: str, arn: Arn, kind: Kind) -> DeliveryPath:
    """A resource that is not in the world: it is missing, or it was not read."""
    if not kind.is_read:
        return path.doubt("NOT_SEEN", link, what="resource", reason=f"{arn.service} is not read")
    if arn.account not in query.index.accounts:
        return path.doubt("ACCOUNT_NOT_VISIBLE", link, unread=arn.account)
    reason = query.index.unseen("resources", arn.account, arn.region, str(arn))
    if reason is not None:
        return path.doubt("NOT_SEEN", link, what="resource", reason=reason)
    return path.broken("TARGET_MISSING", link, Stage.ABSENT, missing=f"{arn} does not exist")
