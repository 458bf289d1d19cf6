"""What to do about an error that the check of a sink found."""

from __future__ import annotations

from typing import Any

from trailforward import sinks
from trailforward.errors import SinkError, TransientError

#: Sink type → the IAM action that sending needs.
ACTIONS = {
    "kinesis": "kinesis:PutRecords",
    "firehose": "firehose:PutRecordBatch",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "eventbridge": "events:PutEvents",
    "eventbridge-v2": "events:PutRawEvents",
    "logs": "logs:PutLogEvents",
    "s3": "s3:PutObject",
    "securityhub": "securityhub:BatchImportFindings",
    "lambda": "lambda:InvokeFunction",
    "stepfunctions": "states:StartExecution",
}
#: Codes of responses that refuse the caller.
DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "KMSAccessDeniedException",
        "KmsAccessDenied",
        "NoCredentials",
        "NotAuthorized",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
        "http_401",
        "http_403",
    }
)
_ABSENT = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "NonExistentQueue",
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "StateMachineDoesNotExist",
        "http_404",
        "http_410",
    }
)
_UNREACHABLE = frozenset(
    {"dns", "connect_timeout", "connection_refused", "connection_failed", "tls_handshake", "timeout"}
    | {"ConnectTimeoutError", "EndpointConnectionError"}
)


def explained(error: SinkError, settings: Any) -> tuple[str, str]:
    """Returns the problem and its fix.

    Args:
        error: of the sink.
        settings: of the sink.
    """
    problem, _, fix = str(error).partition(". Fix: ")
    return problem, fix or _fix(error, settings, sinks.type_of(settings.to) or "")


def _fix(error: SinkError, settings: Any, kind: str) -> str:
    code = error.code
    if code in DENIED and kind in ACTIONS:
        return f"grant {ACTIONS[kind]} on {sent_to(settings, kind)}; `trailforward iam` prints the policy"
    if code in _ABSENT:
        where = f" in {settings.to.split(':')[3]}" if settings.to.startswith("arn:") else ""
        return "check the path in `to`" if kind == "http" else f"check that the destination exists{where}"
    if code == "tls" and kind != "http":
        return "set AWS_CA_BUNDLE to the PEM file of the CA in between"
    for codes, fix in _FIXES:
        if code in codes:
            return fix
    if isinstance(error, TransientError):
        return "the destination is slow, down, or throttles: try again later"
    return "compare the message with the destination's documentation, and correct its settings"


_FIXES = (
    (DENIED, "check that the receiver accepts the secret, and that the secret may send there"),
    ({"secret"}, "store the secret in the form that `preset` or `auth` expects"),
    ({"tls"}, "set `ca_file` to the PEM file of the receiver's CA, or correct the host in `to`"),
    ({"wrong_account"}, "use credentials of that account, or a destination in this one"),
    (_UNREACHABLE, "check the host and port in `to`, the security groups, and the route from here"),
)


def sent_to(settings: Any, kind: str) -> str:
    """Returns the ARN or ARN pattern that the permission to send must name."""
    if kind == "s3":
        return f"{settings.resource}/{settings.prefix}*"
    if kind == "logs":
        return f"{settings.resource.removesuffix(':*')}:*"
    return str(settings.resource)
