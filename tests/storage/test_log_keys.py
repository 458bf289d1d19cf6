"""CloudTrail's files are found by account, Region, and delivery time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.errors import StorageError
from trailforward.storage import Location, open_store
from trailforward.storage.log_keys import log_files, log_files_by_day, parse_key
from trailforward.testing.log_files import log_file_key

if TYPE_CHECKING:
    from pathlib import Path

DAY = datetime(2026, 9, 14, tzinfo=UTC)
OWNER, MEMBER = "111122223333", "123456789012"


@given(
    st.sampled_from(["", "logs/", "a/AWSLogs/b/"]),
    st.sampled_from(["", "o-exampleorg12"]),
    st.sampled_from([OWNER, MEMBER]),
    st.sampled_from(["eu-west-1", "us-gov-east-1", "cn-north-1", "ap-southeast-2"]),
    st.datetimes(datetime(2013, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001  # becomes UTC
)
def test_round_trip(prefix: str, organization: str, account: str, region: str, time: datetime) -> None:
    """Every part of a key is found, below any prefix and with or without an organization."""
    time = time.replace(second=0, microsecond=0, tzinfo=UTC)
    key = log_file_key(account, region, time).removeprefix("AWSLogs/")
    key = f"{prefix}AWSLogs/{organization}{'/' if organization else ''}{key}"
    assert parse_key(key) == (account, region, "CloudTrail", time, organization, key)


@given(st.text() | st.from_regex(r"AWSLogs/[0-9]{12}/CloudTrail/eu-west-1/2026/09/14/.*"))
def test_other_keys(key: str) -> None:
    """Any text is a key, or is not, without an error."""
    found = parse_key(key)
    assert found is None or found.key == key


def test_digest() -> None:
    """The time of a digest is not taken from a trail's name that looks like a time."""
    folder = f"AWSLogs/{OWNER}/CloudTrail-Digest/eu-west-1/2026/09/14"
    name = f"{OWNER}_CloudTrail-Digest_eu-west-1_T_20200101T0000Z_us-east-1_20260914T101530Z_backfill.json.gz"
    found = parse_key(f"{folder}/{name}")
    assert found is not None
    assert (found.folder, found.time) == ("CloudTrail-Digest", DAY.replace(hour=10, minute=15, second=30))


def _put(root: Path, *keys: str) -> None:
    for key in keys:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(b"")


def test_log_files(tmp_path: Path) -> None:
    """Two trails in one place are read, by account, Region, and time; adjacent windows add up."""
    times = [DAY + timedelta(minutes=number * 97) for number in range(-20, 40)]
    keys = [f"one/{log_file_key(OWNER, 'eu-west-1', time)}" for time in times]
    member = [log_file_key(MEMBER, "us-east-1", time).replace("AWSLogs/", "") for time in times]
    keys += [f"x/two/AWSLogs/o-exampleorg12/{key}" for key in member]
    other = [key.replace("CloudTrail", "CloudTrail-Insight") for key in keys[:5]]
    _put(tmp_path, *keys, *other, "one/AWSLogs/aws-account/notes.txt")
    store = open_store(Location.parse(str(tmp_path)))

    def found(since: datetime, until: datetime, **options: list[str]) -> list[str]:
        return [file.key for _, file in log_files(store, since, until, **options)]  # type: ignore[arg-type]

    start, middle, end = times[0], DAY + timedelta(hours=7), times[-1] + timedelta(minutes=1)
    assert sorted(found(start, end)) == sorted(keys)
    assert sorted(found(start, middle) + found(middle, end)) == sorted(keys)
    assert found(start, end, accounts=[MEMBER]) == keys[60:]
    assert found(start, end, regions=["eu-west-1"]) == keys[:60]
    insights = log_files(store, start, end, folder="CloudTrail-Insight")
    assert sorted(file.key for _, file in insights) == sorted(other)


def test_no_log_files(tmp_path: Path) -> None:
    """A location without CloudTrail's folder, or within it, gets an error with the fix."""
    _put(tmp_path, "a/b.txt", "c/AWSLogs/x")
    for below, code in (("a", "not_found"), ("c/AWSLogs", "invalid")):
        store = open_store(Location.parse(str(tmp_path / below)))
        with pytest.raises(StorageError, match="above AWSLogs/") as caught:
            list(log_files(store, DAY, DAY))
        assert caught.value.code == code


def test_a_listing_that_cannot_continue_says_so(tmp_path: Path) -> None:
    """If the folder of the last day was deleted meanwhile, the rest is not silently left out."""
    since, until = datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC)
    for region in ("eu-west-1", "us-east-1"):
        place = tmp_path / f"AWSLogs/111122223333/CloudTrail/{region}/2026/11/26"
        place.mkdir(parents=True)
        name = f"111122223333_CloudTrail_{region}_20261126T0805Z_0123456789abcdef.json.gz"
        (place / name).write_bytes(b"")
    store = open_store(Location.parse(str(tmp_path)))
    days = [day for day, files in log_files_by_day(store, since, until) if files]
    rest = log_files_by_day(store, since, until, after=days[0])
    assert [day for day, files in rest if files] == days[1:]
    with pytest.raises(StorageError, match="not there any more"):
        list(log_files_by_day(store, since, until, after=days[0].replace("eu-west-1", "eu-west-9")))
