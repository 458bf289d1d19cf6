"""Reads JSON text as EventBridge does, and finds the exact position of values in it.

EventBridge accepts 1,000 nested levels, integers of any length, and lone surrogates. It rejects NaN and a
byte order mark. How deep Python's own ``json`` reads depends on its version, so levels are counted here.
``members`` and ``elements`` yield the spans of one level, so that values can be cut out unchanged.
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

#: EventBridge's limit (PutEvents, API reference).
MAX_DEPTH = 1_000
#: The limit of this module, on every Python: a ``detail`` of 1,000 levels inside its envelope. orjson's, too.
_MAX_LEVELS = 1_024

BOM = b"\xef\xbb\xbf"
_WHITESPACE = " \t\n\r"


#: Byte order marks of UTF-16 and UTF-32, and the characters with which JSON begins.
_MARKS, _FIRST = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"), b'{["\r\n\t '


def wide_encoding(start: bytes) -> EventError | None:
    """Returns an error if data is UTF-16 or UTF-32, which Windows tools write; None for other data.

    Args:
        start: the first four bytes.
    """
    zeros, others = start[:4].count(b"\0"), start[:4].replace(b"\0", b"")
    if not start.startswith(_MARKS) and not (zeros and others and others[0] in _FIRST):
        return None
    name = "UTF-16" if zeros + len(others) < 4 or zeros < 3 - start.startswith(_MARKS) else "UTF-32"  # noqa: PLR2004
    return EventError(
        "not_utf8", f"not UTF-8 at byte 0, but {name}: convert it with `iconv -f {name} -t UTF-8`"
    )


def to_text(raw: bytes) -> str:
    """Decodes UTF-8. Encoded lone surrogates are kept: :func:`to_bytes` restores them.

    Raises:
        EventError: ``not_utf8``.
    """
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        wide = wide_encoding(raw[:4])
        raise wide or EventError("not_utf8", f"not UTF-8 at byte {error.start}: {error.reason}") from None


def to_bytes(text: str) -> bytes:
    """The inverse of :func:`to_text`."""
    return text.encode("utf-8", "surrogatepass")


def on_one_line(data: bytes) -> bytes:
    """JSON without CR and LF. They stand only between tokens, because strings escape them.

    Strings, numbers, and all other whitespace stay as they are.
    """
    return data.translate(None, b"\r\n") if b"\n" in data or b"\r" in data else data


def readable(data: bytes) -> str | None:
    """The data as text if SQS accepts it unchanged as a message body, else None.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
    """
    try:
        text = to_text(data)
    except EventError:
        return None
    return None if not text or _refused_by_sqs().search(text) else text


@cache  # a character class this large takes milliseconds to compile
def _refused_by_sqs() -> re.Pattern[str]:
    return re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode(value: Any) -> bytes:
    """Compact JSON for a value whose original bytes are not available.

    Raises:
        EventError: ``too_deep``.
    """
    try:
        text = _ENCODER.encode(value)
    except (ValueError, RecursionError):
        with _raised_recursion_limit():
            try:
                text = _ENCODER.encode(_json_safe(value))
            except RecursionError:
                raise _too_deep() from None
    check_depth(text, 0, len(text))
    return to_bytes(text)


def _json_safe(value: Any) -> Any:
    """The same value without infinities and NaN, which JSON cannot express.

    Infinity was a number such as 1E400 before parsing; any integer beyond the range of doubles means the
    same. NaN becomes null.
    """
    if isinstance(value, dict):
        return {key: _json_safe(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_safe(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        return 10**309 if value > 0 else -(10**309)
    return value


def _refuse_constant(literal: str) -> Any:
    raise EventError("not_json", f"not JSON: {literal} is not a JSON number")


def _int_of_any_length(literal: str) -> int | float:
    try:
        return int(literal)
    except ValueError:  # longer than Python's 4,300 digits
        return float(literal)


_limit_lock = threading.Lock()
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
#: Slower, because a Python function converts each integer.
_SLOW_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_int_of_any_length)


def parse_fast(raw: bytes | str) -> Any:
    """Like :func:`decode`, in a third of the time; integers beyond 64 bits become floats.

    Raises:
        EventError: as for :func:`decode`.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        # orjson rejects some JSON that EventBridge accepts, and its errors say less.
        return decode(raw)


def decode(raw: bytes | str) -> Any:
    """Parses JSON, accepting exactly what EventBridge accepts.

    Raises:
        EventError: ``empty``, ``bom``, ``not_utf8``, ``not_json`` or ``too_deep``, with the position.
    """
    if isinstance(raw, bytes):
        if raw.startswith(BOM):
            raise EventError("bom", "starts with a UTF-8 byte order mark: send UTF-8 without one")
        raw = to_text(raw)
    elif raw.startswith("\ufeff"):
        raise EventError("bom", "starts with a byte order mark: send text without one")
    if not raw.strip(_WHITESPACE):
        raise EventError("empty", "expected JSON, got empty text")
    found = _with_retry(lambda decoder: decoder.decode(raw), raw, 0)
    check_depth(raw, 0, len(raw))
    return found


@contextmanager
def _raised_recursion_limit() -> Iterator[None]:
    """Allows 1,000 nested levels: CPython 3.11 counts levels in C against Python's recursion limit."""
    # One thread at a time: the limit is global, and each of two threads would restore the other's value.
    with _limit_lock:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 3 * MAX_DEPTH)
        try:
            yield
        finally:
            sys.setrecursionlimit(limit)


def _with_retry(read: Callable[[json.JSONDecoder], Any], text: str, start: int) -> Any:
    """Runs a decoder call; if it hits Python's own limits, runs it again with higher ones.

    Args:
        read: calls the decoder that it gets.
        text: what it reads.
        start: where it starts.
    """
    try:
        try:
            return read(_DECODER)
        except json.JSONDecodeError:
            raise
        except (RecursionError, ValueError):  # nested too deep, or an integer of more than 4,300 digits
            with _raised_recursion_limit():
                return read(_SLOW_DECODER)
    except json.JSONDecodeError as error:
        check_depth(text, start, error.pos)
        raise EventError("not_json", f"not JSON: {error}") from None
    except RecursionError:
        raise _too_deep() from None


_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[][{}]', re.DOTALL)


def check_depth(text: str, start: int, end: int) -> None:
    """Refuses JSON, complete or truncated, that is nested deeper than 1,024 levels.

    Args:
        text: contains the JSON.
        start: where it begins.
        end: where it ends.

    Raises:
        EventError: ``too_deep``.
    """
    if text.count("[", start, end) + text.count("{", start, end) <= _MAX_LEVELS:
        return
    depth = 0
    for found in _BRACKETS.finditer(text, start, end):
        match text[found.start()]:
            case "[" | "{":
                depth += 1
                if depth > _MAX_LEVELS:
                    raise _too_deep()
            case "]" | "}":
                depth -= 1


def _too_deep() -> EventError:
    return EventError(
        "too_deep", f"nested deeper than {MAX_DEPTH:,} levels, which EventBridge does not allow"
    )


def members(text: str, start: int = 0) -> Iterator[tuple[str, int, int]]:
    """Yields each key of one JSON object, and the start and end of its value in characters.

    Args:
        text: JSON text.
        start: where the object begins; whitespace before it is skipped.

    Raises:
        EventError: ``not_json``.
    """
    position = _skip_token(text, start, "{")
    if text[position : position + 1] == "}":
        return
    while True:
        if text[position : position + 1] != '"':
            raise EventError("not_json", f"not JSON: expected a key at character {position}")
        key, position = _string(text, position + 1)
        value = _skip_token(text, position, ":")
        position = value_end(text, value)
        yield key, value, position
        position = _skip_whitespace(text, position)
        if text[position : position + 1] == "}":
            return
        position = _skip_token(text, position, ",")


def elements(text: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yields the start and end of each element of one JSON array, in characters.

    Raises:
        EventError: ``not_json``.
    """
    position = _skip_token(text, start, "[")
    if text[position : position + 1] == "]":
        return
    while True:
        end = value_end(text, position)
        yield position, end
        position = _skip_whitespace(text, end)
        if text[position : position + 1] == "]":
            return
        position = _skip_token(text, position, ",")


def value_start(text: str, start: int = 0) -> int:
    """The position where the first JSON value of a text begins, from ``start`` on."""
    return _skip_whitespace(text, start)


def value_end(text: str, start: int) -> int:
    """The position where the JSON value that begins at ``start`` ends.

    Raises:
        EventError: ``not_json`` or ``too_deep``.
    """
    return value(text, start)[1]


def value(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at ``start``, and the position where it ends.

    Raises:
        EventError: ``not_json`` or ``too_deep``.
    """
    found: tuple[Any, int] = _with_retry(lambda decoder: decoder.raw_decode(text, start), text, start)
    check_depth(text, start, found[1])
    return found


def _string(text: str, start: int) -> tuple[str, int]:
    try:
        # The decoder's own C function, which typeshed does not declare.
        scanned: tuple[str, int] = _json.scanstring(text, start, True)  # type: ignore[attr-defined]  # noqa: FBT003
    except json.JSONDecodeError as error:
        raise EventError("not_json", f"not JSON: {error}") from None
    return scanned


def _skip_whitespace(text: str, position: int) -> int:
    while text[position : position + 1] in _WHITESPACE and position < len(text):
        position += 1
    return position


def _skip_token(text: str, position: int, token: str) -> int:
    position = _skip_whitespace(text, position)
    if text[position : position + 1] != token:
        raise EventError("not_json", f"not JSON: expected {token!r} at character {position}")
    return _skip_whitespace(text, position + 1)
