"""Whether a CloudTrail record says that its action failed. Models and formats use this one rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Amazon Managed Grafana writes the HTTP status of each action as ``errorCode``, also of successful ones.
_SUCCESS = re.compile("2[0-9][0-9]")

#: Only these events write ``Failure`` into free-form objects. In responses of other APIs it is a value of the
#: resource.
_WITH_RESULT = frozenset({"awsconsolesignin", "awsserviceevent"})

_ERROR_STATUSES = range(400, 600)


def is_success_code(code: object) -> bool:
    """Whether an ``errorCode`` is an HTTP status from 200 to 299 as text, which is not an error."""
    return bool(_SUCCESS.fullmatch(_text(code)))


def reported_failure(record: Mapping[str, Any]) -> tuple[str | None, str | None] | None:
    """Code and message of the failure that a record reports; None if it reports none.

    Never raises: values of another type count as missing. A record can report a failure in these places:

    - ``errorCode``, unless it is an HTTP status from 200 to 299;
    - ``errorMessage`` without ``errorCode``, as failed console sign-ins do
      (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html);
    - the value ``Failure`` in ``responseElements`` or ``serviceEventDetails`` of a sign-in or service event:
      ``{"ConsoleLogin": "Failure"}``, ``{"CredentialVerification": "Failure"}``;
    - ``additionalEventData.result.statusType``: ``failure`` in Amazon Managed Grafana;
    - ``additionalEventData.responseParameters.status`` of a service event, from 400, in Amazon Cognito
      (https://docs.aws.amazon.com/cognito/latest/developerguide/understanding-amazon-cognito-entries.html);
    - ``responseElements.statusCode``, from 400, in Amazon Bedrock AgentCore
      (https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/understanding-gateway-cloudtrail-log-entries.html).

    Args:
        record: the record, or at least the keys named above with ``eventType`` and ``eventSource``.
    """
    code, message = _text(record.get("errorCode")), _text(record.get("errorMessage"))
    if (code or message) and not is_success_code(code):
        return code or None, message or None
    response, extra = _dict(record.get("responseElements")), _dict(record.get("additionalEventData"))
    special = _text(record.get("eventType")).lower() in _WITH_RESULT
    result = _dict(extra.get("result"))
    if _text(result.get("statusType")).lower() == "failure":
        status = _text(result.get("statusCode"))
        return (None if is_success_code(status) else status or None), message or "Failure"
    if special and any(
        "Failure" in part.values() for part in (response, _dict(record.get("serviceEventDetails")))
    ):
        return None, message or "Failure"
    # API Gateway has a member statusCode too: the status of a response that somebody configured.
    agent_core = record.get("eventSource") == "bedrock-agentcore.amazonaws.com"
    status = _error_status(response.get("statusCode")) if agent_core else ""
    if not status and special:
        status = _error_status(_dict(extra.get("responseParameters")).get("status"))
    return (status, message or None) if status else None


def _error_status(status: object) -> str:
    """An HTTP status from 400 as text; empty for other values. CloudTrail writes 401 and 401.0."""
    return str(int(status)) if isinstance(status, int | float) and status in _ERROR_STATUSES else ""


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
