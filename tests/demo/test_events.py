from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trailforward.demo.events import HEADLINES, make_events, who
from trailforward.message import Message, Origin
from trailforward.testing import samples

NOW = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_there_are_many_regions_and_one_own_event() -> None:
    """The events come from at least five Regions, and the forwarder itself caused exactly one."""
    events = make_events(NOW, "a")
    assert len({event.region for event in events}) >= 5
    assert [event.who for event in events].count("trailforward-demo") == 1


def test_every_headline_fits_the_table() -> None:
    """Headlines fit a terminal of 80 columns, and each belongs to an existing sample."""
    assert all(len(headline) <= 21 for headline in HEADLINES.values())
    assert set(HEADLINES) <= set(samples.names())


def test_no_two_runs_share_an_event() -> None:
    """Digests and ids differ between runs, so that leftovers of an earlier run prove nothing."""
    first, second = make_events(NOW, "a"), make_events(NOW, "b")
    assert len({event.digest for event in first + second}) == len(first + second)
    assert len({event.id for event in first + second}) == len(first + second)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("root-console-login", "root"),
        ("console-login-without-mfa", "milan"),
        ("trail-stopped", "mallory"),
        ("policy-attached", "ines"),
        ("assume-role-by-service", "ec2.amazonaws.com"),
        ("kms-key-rotated", "AWS Internal"),
        ("role-assumed-across-accounts", "111122223333"),
        ("insight-start", "AWS"),
    ],
)
def test_callers_get_short_names(name: str, expected: str) -> None:
    """Every type of identity (user, session, service, account) gets a short name."""
    event = samples.load(name)
    assert who(Message(event, Origin("test")).record) == expected
