"""CloudTrail log files: every record keeps its bytes, wherever the blocks of the file end."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_jsontext import BLANKS, STRINGS, documents, fault, spelt
from trailforward.errors import EventError, NothingToForwardError, UnreadError
from trailforward.jsontext import decode, to_bytes
from trailforward.sources import _log_files
from trailforward.sources._gzip import inflate
from trailforward.sources._log_files import records

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(data: bytes, size: int = 7) -> tuple[list[bytes], str]:
    """The records of a text that is read in small blocks, and the error code at its end."""
    found: list[bytes] = []
    blocks = (data[at : at + size] for at in range(0, len(data), size))
    error = fault(lambda: found.extend(raw for _, raw in records(blocks)))
    return found, error.code if error else ""


@st.composite
def log_files(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A log file with any JSON in and around its records, and the bytes of each record."""

    def member(key: str, text: str) -> str:
        return f"{draw(BLANKS)}{key}{draw(BLANKS)}:{draw(BLANKS)}{text}{draw(BLANKS)}"

    inside = draw(st.lists(documents(), max_size=5))
    array = "[" + draw(BLANKS) + ",".join(f"{draw(BLANKS)}{text}{draw(BLANKS)}" for text in inside) + "]"
    others = draw(st.lists(st.tuples(STRINGS.filter(lambda key: key != "Records"), documents()), max_size=3))
    around = [member(draw(spelt(key)), text) for key, text in others]
    around.insert(draw(st.integers(0, len(around))), member(draw(spelt("Records")), array))
    text = draw(BLANKS) + "{" + ",".join(around) + "}" + draw(BLANKS)
    return to_bytes(text), [to_bytes(part) for part in inside]


@given(log_files(), st.data())
def test_every_record_whatever_the_blocks(made: tuple[bytes, list[bytes]], data: st.DataObject) -> None:
    """Each record is yielded with its bytes and its value, whatever the JSON and the blocks."""
    text, expected = made
    ends = data.draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
    blocks = [text[first:last] for first, last in zip([0, *ends], [*ends, len(text)], strict=True)]
    found = list(records(blocks))
    assert [raw for _, raw in found] == expected
    assert [json.dumps(value) for value, _ in found] == [json.dumps(decode(raw)) for raw in expected]


@given(log_files(), st.integers(1, 9), st.integers(0, 400))
def test_a_file_that_ends_anywhere(made: tuple[bytes, list[bytes]], size: int, end: int) -> None:
    """A truncated file yields its complete records, and then raises an error."""
    text, expected = made
    text = text.rstrip()[: min(end, len(text.rstrip()) - 1)]
    found, code = read(text, size)
    assert found == expected[: len(found)]
    assert code in {"not_json", "not_utf8"}


@given(st.binary(max_size=60) | st.text('{}[]",: 1Rdt\\', max_size=30).map(str.encode), st.integers(1, 5))
def test_any_bytes(data: bytes, size: int) -> None:
    """No bytes crash the reader, and the size of the blocks makes no difference."""
    assert read(data, size) == read(data, 10_000)
    found: list[bytes] = []
    error = fault(lambda: found.extend(inflate([data[at : at + size] for at in range(0, len(data), size)])))
    assert (error is None) != data.startswith(b"\x1f\x8b")


@pytest.mark.parametrize(
    ("text", "expected", "code"),
    [
        (b"", [], "not_json"),
        (b"[]", [], "not_json"),
        (b"{}", [], "no_records"),
        (b'{"Records":[]}', [], ""),
        (b'{"Records":3}', [], "no_records"),
        (b'{"Records":null,"x":[1]}', [], "no_records"),
        (b'{"Records":[1,]}', [b"1"], "not_json"),
        (b'{"Records":[1 2]}', [], "not_json"),
        (b'{"Records":[1],}', [b"1"], "not_json"),
        (b'{"Records":[1]]', [b"1"], "not_json"),
        (b'{"Records" [1]}', [], "not_json"),
        (b'{"Records":[1]} x', [b"1"], "not_json"),
        (b'{"Records":[1,NaN]}', [b"1"], "not_json"),
        (b'{"Records":[1,"\xff"]}', [b"1"], "not_utf8"),
        (b'{"Records":[1]}\xc3', [b"1"], "not_utf8"),
        (b'{"Records":[1,' + b"[" * 20_000, [b"1"], "too_deep"),
        (b"{3:[1]}", [], "not_json"),
        (b'{"digestS3Object":"x","logFiles":[]}', [], "digest_file"),
        (b"\xef\xbb\xbf" + b'{"Records":[1]}', [b"1"], ""),
        ('{"Records":[1]}'.encode("utf-16"), [], "not_utf8"),
        (b'{"Records":[1],"Records":[2]}', [b"1", b"2"], ""),
    ],
)
def test_valid_and_invalid_files(text: bytes, expected: list[bytes], code: str) -> None:
    """Each error has a code, and the records before it are yielded."""
    assert read(text) == (expected, code)
    assert read(text, 1)[0] == expected


def test_a_digest_file_is_skipped() -> None:
    """A digest file is recognized by its content, whatever its key."""
    with pytest.raises(NothingToForwardError):
        list(records([b'{"digestS3Object":null}']))


def test_a_record_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record without an end raises an error before it fills the memory."""
    monkeypatch.setattr(_log_files, "MAX_CHARACTERS", 1_000)
    taken = 0

    def blocks() -> Iterator[bytes]:
        nonlocal taken
        yield b'{"Records":[1,"'
        while True:
            taken += 1
            yield b"x" * 100

    found: list[Any] = []
    with pytest.raises(EventError) as caught:
        found.extend(records(blocks()))
    assert (caught.value.code, [raw for _, raw in found]) == ("too_large", [b"1"])
    assert taken < 40


def test_a_read_error_comes_after_the_records() -> None:
    """If reading fails, the records that were read are yielded first."""

    def blocks() -> Iterator[bytes]:
        yield b'{"Records":[1,2'
        yield b",3,"
        raise UnreadError("Timeout", "no response")

    found: list[Any] = []
    with pytest.raises(UnreadError):
        found.extend(value for value, _ in records(blocks()))
    assert found == [1, 2, 3]


PARTS = [b"first " * 100, b"", b"second"]


@pytest.mark.parametrize("size", [1, 2, 3, 17, 10_000])
@pytest.mark.parametrize("filling", [b"", b"\0" * 40])
def test_gzip_with_several_members(size: int, filling: bytes) -> None:
    """A gzip file may have several members and trailing zeros, as the gzip command allows."""
    packed = b"".join(gzip.compress(part) for part in PARTS) + filling
    blocks = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert b"".join(inflate(blocks)) == b"".join(PARTS)


def test_decompressed_data_comes_in_blocks() -> None:
    """Highly compressed data is yielded in blocks of bounded size."""
    packed = gzip.compress(bytes(4_000_000))
    sizes = [len(block) for block in inflate([packed])]
    assert sum(sizes) == 4_000_000
    assert max(sizes) <= 256 * 1024


@pytest.mark.parametrize("damage", ["truncated", "header", "middle", "garbage"])
def test_damaged_gzip(damage: str) -> None:
    """Damaged gzip data yields what can be decompressed, and then raises an error."""
    text = json.dumps(list(range(9_000))).encode()
    packed = gzip.compress(text)
    packed = {
        "truncated": packed[:-9],
        "header": packed[:3] + b"\xff" + packed[4:],
        "middle": packed[:9_000] + b"\xff" * 40 + packed[9_040:],
        "garbage": packed + b"garbage",
    }[damage]
    found: list[bytes] = []
    error = fault(lambda: found.extend(inflate([packed[at : at + 999] for at in range(0, len(packed), 999)])))
    assert error is not None
    assert error.code == "bad_gzip"
    assert damage in {"header", "middle"} or b"".join(found)[:8_000] == text[:8_000]


@pytest.mark.parametrize("blocks", [[b'{"Records":[]}'], [b'{"Records"', b": [ ]", b"}"]])
def test_an_empty_list_is_read_to_its_end(blocks: list[bytes]) -> None:
    """A list of no records gives nothing; text behind it is an error."""
    assert list(records(blocks)) == []
    with pytest.raises(EventError):
        list(records([*blocks, b"x"]))
