import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.models import AwsTime

MOMENT = datetime(2026, 3, 1, 8, 30, 5, tzinfo=UTC)
SPELLINGS = {
    "2026-03-01T08:30:05Z": MOMENT,
    "20260301T083005Z": MOMENT,
    "2026-03-01 08:30:05": MOMENT,
    "2026-03-01T08:30:05": MOMENT,
    "2026-03-01 08:30:05.123456789": MOMENT.replace(microsecond=123456),
    "2026-03-01T08:30:05.120Z": MOMENT.replace(microsecond=120000),
    "2026-03-01T10:30:05+02:00": MOMENT,
}


@pytest.mark.parametrize(("text", "moment"), SPELLINGS.items())
def test_spellings(text: str, moment: datetime) -> None:
    """Every time format of AWS and of processed logs is parsed, with a time zone."""
    time = AwsTime.parse(text)
    assert time == moment
    assert time.utcoffset() is not None


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])  # noqa: S301
@pytest.mark.parametrize("text", SPELLINGS)
def test_text(text: str, clone: Callable[[AwsTime], AwsTime]) -> None:
    """str() and f-strings return the original text, in copies too."""
    time = clone(AwsTime.parse(text))
    assert (str(time), f"{time}") == (text, text)
    assert time == SPELLINGS[text]


@given(st.datetimes(min_value=datetime(1000, 1, 1)).map(lambda moment: moment.replace(microsecond=0)))  # noqa: DTZ001
def test_any_moment(moment: datetime) -> None:
    """Every whole second that CloudTrail writes is parsed exactly."""
    assert AwsTime.parse(moment.strftime("%Y-%m-%dT%H:%M:%SZ")) == moment.replace(tzinfo=UTC)


def test_computed() -> None:
    """A computed time is still an AwsTime and is written in AWS's format."""
    assert str(AwsTime.parse("2026-03-01 08:30:05.5") + timedelta(seconds=1)) == "2026-03-01T08:30:06.500000Z"


@pytest.mark.parametrize(
    "moment", [MOMENT, MOMENT.replace(tzinfo=None), MOMENT.astimezone(timezone(timedelta(hours=2)))]
)
def test_datetime(moment: datetime) -> None:
    """A datetime is converted, assumed to be UTC without a time zone, and written in AWS's format."""
    time = AwsTime.parse(moment)
    assert time == MOMENT
    assert str(time) == "2026-03-01T08:30:05Z"


@pytest.mark.parametrize("text", ["", "now", "1772353805", "May 4, 2026, 9:40:00 AM", "2026-13-01T00:00:00Z"])
def test_other_forms(text: str) -> None:
    """Text that is not ISO 8601 is rejected."""
    with pytest.raises(ValueError, match=r"."):
        AwsTime.parse(text)
