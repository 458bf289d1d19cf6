"""One reading of AWS's errors, whoever made the call: may the same call succeed later?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trailforward.errors import PermanentError, SinkError, TransientError

if TYPE_CHECKING:
    from collections.abc import Collection

#: Codes that every service may answer with and that pass. The sinks add their own (facts: API models).
TRANSIENT = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "InternalServiceException",
        "KMSThrottling",
        "KMSThrottlingException",
        "KmsThrottled",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        # Credentials that expired while the call was under way are renewed by the next attempt.
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
    }
)

#: Codes by which AWS blames what was sent: a whole call, where one entry may be the cause, or an entry.
BLAMING = frozenset(
    {
        "413",
        "BatchRequestTooLong",
        "InvalidArgument",
        "InvalidArgumentException",
        "InvalidMessageContents",
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterValue",
        "ParameterValueInvalid",
        "RequestEntityTooLarge",
        "RequestEntityTooLargeException",
        "SerializationException",
        "ValidationError",
        "ValidationException",
    }
)

#: The code of an answer that does not say what became of the entries.
UNREADABLE = "unreadable_answer"

_THROTTLED = 429
_SERVER_ERROR = 500


def refusal(
    code: str, message: str, status: int, retry_after: str | None, transient: Collection[str] = ()
) -> SinkError:
    """Sorts an answer of AWS by its code, or by its HTTP status where the code is unknown.

    Args:
        code: AWS's, with or without a prefix: ``com.amazonaws.kinesis#…``, ``AWS.SimpleQueueService.…``.
        message: AWS's words.
        status: of HTTP.
        retry_after: the header, if there is one.
        transient: codes of this service that pass, beside :data:`TRANSIENT`.
    """
    code = code.rpartition("#")[2] or "Unknown"
    # SQS in query-compatible mode prefixes some codes: AWS.SimpleQueueService.NonExistentQueue.
    short = code.rpartition(".")[2]
    message = without_values(message)
    if {code, short} & (TRANSIENT | set(transient)) or status >= _SERVER_ERROR or status == _THROTTLED:
        return TransientError(short, message, retry_after=_seconds(retry_after or ""))
    return PermanentError(short, message, divisible=short in BLAMING)


#: ``Value '…' at 'records.1.member.data' failed to satisfy constraint``: the value may be an event.
_VALUE = re.compile(r"""\bvalue:?\s*['"(\[].*['")\]]\s*(?=(at|for)\b)""", re.IGNORECASE | re.DOTALL)
_MESSAGE_CHARACTERS = 300


def without_values(message: str) -> str:
    """AWS's words without what they may repeat of the request: reasons are logged, payloads never."""
    return _VALUE.sub("a value ", message)[:_MESSAGE_CHARACTERS]


def _seconds(value: str) -> float | None:
    return float(value) if value.isascii() and value.isdigit() else None
