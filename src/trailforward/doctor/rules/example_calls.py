"""Example calls: calls that stand for an intended call, each made into an event that the pattern matches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from trailforward.doctor.rules.data_resources import data_resources
from trailforward.doctor.rules.read_only import read_only
from trailforward.doctor.rules.witness import witness
from trailforward.doctor.world.call import Call
from trailforward.doctor.world.data_events import category_of
from trailforward.doctor.world.regions import event_region
from trailforward.patterns.cloudtrail import member_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.rules.intended import Intended
    from trailforward.doctor.world.index import Index
    from trailforward.patterns import Pattern
    from trailforward.patterns.cloudtrail import EventKind
    from trailforward.patterns.operators import Condition

_NO_ACCOUNT = "0" * 12


@dataclass(frozen=True, slots=True)
class ExampleCall:
    """One operation, as an event of one kind.

    Attributes:
        operation: the ``eventName``.
        name: ``iam:CreateUser``.
        variants: calls without account and Region: one, or several if it is not known whether the call is
            read-only, or whether its events are data events.
        depends_on_reading: whether the variants differ in being read-only.
    """

    operation: str
    name: str
    variants: tuple[Call, ...]
    depends_on_reading: bool


def example_calls(call: Intended) -> Iterator[ExampleCall]:
    """The operations to try for an intended call; the likeliest kind of event comes first."""
    rule = call.combination.rule
    kinds = call.kinds[:1] if not call.named else call.kinds
    for kind, (service, name) in product(kinds, call.operations):
        readings = _readings(rule.get("detail.readOnly"), kind, name)
        categories = tuple(_categories(rule, kind, service, name))
        variants = tuple(
            _call(kind, service, name, reading, category, rule.get("detail-type"))
            for reading, category in product(readings, categories)
        )
        yield ExampleCall(name, f"{service}:{name}", variants, len(readings) > 1)


def finished(variant: Call, call: Intended, pattern: Pattern, index: Index) -> Call | None:
    """A placed call whose event the pattern matches; None if there is none."""
    region, _ = event_region(variant)
    if variant.identity.get("accountId") == _NO_ACCOUNT:
        identity = {**variant.identity, "accountId": variant.account}
        variant = variant.model_copy(update={"identity": identity})
    event = witness(call.combination.rule, variant.event(region))
    if event is None or not pattern.checks[call.number](event):
        return None
    detail = event["detail"]
    resources = variant.resources
    if variant.category == "Data" and not detail.get("resources"):
        resources = data_resources(index, variant, detail)
        detail = {**detail, "resources": [{"type": item.type, "ARN": item.arn} for item in resources]}
    return variant.model_copy(
        update={
            "detail": detail,
            "resources": resources,
            "identity": _object(detail.get("userIdentity")),
            "request_parameters": detail.get("requestParameters"),
            "error_code": detail.get("errorCode"),
        }
    )


def _readings(condition: Condition | None, kind: EventKind, name: str) -> tuple[bool | None, ...]:
    if kind.name != "api-call":
        return (False,) if kind.name == "sign-in" else (None,)
    known = read_only(name)
    likely: tuple[bool | None, ...] = (True, False) if known is None else (known,)
    if condition is None:
        return likely
    allowed = tuple(filter(member_test(condition), (True, False)))
    return tuple(value for value in likely if value in allowed) or allowed or likely


def _categories(rule: dict[str, Condition], kind: EventKind, service: str, name: str) -> Iterator[str]:
    if kind.name != "api-call":
        yield kind.categories[0] if kind.categories else "Management"
        return
    usual = category_of(f"{service}.amazonaws.com", name)
    likely = (usual,) if usual else ("Management", "Data")
    found = [category for category in likely if _allows(rule, category)]
    yield from found or [one for one in ("Management", "Data") if _allows(rule, one)] or likely


def _allows(rule: dict[str, Condition], category: str) -> bool:
    by_category, by_flag = rule.get("detail.eventCategory"), rule.get("detail.managementEvent")
    return (by_category is None or member_test(by_category)(category)) and (
        by_flag is None or member_test(by_flag)(category == "Management")
    )


def _call(
    kind: EventKind,
    service: str,
    name: str,
    reading: bool | None,  # noqa: FBT001
    category: str,
    detail_type: Condition | None,
) -> Call:
    accepts = member_test(detail_type) if detail_type is not None else (lambda _: True)
    user = {"type": "IAMUser", "accountId": _NO_ACCOUNT, "userName": "doctor"}
    return Call(
        account=_NO_ACCOUNT,
        region="",
        service=f"{service}.amazonaws.com",
        event_name=name,
        source=f"aws.{service}",
        read_only=reading,
        category=category,
        detail_type=next(filter(accepts, kind.detail_types), kind.detail_types[0]),
        identity=user if kind.name != "service-event" else {"invokedBy": "AWS Internal"},
        resources=(),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
