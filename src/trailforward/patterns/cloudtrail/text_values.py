"""Text values: which texts the fields of a CloudTrail event never have, and what to write instead."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from trailforward.patterns.cloudtrail.event_kinds import DETAIL_TYPES, VALUES
from trailforward.patterns.cloudtrail.event_sources import (
    SUFFIX,
    is_known_service,
    known_services,
    operations,
    service_of,
    services_with,
    spelled,
)
from trailforward.patterns.cloudtrail.fields import plain
from trailforward.patterns.cloudtrail.problem import Context, Problem, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.patterns.cloudtrail.event_kinds import EventKind

#: Services whose CloudTrail names often differ from their API names.
#: Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
_OTHER_NAMES = frozenset({"s3", "s3-outposts", "lambda", "cloudfront", "signin", "cognito-idp", "sso"})
#: Service and API operation to the name that CloudTrail was seen to record instead.
#: Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
_RENAMED = {
    ("s3", "PutPublicAccessBlock"): "PutBucketPublicAccessBlock",
    ("s3", "DeletePublicAccessBlock"): "DeleteBucketPublicAccessBlock",
    ("s3", "GetPublicAccessBlock"): "GetBucketPublicAccessBlock",
    ("lambda", "AddPermission"): "AddPermission20150331v2",
    ("lambda", "CreateFunction"): "CreateFunction20150331",
    ("lambda", "DeleteFunction"): "DeleteFunction20150331",
    ("lambda", "GetFunction"): "GetFunction20150331v2",
    ("lambda", "ListFunctions"): "ListFunctions20150331",
    ("lambda", "ListVersionsByFunction"): "ListVersionsByFunction20150331",
    ("lambda", "RemovePermission"): "RemovePermission20150331v2",
    ("lambda", "UpdateFunctionCode"): "UpdateFunctionCode20150331v2",
    ("lambda", "UpdateFunctionConfiguration"): "UpdateFunctionConfiguration20150331v2",
}
_ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-\d[a-z]")
_ACTION = re.compile(r"([a-z0-9-]+):([A-Z]\w+)")
#: The most services to name in a message.
_SHOWN_SERVICES = 2
#: How similar a name must be to a known one to be taken for a slip, as difflib counts.
_CLOSE = 0.92


def text_problem(path: str, text: str, context: Context) -> Problem | None:
    """Why no event of a kind has exactly this text in a field, or None."""
    if path in VALUES:
        return _documented(path, text, context.kind)
    check = _CHECKS.get(path)
    return check(path, text, context) if check else None


def _documented(path: str, text: str, kind: EventKind) -> Problem | None:
    """A value of a field whose values AWS documents; a new value is possible, another case is not."""
    known = VALUES[path]
    fitting = {"detail.eventType": kind.event_types, "detail.eventCategory": kind.categories}.get(path, ())
    if text in known:
        if fitting and text not in fitting:
            return Problem("event-kind", path, f'{kind.title} has the value "{fitting[0]}", not "{text}"')
        return None
    same = next((value for value in known if value.lower() == text.strip().lower()), None)
    return (same and Problem("value-case", path, f'CloudTrail writes "{same}"', instead=same)) or None


def _source(path: str, text: str, context: Context) -> Problem | None:
    low = text.strip().lower()
    if text.startswith("aws.") and text == low:
        service = text.removeprefix("aws.")
        if context.kind.service and service != context.kind.service:
            right = f"aws.{context.kind.service}"
            code, definite = ("sign-in", True) if context.kind.name == "sign-in" else ("source", False)
            return Problem(code, path, f'the source of {context.kind.title} is "{right}"', definite, right)
        return None
    if low.endswith(SUFFIX):
        right = f"aws.{service_of(low)}"
    else:
        right = low if low.startswith("aws.") else f"aws.{low}" if is_known_service(low) else ""
    fix = f': write "{right}"' if right else ""
    return Problem(
        "source", path, f'the source of every CloudTrail event begins with "aws."{fix}', instead=right
    )


def source_prefix_problem(path: str, text: str) -> Problem | None:
    """Why no event has a ``source`` that begins with this text, or None."""
    if text.startswith("aws.") or "aws.".startswith(text):
        return None
    return Problem("source", path, 'the source of every CloudTrail event begins with "aws."')


def _event_source(path: str, text: str, context: Context) -> Problem | None:
    low = text.strip().lower()
    if low == "cloudwatch" + SUFFIX:
        right = "monitoring" + SUFFIX
        return Problem("event-source", path, f'CloudWatch\'s eventSource is "{right}"', instead=right)
    service = service_of(low)
    if text == low and text.endswith(SUFFIX):
        if context.kind.name == "sign-in" and is_known_service(service) and service != "signin":
            return Problem("sign-in", path, f'the eventSource of a console sign-in is "signin{SUFFIX}"')
        return _resembling(path, text) if not is_known_service(service) else None
    right = _intended_source(low)
    if not right:
        odd = re.search(r"[^a-z0-9.{}$-]", low)
        text = f'no eventSource contains "{odd[0]}": write NAME{SUFFIX}' if odd else ""
        return Problem("event-source", path, text) if odd else None
    return Problem("event-source", path, f'CloudTrail writes "{right}"', instead=right)


def _intended_source(low: str) -> str:
    """The ``eventSource`` that was meant, if any: for ``aws.iam``, ``iam``, or ``iam.aws.com``."""
    bare = low.removeprefix("aws.").removesuffix(SUFFIX)
    if is_known_service(bare):
        return bare + SUFFIX
    service, _, rest = bare.partition(".")
    if is_known_service(service) and rest in {"amazon.com", "aws.com", "aws.amazon.com", "amazonaws"}:
        return service + SUFFIX
    return ""


def _resembling(path: str, text: str) -> Problem | None:
    close = get_close_matches(service_of(text), known_services(), 1, _CLOSE)
    if not close:
        return None
    right = close[0] + SUFFIX
    text = f'botocore does not know "{shown(text)}": did you mean "{right}"?'
    return Problem("unknown-name", path, text, definite=False, instead=right)


def _event_name(path: str, text: str, context: Context) -> Problem | None:
    if text == "ConsoleLogin" and context.kind.name != "sign-in":
        right = "AWS Console Sign In via CloudTrail"
        return Problem("sign-in", path, f'ConsoleLogin has the detail-type "{right}"', instead=right)
    bare = text.strip()
    action = _ACTION.fullmatch(bare)
    if action and is_known_service(action[1]):
        return Problem(
            "event-name", path, f'CloudTrail writes "{action[2]}", without the service', instead=action[2]
        )
    if bare != text:
        return Problem(
            "event-name", path, f'there is a blank before or after "{shown(bare)}": remove it', instead=bare
        )
    return _of_services(path, text, context.services or ())


def _of_services(path: str, text: str, services: tuple[str, ...]) -> Problem | None:
    """What is wrong with a name, by the API operations of the services that it may belong to."""
    renamed = next(filter(None, (_RENAMED.get((service, text)) for service in services)), "")
    if renamed:
        fix = f'CloudTrail has been seen to record this call as "{renamed}": add that name, or use a prefix'
        return Problem("renamed-call", path, fix, definite=False, instead=renamed)
    if not services or any(text in operations(service) or not operations(service) for service in services):
        return None
    right = next(filter(None, (spelled(service, text) for service in services)), "")
    if right:
        return Problem("event-name", path, f'CloudTrail writes "{right}"', instead=right)
    return _resembling_name(path, text, services)


def _resembling_name(path: str, text: str, services: tuple[str, ...]) -> Problem | None:
    """A likely slip in a name. Names with a version (``CreateFunction20150331``) are CloudTrail's own."""
    if any(char.isdigit() for char in text) or not _OTHER_NAMES.isdisjoint(services):
        return None
    known = [name for service in services for name in operations(service)]
    close = get_close_matches(text, known, 1, _CLOSE)
    others = services_with(text)[:_SHOWN_SERVICES]
    if others:
        where = f"botocore knows this call of {' and '.join(others)}, not of {' or '.join(services)}"
        return Problem("unknown-name", path, where, definite=False)
    if not close:
        return None
    text = f'botocore does not know "{shown(text)}": did you mean "{close[0]}"?'
    return Problem("unknown-name", path, text, definite=False, instead=close[0])


def _detail_type(_path: str, text: str, _: Context) -> Problem | None:
    return detail_type_problem(text) if text not in DETAIL_TYPES else None


def detail_type_problem(text: str) -> Problem | None:
    """What is wrong with a detail-type that seems to mean CloudTrail's; None if it means other events."""
    low = plain(text)
    if "cloudtrail" not in low and low not in {"awsapicall", "apicallviacloudtrail"}:
        return None
    known_by_low = {plain(known): known for known in reversed(DETAIL_TYPES)}
    if text.startswith("Amazon "):  # as AWS's pages for China write
        return Problem(
            "detail-type", "detail-type", "in China, check which spelling the events have", definite=False
        )
    right = known_by_low.get(low) or next(
        (known for key, known in known_by_low.items() if key.startswith(low)), ""
    )
    if not right:
        close = get_close_matches(low, known_by_low, 1, _CLOSE)
        right = known_by_low[close[0]] if close else ""
    if right:
        return Problem("detail-type", "detail-type", f'CloudTrail writes "{right}"', instead=right)
    text = f'AWS documents no detail-type "{shown(text)}"'
    return Problem("detail-type", "detail-type", text, definite=False)


def _account(path: str, text: str, _: Context) -> Problem | None:
    if re.fullmatch(r"[0-9]{12}", text) or "{{unknown " in text:
        return None
    return Problem(
        "account-id", path, "an account is a string of 12 digits; leave the field out for all accounts"
    )


def _region(path: str, text: str, _: Context) -> Problem | None:
    low = text.strip().lower()
    if low != text:
        return Problem("region-name", path, f'CloudTrail writes "{shown(low)}"', instead=low)
    if _ZONE.fullmatch(text):
        return Problem(
            "region-name",
            path,
            f'"{shown(text)}" is an Availability Zone: write "{text[:-1]}"',
            instead=text[:-1],
        )
    return None


_CHECKS: dict[str, Callable[[str, str, Context], Problem | None]] = {
    "detail-type": _detail_type,
    "source": _source,
    "account": _account,
    "region": _region,
    "detail.awsRegion": _region,
    "detail.eventSource": _event_source,
    "detail.eventName": _event_name,
}
