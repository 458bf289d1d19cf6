from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trailforward.demo import story
from trailforward.testing import samples

NOW = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_the_story_has_many_regions_and_one_own_event() -> None:
    """At least five Regions take part, and exactly one event is the forwarder's own."""
    events = story.tell(NOW, "a")
    assert len({event.region for event in events}) >= 5
    assert [event.who for event in events].count("trailforward-demo") == 1


def test_every_headline_fits_the_table() -> None:
    """Headlines are short enough for a terminal of 80 columns, and belong to samples that exist."""
    assert all(len(headline) <= 21 for headline in story.HEADLINES.values())
    assert set(story.HEADLINES) <= set(samples.names())


def test_no_two_runs_share_an_event() -> None:
    """Digests and ids differ from run to run, so that a proof cannot rest on an earlier run."""
    first, second = story.tell(NOW, "a"), story.tell(NOW, "b")
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
    """People, sessions, services and accounts are named in a word, whatever the identity's type."""
    event = samples.load(name)
    assert story.who(story.Message(event, story.Origin("test")).record) == expected
