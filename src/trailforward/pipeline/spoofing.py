"""Forgery: who may put events on a bus may give them any detail-type, so what they claim is compared.

EventBridge keeps sources that begin with ``aws.`` for AWS: an event of another source is nobody's word but
its sender's. And an envelope's account and Region are those of the record in it, hops to other buses
included (they replace ``id`` and ``time`` alone).
"""

from __future__ import annotations

from typing import Any

from trailforward.message import is_record

#: Services and kinds whose records may lie in another Region than they name: global services, which are
#: recorded in one Region for all, sign-ins, which follow rules of their own, and events that services write.
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
_KINDS = frozenset({"awsconsoleaction", "awsconsolesignin", "awsserviceevent"})


def contradiction(event: dict[str, Any]) -> str:
    """What speaks against an event: ``source``, ``account`` or ``region``; empty if nothing does.

    Survives any JSON. What is missing contradicts nothing.

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
    return "" if anywhere or (isinstance(kind, str) and kind.lower() in _KINDS) else "region"


def _differ(one: Any, other: Any) -> bool:
    return one != other and isinstance(one, str) and isinstance(other, str) and bool(one) and bool(other)
