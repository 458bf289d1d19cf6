"""Listing files by the dates in their keys."""

from __future__ import annotations

from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.aws import unique
from tests.support.depth import examples
from trailforward.audit import dated
from trailforward.audit.dated import dated_files, hour_of
from trailforward.storage import Location, open_store
from trailforward.storage.nearby import nearby
from trailforward.storage.store import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws import Reader

FIRST, LAST = date(2026, 11, 25), date(2026, 12, 2)


class Listed:
    """A store that only lists, and counts what was read of its listing."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = sorted(set(keys))
        self.read = 0

    def list(self, prefix: str = "", after: str = "") -> Iterator[StoredFile]:
        """As a store's."""
        for key in self.keys:
            if key.startswith(prefix) and key > after:
                self.read += 1
                yield StoredFile(key, 1, "")


_DAYS = st.dates(date(2024, 1, 1), date(2029, 12, 31))
_LAYOUTS = st.sampled_from(
    [
        "{d:%Y/%m/%d}/08/f",
        "x/{d:%Y/%m/%d}/f",
        "date={d:%Y-%m-%d}/hour=08/f",
        "a=1/dt={d:%Y-%m-%d}/f",
        "year={d:%Y}/month={d:%m}/day={d:%d}/hour=08/f",
        "x/s-1-{d:%Y-%m-%d}-08-15-f",
        "{d:%Y-%m-%d}.gz",
        "{d:%Y-%m-%d}",
    ]
)
_OTHERS = st.sampled_from(
    ["f", "2026", "20/26", "year=unknown/f", "2026/13/40/f", "date=unknown/f", "x/:", "~/z"]
)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.one_of(st.builds(lambda day, form: form.format(d=day), _DAYS, _LAYOUTS), _OTHERS)), st.data()
)
def test_jumps_leave_out_only_other_days(keys: list[str], data: Any) -> None:
    """Whatever the layouts, exactly the files of the days and those without a date are listed, in order."""
    patience = data.draw(st.integers(1, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dated, "_PATIENCE", patience)
        found = [file.key for file in dated_files(Listed(keys), FIRST, LAST)]  # type: ignore[arg-type]
    first, last = f"{FIRST:%Y%m%d}", f"{LAST:%Y%m%d}"
    assert found == sorted(
        key for key in set(keys) if not (hour := hour_of(key)) or first <= hour[:8] <= last
    )


def test_years_of_files_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a bucket with years of files, only the beginning and the days in question are listed."""
    monkeypatch.setattr(dated, "_PATIENCE", 10)
    days = [date(year, month, 1) for year in range(2020, 2030) for month in range(1, 13)]
    roots = ("", "account=111122223333/region=eu-west-1/", "z/")
    keys = chain.from_iterable(
        (f"{root}{day:%Y/%m/%d}/08/{n}" for day in days for n in range(50)) for root in roots
    )
    store = Listed(list(keys))
    found = list(dated_files(store, date(2026, 11, 30), date(2026, 12, 1)))  # type: ignore[arg-type]
    assert len(found) == 50 * len(roots)
    assert store.read < len(store.keys) / 10


@pytest.mark.parametrize(
    ("key", "hour"),
    [
        ("2026/11/26/08/f", "2026112608"),
        ("p/2026/11/26/08/s-1-2026-11-26-08-15-30-id.gz", "2026112608"),
        ("date=2026-11-26/hour=08/f", "2026112608"),
        ("year=2026/month=11/day=26/f", "20261126"),
        ("2026/02/30/08/f", ""),
        ("12026/11/26/f", ""),
        ("f", ""),
    ],
)
def test_the_hour_of_a_key(key: str, hour: str) -> None:
    """The hour is that of the first date in the key."""
    assert hour_of(key) == hour


def test_a_bucket_jumps_as_a_folder_does(local_aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jumps are requests that S3 understands."""
    monkeypatch.setattr(dated, "_PATIENCE", 1)
    bucket, client = unique("dated"), local_aws("s3")
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": local_aws.region})
    keys = [f"r/{root}/{day}/08/f" for root in "ab" for day in ("2020/01/01", "2026/11/26", "2028/01/01")]
    for key in [*keys, "r/plain"]:
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    store = open_store(Location.parse(f"s3://{bucket}/r"))
    assert [file.key for file in dated_files(store, FIRST, LAST)] == [
        "a/2026/11/26/08/f",
        "b/2026/11/26/08/f",
        "plain",
    ]
    assert nearby(store) == "it has the folders a/, b/"
    store.close()
