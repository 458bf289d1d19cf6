"""JSON text, read as EventBridge reads it: leniently where Python is strict, and without touching the text.

1,000 nested levels, integers of any length and lone surrogates are legal there; NaN and a byte order mark
are not. How deep Python's own ``json`` reads depends on its version, so levels are counted here.
``members`` and ``elements`` walk one level of a text and give spans, so that parts can be cut out byte for
byte.
"""

from __future__ import annotations

import json
import math
import re
import sys
import threading
from contextlib import contextmanager
from functools import cache
from json import decoder as _json
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: EventBridge's own limit (PutEvents, API reference).
MAX_DEPTH = 1_000
#: What is read: an envelope around such a ``detail``, and not more on any Python. It is orjson's limit, too.
_MOST_LEVELS = 1_024

BOM = b"\xef\xbb\xbf"
_SPACE = " \t\n\r"


def to_text(raw: bytes) -> str:
    """Decodes UTF-8; a lone surrogate that a source's own JSON smuggled in survives the round trip.

    Raises:
        EventError: ``not_utf8``.
    """
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise EventError("not_utf8", f"not UTF-8 at byte {error.start}: {error.reason}") from None


def to_bytes(text: str) -> bytes:
    """The inverse of :func:`to_text`."""
    return text.encode("utf-8", "surrogatepass")


def readable(data: bytes) -> str | None:
    """The data as text that SQS accepts unchanged, or None.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
    """
    try:
        text = to_text(data)
    except EventError:
        return None
    return None if not text or _refused_by_sqs().search(text) else text


@cache  # such large classes take milliseconds to compile
def _refused_by_sqs() -> re.Pattern[str]:
    return re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode(value: Any) -> bytes:
    """Compact JSON of a value that was parsed before anyone could keep its bytes.

    Raises:
        EventError: ``too_deep``.
    """
    try:
        text = _ENCODER.encode(value)
    except (ValueError, RecursionError):
        with _deeper():
            try:
                text = _ENCODER.encode(_spellable(value))
            except RecursionError:
                raise _too_deep() from None
    check_depth(text, 0, len(text))
    return to_bytes(text)


def _spellable(value: Any) -> Any:
    """The same value with JSON in the place of what JSON cannot spell.

    1E400 became infinity: any number beyond every double says the same. NaN never was JSON: null.
    """
    if isinstance(value, dict):
        return {key: _spellable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spellable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        return 10**309 if value > 0 else -(10**309)
    return value


def _refuse_constant(literal: str) -> Any:
    raise EventError("not_json", f"not JSON: {literal} is no JSON number")


def _any_int(literal: str) -> int | float:
    try:
        return int(literal)
    except ValueError:  # longer than Python's 4,300 digits
        return float(literal)


_depth = threading.Lock()
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
#: Slower: every integer goes through Python.
_PATIENT_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_any_int)


def view(raw: bytes | str) -> Any:
    """As :func:`decode`, in a third of its time; integers beyond 64 bits become floats.

    Raises:
        EventError: as from :func:`decode`.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        # It is stricter than EventBridge here and there, and says less of what is wrong.
        return decode(raw)


def decode(raw: bytes | str) -> Any:
    """Parses JSON as leniently as EventBridge does, and as strictly.

    Raises:
        EventError: ``empty``, ``bom``, ``not_utf8``, ``not_json`` or ``too_deep``, with the place.
    """
    if isinstance(raw, bytes):
        if raw.startswith(BOM):
            raise EventError("bom", "starts with a UTF-8 byte order mark: send plain UTF-8")
        raw = to_text(raw)
    elif raw.startswith("\ufeff"):
        raise EventError("bom", "starts with a byte order mark: send plain UTF-8")
    if not raw.strip(_SPACE):
        raise EventError("empty", "empty text where an event was expected")
    found = _guarded(lambda decoder: decoder.decode(raw), raw, 0)
    check_depth(raw, 0, len(raw))
    return found


@contextmanager
def _deeper() -> Iterator[None]:
    """Room for so many levels: CPython 3.11 counts the C code's levels against Python's recursion limit."""
    # One at a time: the limit is the process's, and two threads would each restore the other's.
    with _depth:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 3 * MAX_DEPTH)
        try:
            yield
        finally:
            sys.setrecursionlimit(limit)


def _guarded(read: Callable[[json.JSONDecoder], Any], text: str, start: int) -> Any:
    """Runs a read of the decoder, again with more room where Python's own limits were in the way.

    Args:
        read: reads with the decoder it gets.
        text: what it reads.
        start: where it begins.
    """
    try:
        try:
            return read(_DECODER)
        except json.JSONDecodeError:
            raise
        except (RecursionError, ValueError):  # too deep, or an integer of more than 4,300 digits
            with _deeper():
                return read(_PATIENT_DECODER)
    except json.JSONDecodeError as error:
        check_depth(text, start, error.pos)
        raise EventError("not_json", f"not JSON: {error}") from None
    except RecursionError:
        raise _too_deep() from None


_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[][{}]', re.DOTALL)


def check_depth(text: str, start: int, end: int) -> None:
    """Makes sure that JSON, whole or cut short, is no deeper than what is read.

    Args:
        text: holds the JSON.
        start: where it begins.
        end: where it ends.

    Raises:
        EventError: ``too_deep``.
    """
    if text.count("[", start, end) + text.count("{", start, end) <= _MOST_LEVELS:
        return
    depth = 0
    for found in _BRACKETS.finditer(text, start, end):
        match text[found.start()]:
            case "[" | "{":
                depth += 1
                if depth > _MOST_LEVELS:
                    raise _too_deep()
            case "]" | "}":
                depth -= 1


def _too_deep() -> EventError:
    return EventError("too_deep", f"nested deeper than {MAX_DEPTH:,} levels, more than EventBridge allows")


def members(text: str, start: int = 0) -> Iterator[tuple[str, int, int]]:
    """Walks one JSON object: yields each key with the span of its value, in characters.

    Args:
        text: JSON text; the object begins at ``start`` or after blanks.
        start: where to begin.

    Raises:
        EventError: ``not_json``.
    """
    position = _skip(text, start, "{")
    if text[position : position + 1] == "}":
        return
    while True:
        if text[position : position + 1] != '"':
            raise EventError("not_json", f"not JSON: expected a key at character {position}")
        key, position = _string(text, position + 1)
        value = _skip(text, position, ":")
        position = value_end(text, value)
        yield key, value, position
        position = _blanks(text, position)
        if text[position : position + 1] == "}":
            return
        position = _skip(text, position, ",")


def elements(text: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Walks one JSON array: yields the span of each element, in characters.

    Raises:
        EventError: ``not_json``.
    """
    position = _skip(text, start, "[")
    if text[position : position + 1] == "]":
        return
    while True:
        end = value_end(text, position)
        yield position, end
        position = _blanks(text, end)
        if text[position : position + 1] == "]":
            return
        position = _skip(text, position, ",")


def value_start(text: str) -> int:
    """Where the first JSON value of a text begins."""
    return _blanks(text, 0)


def value_end(text: str, start: int) -> int:
    """Where the JSON value that begins at ``start`` ends.

    Raises:
        EventError: ``not_json`` or ``too_deep``.
    """
    return value(text, start)[1]


def value(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at ``start``, and where it ends.

    Raises:
        EventError: ``not_json`` or ``too_deep``.
    """
    found: tuple[Any, int] = _guarded(lambda decoder: decoder.raw_decode(text, start), text, start)
    check_depth(text, start, found[1])
    return found


def _string(text: str, start: int) -> tuple[str, int]:
    try:
        # The C function behind the decoder; typeshed does not know it.
        scanned: tuple[str, int] = _json.scanstring(text, start, True)  # type: ignore[attr-defined]  # noqa: FBT003
    except json.JSONDecodeError as error:
        raise EventError("not_json", f"not JSON: {error}") from None
    return scanned


def _blanks(text: str, position: int) -> int:
    while text[position : position + 1] in _SPACE and position < len(text):
        position += 1
    return position


def _skip(text: str, position: int, token: str) -> int:
    position = _blanks(text, position)
    if text[position : position + 1] != token:
        raise EventError("not_json", f"not JSON: expected {token!r} at character {position}")
    return _blanks(text, position + 1)
