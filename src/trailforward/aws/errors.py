"""Classifies AWS errors as transient or permanent, for direct calls and for botocore."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trailforward.errors import Cause, PermanentError, SinkError, TransientError

if TYPE_CHECKING:
    from collections.abc import Collection

#: Codes of throttling that any service may return (source: API models).
THROTTLING_CODES = frozenset(
    {
        "KMSThrottling",
        "KMSThrottlingException",
        "KmsThrottled",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

#: Transient codes that any service may return. Sinks add codes of their service (source: API models).
TRANSIENT_CODES = THROTTLING_CODES | frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "InternalServiceException",
        "PriorRequestNotComplete",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        # The next attempt renews credentials that expired during the call.
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
    }
)

#: Codes for invalid input, either in an entry or in a call, where a single entry may be the cause.
INVALID_INPUT_CODES = frozenset(
    {
        "413",
        "BatchRequestTooLong",
        "InvalidArgument",
        "InvalidArgumentException",
        "InvalidExecutionInput",
        "InvalidInput",
        "InvalidInputException",
        "InvalidMessageContents",
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "InvalidRequestContentException",
        "ParameterValueInvalid",
        "RequestEntityTooLarge",
        "RequestEntityTooLargeException",
        "RequestTooLargeException",
        "SerializationException",
        "SerializedRequestEntityTooLargeException",
        "ValidationError",
        "ValidationException",
    }
)

#: Codes that name the content of an entry: it can never be accepted.
CONTENT_CODES = frozenset(
    {
        "413",
        "BatchRequestTooLong",
        "EntityTooLarge",
        "InvalidExecutionInput",
        "InvalidMessageContents",
        "MalformedDetail",
        "RequestEntityTooLarge",
        "RequestEntityTooLargeException",
        "RequestTooLargeException",
        "SerializedRequestEntityTooLargeException",
    }
)

#: Code of a response that does not say which entries were accepted.
UNPARSEABLE = "unparseable_response"

_THROTTLED = 429
_SERVER_ERROR = 500


def to_sink_error(
    code: str, message: str, status: int, retry_after: str | None, transient: Collection[str] = ()
) -> SinkError:
    """Classifies an AWS error by its code, or by its HTTP status if the code is unknown.

    Args:
        code: AWS's error code, with or without a prefix (``com.amazonaws.kinesis#…``,
            ``AWS.SimpleQueueService.…``).
        message: AWS's error message.
        status: HTTP status.
        retry_after: value of the header ``Retry-After``, if there is one.
        transient: the service's own transient error codes, in addition to :data:`TRANSIENT_CODES`.
    """
    code = code.rpartition("#")[2] or "Unknown"
    # SQS in query-compatible mode prefixes some codes: AWS.SimpleQueueService.NonExistentQueue.
    short = code.rpartition(".")[2]
    message = redact_values(message)
    if {code, short} & (TRANSIENT_CODES | set(transient)) or status >= _SERVER_ERROR or status == _THROTTLED:
        from trailforward.transport.responses import retry_after_seconds  # a cold start sees no errors

        throttled = status == _THROTTLED or short in THROTTLING_CODES
        return TransientError(
            short, message, retry_after=retry_after_seconds(retry_after), throttled=throttled
        )
    return PermanentError(
        short, message, divisible=short in INVALID_INPUT_CODES, content=short in CONTENT_CODES
    )


def entry_cause(code: str) -> Cause:
    """Why AWS refused a single entry: throttling, or whose fault it is if no retry can help."""
    if code in THROTTLING_CODES:
        return Cause.THROTTLING
    if code in CONTENT_CODES:
        return Cause.CONTENT
    return Cause.UNKNOWN if code in INVALID_INPUT_CODES or code == "RedactionFailure" else Cause.DESTINATION


#: ``Value '…' at 'records.1.member.data' failed to satisfy constraint``: the value may be an event.
#: Compiled by the first error, not by every cold start.
_VALUE = r"""(?is)\bvalue:?\s*['"(\[].*['")\]]\s*(?=(at|for)\b)"""
_MESSAGE_CHARACTERS = 300


def redact_values(message: str) -> str:
    """AWS's error message without request values, because messages are logged and payloads must not be."""
    return re.sub(_VALUE, "a value ", message)[:_MESSAGE_CHARACTERS]
