"""Hypothesis strategies for events, records, and payloads of every type. Only this module needs Hypothesis.

::

    @given(strategies.events())
    def test_my_rule_survives_every_event(event): ...
"""

from __future__ import annotations

import string
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from trailforward.testing import identities, other_events
from trailforward.testing import payloads as wrappers
from trailforward.testing.api_calls import cloudtrail_event
from trailforward.testing.services import known

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.testing.event import Event
    from trailforward.testing.identities import Identity

_REGIONS = [
    "us-east-1",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-southeast-2",
    "sa-east-1",
    "me-central-1",
    "ap-northeast-1",
]
#: Includes some characters that are easily mishandled.
_CHARACTERS = string.printable + "äßł日本𝄞\x00\u0085\u2028\u202f\ufffe"
_CALLS = [(service, name) for service, name in known() if service != "signin"]
_WRAPPERS: list[Callable[..., Any]] = [
    wrappers.as_sqs,
    wrappers.as_fifo_sqs,
    wrappers.as_sns,
    wrappers.as_sns_in_sqs,
    wrappers.as_kinesis,
    wrappers.as_cloudwatch_logs,
    wrappers.as_firehose,
]


def accounts() -> st.SearchStrategy[str]:
    """The two account IDs that AWS uses in its documentation."""
    return st.sampled_from(["111122223333", "123456789012"])


def regions() -> st.SearchStrategy[str]:
    """Some Regions of the ``aws`` partition."""
    return st.sampled_from(_REGIONS)


def times() -> st.SearchStrategy[datetime]:
    """Times since the launch of CloudTrail, in UTC and whole seconds."""
    seconds = st.integers(1_384_300_800, 2_500_000_000)
    return seconds.map(lambda second: datetime.fromtimestamp(second, UTC))


def users() -> st.SearchStrategy[Identity]:
    """Identities of every type."""
    names = st.sampled_from(["rosa", "jun", "noor@example.com", "i-0c9e8d7f6a5b43210", "Zoë"])
    mfa = st.sampled_from([None, True, False])
    return st.one_of(
        st.builds(identities.iam_user, names, mfa=mfa),
        st.builds(identities.assumed_role, st.sampled_from(["OpsAdmin", "Deploy"]), names),
        st.builds(identities.root, mfa=st.booleans()),
        st.builds(identities.aws_service, st.sampled_from(["lambda", "events", "ec2"])),
        st.builds(identities.federated_user, names),
        st.builds(identities.web_identity_user, names),
        st.builds(identities.identity_center_user),
        st.builds(identities.aws_account),
    )


def json_objects() -> st.SearchStrategy[dict[str, Any]]:
    """Free-form JSON objects like those in requests and responses."""
    texts = _texts(20)
    numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    leaves = st.none() | st.booleans() | numbers | texts
    values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | _objects(inner), max_leaves=8)
    return _objects(values)


@st.composite
def api_calls(draw: st.DrawFn) -> Event:
    """Events of API calls, including failed ones."""
    service, name = draw(st.sampled_from(_CALLS))
    errors = st.sampled_from([None, None, "AccessDenied", "Client.DryRunOperation", "ThrottlingException"])
    event = cloudtrail_event(
        name,
        service=service,
        user=draw(st.none() | users()),
        account=draw(accounts()),
        region=draw(st.none() | regions()),
        time=draw(times()),
        error=draw(errors),
        seed=draw(_seeds()),
    )
    parameters = draw(st.none() | json_objects())
    if parameters is not None:
        event["detail"]["requestParameters"] = parameters
    return event


def events() -> st.SearchStrategy[Event]:
    """Envelopes of every type of CloudTrail event that EventBridge delivers."""
    place = {"account": accounts(), "region": regions(), "time": times(), "seed": _seeds()}
    spelling = st.sampled_from(["Sign In", "Signin"])
    reasons = st.none() | st.just("Failed authentication")
    state = st.sampled_from(["Start", "End"])
    return st.one_of(
        api_calls(),
        st.builds(
            other_events.console_sign_in,
            users(),
            mfa=st.booleans(),
            error=reasons,
            spelling=spelling,
            **place,
        ),
        st.builds(other_events.service_event, st.sampled_from(["RotateKey", "UserAuthentication"]), **place),
        st.builds(other_events.service_event, st.just("Anything"), service=st.just("eks"), **place),
        st.builds(other_events.console_action, **place),
        st.builds(other_events.insight_event, state=state, **place),
        st.builds(other_events.network_activity_event, denied=st.booleans(), **place),
    )


def records() -> st.SearchStrategy[dict[str, Any]]:
    """CloudTrail records of every type, without an envelope, including aggregated events."""
    place = {"account": accounts(), "region": regions(), "time": times(), "seed": _seeds()}
    counted = st.builds(other_events.aggregated_event, **place)
    return events().map(lambda event: event.record) | counted.map(dict)


def payloads(
    of: st.SearchStrategy[Any] | None = None, *, max_size: int = 5
) -> st.SearchStrategy[tuple[list[Any], dict[str, Any]]]:
    """Pairs of events and a Lambda payload that contains them, for every source that contains whole events.

    Args:
        of: a strategy for the events; :func:`events` by default.
        max_size: maximum number of events; a direct invocation contains one.
    """
    each = events() if of is None else of
    many = st.lists(each, min_size=1, max_size=max_size)
    batches = st.builds(lambda made, wrap: (made, wrap(*made)), many, st.sampled_from(_WRAPPERS))
    single = each.map(lambda event: ([event], wrappers.as_eventbridge(event)))
    return batches | single


def _objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = _texts(12)
    return st.dictionaries(names | st.sampled_from(["groupId", "*", ":uid", "x-amz-acl"]), values, max_size=4)


def _texts(max_size: int) -> st.SearchStrategy[str]:
    # st.text() scans all of Unicode first, which fails Hypothesis' health check on slow machines.
    return st.lists(st.sampled_from(_CHARACTERS), max_size=max_size).map("".join)


def _seeds() -> st.SearchStrategy[int]:
    return st.integers(0, 2**64)
