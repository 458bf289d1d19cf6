"""CBOR (RFC 8949) as AWS's protocol ``smithy-rpc-v2-cbor`` uses it, written independently of botocore."""

from __future__ import annotations

from typing import Any

_LENGTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_SIMPLE = {20: False, 21: True, 22: None}
_INDEFINITE = 31


def loads(data: bytes) -> Any:
    """Decodes one item: integers, bytes, text, arrays, maps, booleans, null; lengths may be indefinite."""
    value, end = _item(data, 0)
    assert end == len(data)
    return value


def _item(data: bytes, at: int) -> tuple[Any, int]:
    major, low = divmod(data[at], 32)
    at += 1
    if major == 7:
        return _SIMPLE[low], at
    number = low
    if low in _LENGTHS:
        size = _LENGTHS[low]
        number, at = int.from_bytes(data[at : at + size]), at + size
    if major in {0, 1}:
        return (number if major == 0 else -1 - number), at
    if major in {2, 3}:
        assert low != _INDEFINITE
        chunk = data[at : at + number]
        return (chunk if major == 2 else chunk.decode()), at + number
    assert major in {4, 5}
    parts: list[Any] = []
    wanted = None if low == _INDEFINITE else number * (major - 3)
    while data[at] != 0xFF if wanted is None else len(parts) < wanted:
        part, at = _item(data, at)
        parts.append(part)
    at += wanted is None
    return (parts if major == 4 else dict(zip(parts[::2], parts[1::2], strict=True))), at


def dumps(value: Any) -> bytes:
    """Encodes one item."""
    match value:
        case int():
            return _head(0, value)
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case list():
            return _head(4, len(value)) + b"".join(map(dumps, value))
        case dict():
            return _head(5, len(value)) + b"".join(dumps(key) + dumps(value[key]) for key in value)
    raise TypeError(value)


def _head(major: int, number: int) -> bytes:
    return bytes([major * 32 + 26]) + number.to_bytes(4)
