from __future__ import annotations

import gzip
import itertools
import json
import tracemalloc
import zlib
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib

from tests.support.depth import examples
from tests.support.trail_bucket import dumps, envelope, record
from trailforward.audit import pieces
from trailforward.audit.read import Window, key_of, keys_of, read_delivered, read_log, records_at, records_of
from trailforward.errors import EventError
from trailforward.sources.log_file import inflate

if TYPE_CHECKING:
    from collections.abc import Iterator

IDS = [str(record(number)["eventID"]) for number in range(8)]


@contextmanager
def pieces_of(size: int) -> Iterator[None]:
    """Lets files be read in pieces of so many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", size)
        patch.setattr(pieces, "_START", min(size, 4096))
        yield


def log(*texts: str) -> bytes:
    """The text of a log file."""
    return f'{{"Records":[{",".join(texts)}]}}'.encode()


def check(text: str) -> int:
    """The hash of a record's bytes."""
    return int(sha256(text.encode()).hexdigest()[:16], 16)


REST = dumps({key: value for key, value in record(0).items() if key not in {"eventVersion", "eventID"}})[1:-1]
_START = f'{{"eventVersion":"1.11","eventID":"{IDS[1]}",{REST}'
#: Records that fool parsers: the text, and the ID that counts.
ODD: dict[str, tuple[str, str]] = {
    "lone surrogate": (f'{_START},"x":"\\ud800"}}', IDS[1]),
    "lone surrogate in the ID": (f'{_START},"eventID":"a\\ud800"}}', "a\ud800"),
    "1E400": (f'{_START},"x":1E400}}', IDS[1]),
    "1E400 as a name": (f'{_START},"eventName":1E400}}', IDS[1]),
    "long number": (f'{_START},"x":{"9" * 5000}}}', IDS[1]),
    "deep": (f'{_START},"x":{"[" * 600}{"]" * 600}}}', IDS[1]),
    "readOnly as a text": (f'{_START},"readOnly":"true"}}', IDS[1]),
    "readOnly as a list": (f'{_START},"readOnly":[]}}', IDS[1]),
    "eventTime as a number": (f'{_START},"eventTime":1}}', IDS[1]),
    "eventName as a list": (f'{_START},"eventName":[]}}', IDS[1]),
    "two IDs": (f'{{"eventVersion":"1.11","eventID":"{IDS[2]}",{REST},"eventID":"{IDS[1]}"}}', IDS[1]),
    "escaped key": (f'{{"eventVersion":"1.11","event\\u0049D":"{IDS[1]}",{REST}}}', IDS[1]),
    "blanks": (f'{{ "eventVersion" : "1.11" ,\n"eventID" : "{IDS[1]}",\r\n{REST} }}', IDS[1]),
    "nested ID": (f'{_START},"x":{{"eventID":"{IDS[2]}","detail":{{}}}}}}', IDS[1]),
    "nested records": (f'{_START},"x":[{{"a":1}},{{"eventVersion":"1","eventID":"b"}}]}}', IDS[1]),
    "nested records that make up for another first key": (
        f'{{"eventID":"{IDS[1]}",{REST},"x":[{{"a":1}},{{"eventVersion":"1","eventID":"b"}}]}}',
        IDS[1],
    ),
    "a cut in a text": (f'{_START},"x":"}},{{\\"eventVersion\\":}}{{\\"version\\":"}}', IDS[1]),
    "other first key": (f'{{"eventID":"{IDS[1]}","eventVersion":"1.11",{REST}}}', IDS[1]),
    "aggregated": (f'{{"eventVersion":"1.11","eventId":"{IDS[1]}","accountId":"111122223333"}}', IDS[1]),
    "ID that is not a UUID": (f'{_START},"eventID":"EXAMPLE"}}', "EXAMPLE"),
    "ID with an underscore": (f'{_START},"eventID":"{IDS[1][:-1]}_"}}', f"{IDS[1][:-1]}_"),
    "ID with a blank": (f'{_START},"eventID":" {IDS[1][1:]}"}}', f" {IDS[1][1:]}"),
    "ID in upper case": (f'{_START},"eventID":"{IDS[1].upper()}"}}', IDS[1]),
}
PLAIN = [dumps(record(number)) for number in (0, 3)]


@pytest.mark.parametrize("name", ODD)
def test_odd_records_are_read_as_any_others(name: str) -> None:
    """What fools typed parsers neither hides a record nor adds one, and its bytes are hashed as they are."""
    text, event_id = ODD[name]
    data = log(PLAIN[0], text, PLAIN[1])
    for size in (64, pieces.PIECE):
        with pieces_of(size):
            found = read_log(data, exact=True)
            assert list(found.keys) == [key_of(IDS[0]), key_of(event_id), key_of(IDS[3])]
            assert list(found.checks) == [check(PLAIN[0]), check(text), check(PLAIN[1])]
            assert len(found.reading) == 3
            assert list(read_log(data, exact=False).keys) == list(found.keys)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("layout", ["lines", "joined", "bare", "log", "list", "logs"])
def test_odd_events_are_found_in_every_layout(name: str, layout: str) -> None:
    """Delivered events that fool typed parsers are found with the bytes of their records."""
    text, event_id = ODD[name]
    some = [PLAIN[0], text, PLAIN[1]]
    opening, _, end = dumps(envelope({})).partition("{}")
    envelopes = [f"{opening}{one}{end}" for one in some]
    if "\n" in text and layout in {"lines", "bare"}:
        layout = "list"
    data = {
        "lines": "\n".join(envelopes),
        "joined": "".join(envelopes),
        "bare": "\n".join(some) + "\n",
        "log": log(*some).decode(),
        "list": f"[{','.join(envelopes)}]",
        "logs": f"{log(some[0]).decode()}\n{log(*some[1:]).decode()}",
    }[layout]
    for exact, size in itertools.product((True, False), (64, pieces.PIECE)):
        with pieces_of(size):
            found = read_delivered(data.encode(), exact=exact, window=Window("2026-11-26", "2026-11-27"))
        assert list(found.keys) == [key_of(IDS[0]), key_of(event_id), key_of(IDS[3])]
        assert [found.inside[0], found.inside[2]] == [1, 1]
        hashes = [check(one) if exact else 0 for one in some]
        # Of what only the tolerant parser can read, the envelope's bytes are not cut.
        assert all(one in {wanted, 0} for one, wanted in zip(found.checks, hashes, strict=True))
        assert found.checks[0] == hashes[0]


def test_bytes_that_are_not_utf8_do_not_hide_other_records() -> None:
    """Invalid UTF-8 in a value that is not needed does not keep the file from being read."""
    text = PLAIN[0].replace("example", "ex\xffmple")
    data = f'{{"Records":[{text},{PLAIN[1]}]}}'.encode("latin-1")
    assert list(read_log(data, exact=True).keys) == [key_of(IDS[0]), key_of(IDS[3])]
    assert [(at, value) for at, value, _ in records_at(data, [0])] == [(0, None)]


BROKEN = {
    "truncated JSON": log(*PLAIN)[:-2],
    "half a record": log(*PLAIN)[:-9],
    "a record too many": log(*PLAIN) + b",{}",
    "no comma": log("".join(PLAIN)),
    "an unbalanced list": log(*PLAIN[:1], PLAIN[1] + "]"),
    "not a number": log(f'{PLAIN[0][:-1]},"x":NaN}}'),
    "too deep": log(f'{PLAIN[0][:-1]},"x":{"[" * 1_000_000}{"]" * 1_000_000}}}'),
    "truncated gzip": gzip.compress(log(*PLAIN))[:-9],
    "wrong checksum": gzip.compress(log(*PLAIN))[:-8] + b"\0" * 8,
    "rubbish after gzip": gzip.compress(log(*PLAIN)) + b"rubbish",
    "gzip in gzip": gzip.compress(gzip.compress(log(*PLAIN))),
    "no records": b'{"Other":[]}',
    "empty": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_log_file_is_refused(name: str) -> None:
    """A damaged log file is an error, not a file with fewer records."""
    with pytest.raises(EventError):
        read_log(BROKEN[name], exact=True)


def test_gzip_of_several_members_is_read_as_one() -> None:
    """Members that follow each other, and zeros after them, are read to the end."""
    text = log(*PLAIN)
    data = gzip.compress(text[:700]) + gzip.compress(text[700:]) + b"\0" * 100
    assert list(read_log(data, exact=True).checks) == [check(one) for one in PLAIN]
    lines = gzip.compress(f"{PLAIN[0]}\n".encode()) + gzip.compress(PLAIN[1].encode())
    assert list(read_delivered(lines, exact=True).checks) == [check(one) for one in PLAIN]


@pytest.mark.parametrize("start", ['{"Records":[', '{"detail":{"x":"', " "])
def test_a_gzip_bomb_is_refused_with_little_memory(start: str) -> None:
    """A small file that expands to 40 MB is refused before it fills the memory."""
    packer = zlib.compressobj(9, wbits=31)
    data = packer.compress(start.encode())
    data += b"".join(packer.compress(b" " * 1_000_000) for _ in range(40)) + packer.flush()
    tracemalloc.start()
    try:
        for read in (read_log, read_delivered):
            with pytest.raises(EventError):
                read(data, exact=True)
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


def test_a_log_file_of_50_mb_needs_little_memory() -> None:
    """The largest log file that CloudTrail writes is read in pieces, and all of its records are found."""
    texts = [dumps(record(number, requestParameters={"text": f"{number}" * 12_500})) for number in range(10)]
    packer = zlib.compressobj(1, wbits=31)
    start = packer.compress(b'{"Records":[' + texts[0].encode())
    middle = b"".join(packer.compress(f",{texts[number % 10]}".encode()) for number in range(1, 4000))
    data = start + middle + packer.compress(b"]}") + packer.flush()
    tracemalloc.start()
    found = read_log(data, exact=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.keys) == 4000
    assert sum(len(texts[number % 10]) for number in range(4000)) > 50_000_000
    assert peak < 12_000_000


KEYS = st.sampled_from(["eventID", "eventId", "eventVersion", "eventTime", "Records", "detail", "x", "é"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(IDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["eventVersion", "eventID", "x"]), VALUES, st.sampled_from(IDS), st.booleans(), VALUES
    ),
    max_size=6,
)


@settings(max_examples=examples(60), deadline=None)
@given(
    records=RECORDS,
    separators=st.sampled_from([(",", ":"), (", ", ": ")]),
    size=st.sampled_from([16, 500, pieces.PIECE]),
)
def test_both_parsers_find_the_same_records(
    records: list[tuple[str, Any, str, bool, Any]], separators: tuple[str, str], size: int
) -> None:
    """Whatever records contain, and however they are written, the scanner finds the same ones."""
    texts = [
        json.dumps(
            {first: value, **record(0, readOnly=reading), "eventID": event_id, "more": more},
            separators=separators,
        )
        for first, value, event_id, reading, more in records
    ]
    data = f'{{"Records":[{separators[0].join(texts)}]}}'.encode()
    wanted = frozenset({("iam.amazonaws.com", "CreateUser")})
    some = list(range(len(texts) % 2, len(texts), 2))
    with pieces_of(size):
        found = read_log(data, exact=True, wanted=wanted)
        picked = list(records_at(data, some))
    assert list(found.keys) == [key_of(event_id) for _, _, event_id, _, _ in records]
    assert list(found.checks) == [check(text) for text in texts]
    assert len(found.reading) == len(texts)
    assert found.changes == list(range(len(texts)))
    assert not any(
        flag and not reading for flag, (*_, reading, _) in zip(found.reading, records, strict=True)
    )
    every = list(records_of(data))
    assert picked == [(at, *every[at]) for at in some]


@given(
    st.binary(max_size=400), st.integers(1, 3), st.integers(0, 200), st.integers(0, 255), st.integers(0, 40)
)
def test_both_libraries_decompress_the_same(text: bytes, members: int, at: int, value: int, cut: int) -> None:
    """What ISA-L reads of whole, altered, and truncated gzip data, zlib reads, too; both refuse the same."""
    data = bytearray(gzip.compress(text * 50, mtime=0) * members)
    data[at % len(data)] = value
    found: list[bytes | None] = []
    for library in (zlib, isal_zlib):
        blocks = inflate([bytes(data[: len(data) - cut])], library)
        try:
            found.append(b"".join(blocks))
        except EventError:
            found.append(None)
    assert found[0] == found[1]


def test_the_faster_library_is_in_use() -> None:
    """With the extra audit, log files are decompressed by ISA-L."""
    assert pieces.LIBRARY is isal_zlib


def test_similar_ids_have_different_keys() -> None:
    """UUIDs that count, or that begin with the same time, are different events."""
    counted = [f"00000000-0000-4000-8000-{number:012x}" for number in range(1_000)]
    timed = [f"0198f2a1-7b3c-7000-8000-{number:012x}" for number in range(1_000)]
    keys = keys_of([*counted, *timed])
    assert len(set(keys)) == len(keys)
    assert list(keys[:3]) == [key_of(name) for name in counted[:3]]
    assert key_of(counted[5].replace("-8000-", "-8001-")) not in keys
