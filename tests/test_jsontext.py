"""JSON text is read as EventBridge reads it, and cut without touching a byte."""

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
    readable,
    to_bytes,
    to_text,
    value_start,
    view,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BLANKS = st.text(" \t\r\n", max_size=3)
STRINGS = st.text(max_size=8) | st.sampled_from(["detail", "a", "\u2028", '"', "\\", "\ud800"])


def fault(read: Callable[[], object]) -> EventError | None:
    """The ``EventError`` that reading ends in, if it does. Any other exception fails the test."""
    try:
        read()
    except EventError as error:
        return error
    return None


def spelt(text: str) -> st.SearchStrategy[str]:
    """A JSON string in any spelling: each character as it is, or escaped."""

    def ways(character: str) -> st.SearchStrategy[str]:
        units = character.encode("utf-16-be", "surrogatepass")
        escaped = "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        return st.sampled_from([plain, escaped])

    return st.tuples(*map(ways, text)).map(lambda parts: '"' + "".join(parts) + '"')


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON text with odd blanks, repeated keys, and numbers and keys in any spelling."""
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
    """Legal JSON reads as Python's own parser reads it, from text and from bytes."""
    whole = before + text + after
    assert decode(whole) == decode(to_bytes(whole)) == json.loads(whole)


@given(BLANKS, documents(), BLANKS)
def test_the_quick_view_is_the_same(before: str, text: str, after: str) -> None:
    """Read quickly, an event says what it says read patiently, down to the sign of a zero."""
    whole = before + text + after
    assert repr(view(whole)) == repr(view(to_bytes(whole))) == repr(decode(whole))


@given(st.text('{}[],:"\\ u0019abtrue.e-', max_size=30) | st.binary(max_size=20))
def test_what_the_quick_view_cannot_read(raw: str | bytes) -> None:
    """It has no errors of its own."""
    quick, patient = fault(lambda: view(raw)), fault(lambda: decode(raw))
    assert (quick and quick.args) == (patient and patient.args)


@pytest.mark.parametrize("text", ["18446744073709551616", "-9223372036854775809"])
def test_the_quick_view_bends_integers_beyond_64_bits(text: str) -> None:
    """That is its one deviation, as documented."""
    assert view(text) == float(text)
    assert isinstance(view(text), float)
    assert decode(text) == int(text)


@given(BLANKS, st.lists(st.tuples(STRINGS.flatmap(spelt), BLANKS, documents(depth=2), BLANKS), max_size=5))
def test_members_are_spans(before: str, parts: list[tuple[str, str, str, str]]) -> None:
    """Each member of an object is found with its key decoded and its value exactly as written."""
    text = before + "{" + ",".join(f"{key}{a}:{b}{value}{a}" for key, a, value, b in parts) + "}"
    found = [(key, text[start:end]) for key, start, end in members(text)]
    assert found == [(json.loads(key), value) for key, _, value, _ in parts]


@given(BLANKS, st.lists(st.tuples(BLANKS, documents(depth=2)), max_size=5))
def test_elements_are_spans(before: str, parts: list[tuple[str, str]]) -> None:
    """Each element of an array is found exactly as written."""
    text = before + "[" + ",".join(f"{blank}{value}{blank}" for blank, value in parts) + before + "]"
    assert [text[start:end] for start, end in elements(text)] == [value for _, value in parts]
    assert text[value_start(text)] == "["


@given(st.text('{}[],:"\\ u0019abtrue.e-', max_size=30))
def test_any_text_is_json_or_an_error(text: str) -> None:
    """Whatever the text, reading and cutting it ends in values or in ``EventError``, and they agree."""
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
    """Bytes become text that gives back the same bytes, or ``not_utf8`` with the place."""
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
        (b'{"a": NaN}', "not_json", "NaN is no JSON number"),
        (b'{"a": -Infinity}', "not_json", "-Infinity is no JSON number"),
        (b'{"a": "\n"}', "not_json", "control character"),
        (b"[" * 100_000, "too_deep", "deeper than 1,000 levels"),
    ],
)
def test_what_is_no_json(raw: bytes | str, code: str, text: str) -> None:
    """The error says what is wrong and where, and shows nothing of the text."""
    with pytest.raises(EventError, match=text) as caught:
        decode(raw)
    assert caught.value.code == code


def deep(levels: int) -> str:
    """Nested arrays and objects."""
    return '[{"a":' * (levels // 2) + "1" + "}]" * (levels // 2)


def test_a_thousand_levels() -> None:
    """As deep as EventBridge allows: read, cut and written."""
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
        view,
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
    """Many threads reading deep events at once end with Python's limit as it was."""
    limit = sys.getrecursionlimit()
    threads = [threading.Thread(target=lambda: [decode(deep(1_000)) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.getrecursionlimit() == limit


def test_integers_of_any_length() -> None:
    """A number longer than Python reads does not cost the event."""
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
    """What was parsed before we saw it is written compactly, as JSON that means the same."""
    assert encode(value) == to_bytes(text)


def test_encode_of_infinity_far_down() -> None:
    """Depth and numbers beyond every double come together, too."""
    value: Any = math.inf
    for _ in range(1_000):
        value = [value]
    assert encode(value) == b"[" * 1_000 + str(10**309).encode() + b"]" * 1_000


def test_encode_of_what_no_service_sends() -> None:
    """Python values nested beyond all measure are an ``EventError``."""
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
def test_what_sqs_takes(data: bytes, *, fits: bool) -> None:
    """Data is text for a queue only if SQS takes its characters unchanged."""
    assert readable(data) == (data.decode() if fits else None)


@pytest.mark.parametrize(
    "text", ['{"a', '{"\\x": 1}', "{1: 2}", '{"a" 1}', '{"a": }', '{"a": 1', '{"a": 1 2}', "[1 2]", "["]
)
def test_cutting_what_is_no_json(text: str) -> None:
    """Members and elements of broken text end in ``not_json``, wherever it breaks."""
    wrong = fault(lambda: list(members(text) if text.startswith("{") else elements(text)))
    assert wrong is not None
    assert wrong.code == "not_json"
