"""Spoofed envelopes: whoever may put events on a bus chooses their detail-type and content.

EventBridge reserves sources that begin with ``aws.`` for AWS, so an event with another source proves nothing.
An envelope's account and Region are those of its record, also after hops to other buses (a hop replaces only
``id`` and ``time``).
"""

from __future__ import annotations

from typing import Any

from trailforward.message import is_record

#: Services whose records may name another Region than the envelope: global services, which are recorded in
#: one Region, and sign-ins, which follow their own rules.
_ANYWHERE = frozenset(
    {
        "account.amazonaws.com",
        "aws-portal.amazonaws.com",
        "billing.amazonaws.com",
        "billingconsole.amazonaws.com",
        "cloudfront.amazonaws.com",
        "globalaccelerator.amazonaws.com",
        "health.amazonaws.com",
        "iam.amazonaws.com",
        "networkmanager.amazonaws.com",
        "organizations.amazonaws.com",
        "route53.amazonaws.com",
        "route53domains.amazonaws.com",
        "shield.amazonaws.com",
        "signin.amazonaws.com",
        "sso.amazonaws.com",
        "sts.amazonaws.com",
        "support.amazonaws.com",
        "trustedadvisor.amazonaws.com",
        "waf.amazonaws.com",
    }
)
#: Event types with the same exception.
_EVENT_TYPES = frozenset({"awsconsoleaction", "awsconsolesignin", "awsserviceevent"})


def mismatch(event: dict[str, Any]) -> str:
    """The field by which an envelope contradicts its record: ``source``, ``account``, or ``region``.

    Empty if they agree. A missing field contradicts nothing. Never raises, whatever the JSON value.

    Args:
        event: an envelope.
    """
    source, record = event.get("source"), event.get("detail")
    if not isinstance(source, str) or not source.startswith("aws."):
        return "source"
    if not isinstance(record, dict):
        return ""
    account = _differ(event.get("account"), record.get("recipientAccountId") or record.get("accountId"))
    region = _differ(event.get("region"), record.get("awsRegion"))
    if not (account or region) or not is_record(record):
        return ""
    if account:
        return "account"
    kind, service = record.get("eventType"), record.get("eventSource")
    anywhere = service in _ANYWHERE if isinstance(service, str) else True
    return "" if anywhere or (isinstance(kind, str) and kind.lower() in _EVENT_TYPES) else "region"


def _differ(one: Any, other: Any) -> bool:
    return one != other and isinstance(one, str) and isinstance(other, str) and bool(one) and bool(other)
