"""JSON is accepted as EventBridge accepts it, and values are cut out byte for byte."""

from __future__ import annotations

import json
import math
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward import Pattern, jsontext
from trailforward.errors import EventError
from trailforward.jsontext import (
    decode,
    elements,
    encode,
    members,
    parse_fast,
    readable,
    to_bytes,
    to_text,
    value_start,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BLANKS = st.text(" \t\r\n", max_size=3)
STRINGS = st.text(max_size=8) | st.sampled_from(["detail", "a", "\u2028", '"', "\\", "\ud800"])


def fault(read: Callable[[], object]) -> EventError | None:
    """The ``EventError`` that the call raises, or None. Any other exception fails the test."""
    try:
        read()
    except EventError as error:
        return error
    return None


def spelt(text: str) -> st.SearchStrategy[str]:
    """A JSON string in any spelling: each character literal or escaped."""

    def ways(character: str) -> st.SearchStrategy[str]:
        units = character.encode("utf-16-be", "surrogatepass")
        escaped = "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        return st.sampled_from([plain, escaped])

    return st.tuples(*map(ways, text)).map(lambda parts: '"' + "".join(parts) + '"')


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON text with unusual whitespace, repeated keys, and numbers and keys in any spelling."""
    if depth == 0 or draw(st.booleans()):
        numbers = st.sampled_from(["0", "-0", "1.10", "1E400", "1.688560107857E9", "9007199254740993", "5.0"])
        words = st.sampled_from(["true", "false", "null"])
        return draw(numbers | words | STRINGS.flatmap(spelt))
    inner = documents(depth=depth - 1)
    if draw(st.booleans()):
        parts = draw(st.lists(inner, max_size=3))
    else:
        keys = draw(st.lists(STRINGS.flatmap(spelt), max_size=4))
        parts = [f"{key}{draw(BLANKS)}:{draw(BLANKS)}{draw(inner)}" for key in keys]
        return "{" + draw(BLANKS) + ",".join(f"{draw(BLANKS)}{part}{draw(BLANKS)}" for part in parts) + "}"
    return "[" + draw(BLANKS) + ",".join(f"{draw(BLANKS)}{part}{draw(BLANKS)}" for part in parts) + "]"


@given(BLANKS, documents(), BLANKS)
def test_decode_is_json(before: str, text: str, after: str) -> None:
    """Valid JSON decodes to the same value as with ``json.loads``, from text and from bytes."""
    whole = before + text + after
    assert decode(whole) == decode(to_bytes(whole)) == json.loads(whole)


@given(BLANKS, documents(), BLANKS)
def test_the_fast_parser_agrees(before: str, text: str, after: str) -> None:
    """The fast parser and ``decode`` return the same value, including the sign of a zero."""
    whole = before + text + after
    assert repr(parse_fast(whole)) == repr(parse_fast(to_bytes(whole))) == repr(decode(whole))


@given(st.text('{}[],:"\\ u0019abtrue.e-', max_size=30) | st.binary(max_size=20))
def test_the_fast_parser_raises_the_same_errors(raw: str | bytes) -> None:
    """For invalid JSON, the fast parser raises the same error as ``decode``."""
    fast, slow = fault(lambda: parse_fast(raw)), fault(lambda: decode(raw))
    assert (fast and fast.args) == (slow and slow.args)


@pytest.mark.parametrize("text", ["18446744073709551616", "-9223372036854775809"])
def test_the_fast_parser_turns_integers_beyond_64_bits_into_floats(text: str) -> None:
    """Integers beyond 64 bits are the only values on which the fast parser and ``decode`` differ."""
    assert parse_fast(text) == float(text)
    assert isinstance(parse_fast(text), float)
    assert decode(text) == int(text)


@given(BLANKS, st.lists(st.tuples(STRINGS.flatmap(spelt), BLANKS, documents(depth=2), BLANKS), max_size=5))
def test_members_are_spans(before: str, parts: list[tuple[str, str, str, str]]) -> None:
    """``members`` yields each key decoded and the span of each value exactly as written."""
    text = before + "{" + ",".join(f"{key}{a}:{b}{value}{a}" for key, a, value, b in parts) + "}"
    found = [(key, text[start:end]) for key, start, end in members(text)]
    assert found == [(json.loads(key), value) for key, _, value, _ in parts]


@given(BLANKS, st.lists(st.tuples(BLANKS, documents(depth=2)), max_size=5))
def test_elements_are_spans(before: str, parts: list[tuple[str, str]]) -> None:
    """``elements`` yields the span of each element exactly as written."""
    text = before + "[" + ",".join(f"{blank}{value}{blank}" for blank, value in parts) + before + "]"
    assert [text[start:end] for start, end in elements(text)] == [value for _, value in parts]
    assert text[value_start(text)] == "["


@given(st.text('{}[],:"\\ u0019abtrue.e-', max_size=30))
def test_any_text_is_json_or_an_error(text: str) -> None:
    """For any text, decoding and cutting give values or raise ``EventError``, and they agree."""
    error = fault(lambda: decode(text))
    assert error is None or error.code in {"not_json", "empty"}
    for cut in (members, elements):
        wrong = fault(lambda cut=cut: list(cut(text)))  # type: ignore[misc]
        assert wrong is None or wrong.code == "not_json"
    value = None if error else decode(text)
    if isinstance(value, dict):
        assert {key: decode(text[start:end]) for key, start, end in members(text)} == value


@given(st.binary(max_size=20))
def test_any_bytes_are_text_or_an_error(data: bytes) -> None:
    """Bytes decode to text that encodes to the same bytes, or raise ``not_utf8`` with the position."""
    error = fault(lambda: to_text(data))
    if error is None:
        assert to_bytes(to_text(data)) == data
    else:
        assert error.code == "not_utf8"
        assert "at byte" in str(error)


@pytest.mark.parametrize(
    ("raw", "code", "text"),
    [
        (b"", "empty", "empty text"),
        (b" \r\n\t", "empty", "empty text"),
        (b"\xef\xbb\xbf{}", "bom", "byte order mark"),
        ("\ufeff{}", "bom", "byte order mark"),
        (b"\xff\xfe{\x00}\x00", "not_utf8", "at byte 0"),
        (b'{"a": 1', "not_json", "line 1 column"),
        (b'{"a": 1} {', "not_json", "Extra data"),
        (b"{'a': 1}", "not_json", "property name"),
        (b'{"a": NaN}', "not_json", "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "not_json", "-Infinity is not a JSON number"),
        (b'{"a": "\n"}', "not_json", "control character"),
        (b"[" * 100_000, "too_deep", "deeper than 1,000 levels"),
    ],
)
def test_invalid_json(raw: bytes | str, code: str, text: str) -> None:
    """The error says what is wrong and where, and does not show the text."""
    with pytest.raises(EventError, match=text) as caught:
        decode(raw)
    assert caught.value.code == code


def deep(levels: int) -> str:
    """Nested arrays and objects."""
    return '[{"a":' * (levels // 2) + "1" + "}]" * (levels // 2)


def test_a_thousand_levels() -> None:
    """JSON as deep as EventBridge allows can be decoded, cut, and encoded."""
    limit = sys.getrecursionlimit()
    text = deep(1_000)
    value = decode(text)
    assert encode(value).decode() == text
    assert [text[start:end] for start, end in elements(text)] == [text[1:-1]]
    assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize(
    "read",
    [
        decode,
        parse_fast,
        lambda text: jsontext.value(text, 0),
        lambda text: list(elements(f"[{text}]")),
        lambda text: encode(nested(text.count("["), text.count("{"))),
        lambda text: Pattern({"a": [1]}).matches(f'{{"b": {text[1:-1]}}}' if text[0] == "[" else text),
    ],
    ids=["decode", "view", "value", "elements", "encode", "pattern"],
)
def test_every_reader_stops_at_the_same_depth(
    read: Callable[[str], object], opening: str, closing: str
) -> None:
    """On every Python, 1,024 levels are read, and one more or many more are ``too_deep``."""
    read(opening * 1_024 + "1" + closing * 1_024)
    for levels in (1_025, 5_000, 100_000):
        with pytest.raises(EventError) as caught:
            read(opening * levels + "1" + closing * levels)
        assert caught.value.code == "too_deep"


def nested(arrays: int, objects: int) -> Any:
    """A value of so many levels."""
    found: Any = 1
    for _ in range(arrays):
        found = [found]
    for _ in range(objects):
        found = {"a": found}
    return found


@pytest.mark.parametrize("cut", [1_025, 100_000])
def test_text_that_is_deep_and_cut_short_is_too_deep(cut: int) -> None:
    """Where reading stopped does not matter: it is too deep before it is no JSON."""
    for text in ("[" * cut, '[{"a":' * cut, "[" * cut + "x"):
        with pytest.raises(EventError) as caught:
            decode(text)
        assert caught.value.code == "too_deep"


def test_brackets_in_strings_do_not_count() -> None:
    """A long policy or program in a string is not nesting."""
    text = json.dumps({"program": '[{"\\' * 5_000, "list": [[]] * 5_000})
    assert decode(text) == json.loads(text)


def test_threads_leave_the_recursion_limit_alone() -> None:
    """Threads that decode deep events concurrently leave Python's recursion limit unchanged."""
    limit = sys.getrecursionlimit()
    threads = [threading.Thread(target=lambda: [decode(deep(1_000)) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.getrecursionlimit() == limit


def test_integers_of_any_length() -> None:
    """An integer with more digits than Python converts does not make the event fail."""
    assert decode(b'{"n": 9' + b"9" * 5_000 + b"}") == {"n": math.inf}
    assert decode("9" * 400) == int("9" * 400)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, "ü\u2028", None, True, 1.5]}, '{"a":[1,"ü\u2028",null,true,1.5]}'),
        ([math.inf, -math.inf], f"[{10**309},{-(10**309)}]"),
        ([math.nan], "[null]"),
        ("\ud800", '"\ud800"'),
    ],
)
def test_encode(value: Any, text: str) -> None:
    """A parsed value is written as compact JSON with the same meaning."""
    assert encode(value) == to_bytes(text)


def test_encode_of_infinity_far_down() -> None:
    """Infinity at 1,000 nested levels is encoded as well."""
    value: Any = math.inf
    for _ in range(1_000):
        value = [value]
    assert encode(value) == b"[" * 1_000 + str(10**309).encode() + b"]" * 1_000


def test_encode_of_values_nested_too_deep() -> None:
    """Values nested deeper than EventBridge allows raise ``EventError``."""
    value: Any = 1
    for _ in range(200_000):
        value = [value]
    with pytest.raises(EventError, match="deeper than 1,000 levels"):
        encode(value)


@pytest.mark.parametrize(
    ("data", "fits"),
    [
        (b'{"a": 1}\t\r\n', True),
        ("ü\u0085\u2028\U0001f600\ufffd".encode(), True),
        (b"", False),
        (b"\x00", False),
        ("\ufffe".encode(), False),
        (b"\xed\xa0\x80", False),
        (b"\xff", False),
    ],
)
def test_text_for_sqs(data: bytes, *, fits: bool) -> None:
    """``readable`` returns text only if SQS accepts all of its characters."""
    assert readable(data) == (data.decode() if fits else None)


@pytest.mark.parametrize(
    "text", ['{"a', '{"\\x": 1}', "{1: 2}", '{"a" 1}', '{"a": }', '{"a": 1', '{"a": 1 2}', "[1 2]", "["]
)
def test_cutting_invalid_json(text: str) -> None:
    """``members`` and ``elements`` raise ``not_json`` wherever the text is invalid."""
    wrong = fault(lambda: list(members(text) if text.startswith("{") else elements(text)))
    assert wrong is not None
    assert wrong.code == "not_json"
