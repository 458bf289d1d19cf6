"""Whether a CloudTrail record says that its action failed. Every format and model uses this one rule."""

from __future__ import annotations

import re

#: Amazon Managed Grafana writes the HTTP status of each action as ``errorCode``, also of successful ones:
#: https://docs.aws.amazon.com/grafana/latest/userguide/logging-using-cloudtrail.html
_SUCCESS = re.compile("2[0-9][0-9]")

#: Only these events write their result into free-form objects. In responses of other APIs, the same texts are
#: values of the resource: ``"error"`` is the name of a log type of RDS.
_WITH_RESULT = frozenset({"awsconsolesignin", "awsserviceevent"})


def is_success_code(code: object) -> bool:
    """Whether an ``errorCode`` is an HTTP status from 200 to 299 as text, which is not an error."""
    return bool(_SUCCESS.fullmatch(_text(code)))


def reported_failure(
    event_type: object,
    code: object,
    message: object,
    *,
    response: object = None,
    service_details: object = None,
    extra: object = None,
) -> tuple[str | None, str | None] | None:
    """Code and message of the failure that a record reports; None if it reports none.

    Never raises: values of another type count as missing. A record can report a failure in four places:

    - ``errorCode``, unless it is an HTTP status from 200 to 299;
    - ``errorMessage`` without ``errorCode``, as failed console sign-ins do;
    - the value ``Failure`` in ``responseElements`` or ``serviceEventDetails`` of a sign-in or service event:
      ``{"ConsoleLogin": "Failure"}``, ``{"CredentialVerification": "Failure"}``;
    - ``additionalEventData.result.statusType``, ``failure`` for failed actions in Amazon Managed Grafana.

    Args:
        event_type: ``eventType``.
        code: ``errorCode``.
        message: ``errorMessage``.
        response: ``responseElements``.
        service_details: ``serviceEventDetails``.
        extra: ``additionalEventData``.
    """
    code_text, message_text = _text(code) or None, _text(message) or None
    success_code = is_success_code(code)
    if (code_text or message_text) and not success_code:
        return code_text, message_text
    result = extra.get("result") if isinstance(extra, dict) else None
    if isinstance(result, dict) and _text(result.get("statusType")).lower() == "failure":
        status = _text(result.get("statusCode"))
        return (status if status and not is_success_code(status) else None), message_text or "Failure"
    if _text(event_type).lower() in _WITH_RESULT and any(
        isinstance(part, dict) and "Failure" in part.values() for part in (response, service_details)
    ):
        return None, message_text or "Failure"
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
