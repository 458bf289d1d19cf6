"""Buckets and folders are listed and read in the same way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import unique
from trailforward.errors import StorageError
from trailforward.storage import Location, Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.aws import Reader

Put = dict[str, bytes]

#: Keys whose order in S3 differs from that of a tree of folders, and that need encoding.
FILES: Put = {
    "a-b.json": b"1",
    "a.json": b"",
    "a/b/c.json": b"22",
    "a/b.json": b"333",
    "b c+d%&=~é.json": b"4444",
    "z/y.json": b"5",
}


@pytest.fixture(params=["bucket", "folder"])
def make(request: pytest.FixtureRequest, local_aws: Reader, tmp_path: Path) -> Callable[[Put], Store]:
    """Creates a store with files, and with others beside its location."""

    def bucket(files: Put) -> Store:
        name = unique("stored")
        client: Any = local_aws("s3")
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": local_aws.region})
        client.put_object(Bucket=name, Key="other/x", Body=b"x")
        for key, body in files.items():
            client.put_object(Bucket=name, Key=f"in/{key}", Body=body, Metadata={"signature": "0a"})
        return open_store(Location.parse(f"s3://{name}/in"))

    def folder(files: Put) -> Store:
        root = tmp_path / "in"
        root.mkdir()
        for key, body in files.items():
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            (path.parent / f"{path.name}.metadata.json").write_text(json.dumps({"Signature": "0a"}))
        return open_store(Location.parse(str(root)))

    return bucket if request.param == "bucket" else folder


def test_stores(make: Callable[[Put], Store]) -> None:
    """Files come sorted by key, from any key on, with bytes and metadata; folders without files."""
    store = make(FILES)
    keys = sorted(FILES)
    found = list(store.list())
    assert [file.key for file in found] == keys
    assert [file.size for file in found] == [len(FILES[key]) for key in keys]
    assert {key: store.read(key) for key in keys} == FILES
    for after in keys:
        assert [file.key for file in store.list(after=after)] == [key for key in keys if key > after]
    for prefix in ("a", "a/", "a/b", "a/b/", "b ", "none/"):
        expected = [key for key in keys if key.startswith(prefix)]
        assert [file.key for file in store.list(prefix)] == expected
    assert list(store.folders()) == ["a/", "z/"]
    assert list(store.folders("a/")) == ["a/b/"]
    assert store.metadata("a.json") == {"signature": "0a"}
    with pytest.raises(StorageError) as caught:
        store.read("a/none.json")
    assert caught.value.code == "not_found"
    store.close()


def test_pages(local_aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing of more than a page is complete."""
    monkeypatch.setattr("trailforward.storage.s3.PAGE_KEYS", 2)
    name = unique("pages")
    client: Any = local_aws("s3")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": local_aws.region})
    store = open_store(Location.parse(f"s3://{name}"))
    assert list(store.list()) == []
    keys = [f"{number:04}/x" for number in range(5)]
    for key in keys:
        client.put_object(Bucket=name, Key=key, Body=b"")
    assert [file.key for file in store.list()] == keys
    assert list(store.folders()) == [key[:-1] for key in keys]
    store.close()


@pytest.mark.parametrize(
    "text", ["", "gs://b/x", "https://b.s3.amazonaws.com/x", "s3://", "s3://A_b/x", "s3://a..b"]
)
def test_invalid_locations(text: str) -> None:
    """A location that is neither a bucket nor a folder gets an error with the fix."""
    with pytest.raises(StorageError, match="Fix: write s3://bucket/prefix") as caught:
        Location.parse(text)
    assert caught.value.code == "invalid"


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a\0b"])
def test_keys_stay_in_the_folder(key: str, tmp_path: Path) -> None:
    """A key from elsewhere cannot read outside the folder."""
    with pytest.raises(StorageError, match="leads out of the folder"):
        open_store(Location.parse(str(tmp_path))).read(key)


def test_no_bucket(local_aws: Reader) -> None:
    """A bucket that does not exist is named in the error."""
    del local_aws
    with pytest.raises(StorageError, match="NoSuchBucket") as caught:
        list(open_store(Location.parse("s3://no-such-bucket-here")).list())
    assert caught.value.code == "not_found"
