"""Parses IP addresses as event patterns do.

The rules differ from Python's ``ipaddress`` (source: Event Ruler). IPv4 groups may have leading zeros. An
IPv4-mapped IPv6 address equals the IPv4 address. IPv6 zones and dotted tails are not allowed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_FOUR_GROUPS = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_HEX_AND_COLONS = re.compile(r"[0-9a-fA-F:]+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")

_V4_LONGEST = len("255.255.255.255")
_V6_GROUPS = 8
_MAPPED = 0xFFFF


class Address(NamedTuple):
    """An IP address: the width of its family in bits (32 or 128), and its value."""

    bits: int
    value: int


class Network(NamedTuple):
    """A CIDR block.

    Attributes:
        bits: 32 or 128.
        shift: number of host bits.
        prefix: the value without its host bits.
    """

    bits: int
    shift: int
    prefix: int

    def contains(self, text: str) -> bool:
        """Whether ``text`` is an address of the same family in the block."""
        found = address(text)
        return found is not None and found.bits == self.bits and found.value >> self.shift == self.prefix


#: Texts longer than this are not cached, because an event may contain any number of them.
_MAX_CACHED_LENGTH = 64


def address(text: str) -> Address | None:
    """Parses an address; None for any other text."""
    return _cached(text) if len(text) <= _MAX_CACHED_LENGTH else _parse(text)


@lru_cache(maxsize=4_096)  # most events come from a few callers, and most texts are not addresses
def _cached(text: str) -> Address | None:
    return _parse(text)


def _parse(text: str) -> Address | None:
    if ":" in text:
        return _v6(text) if _HEX_AND_COLONS.fullmatch(text) else None
    if len(text) > _V4_LONGEST or not _FOUR_GROUPS.fullmatch(text):
        return None
    value = 0
    for group in text.split("."):
        number = int(group)
        if number > 0xFF:  # noqa: PLR2004  # one octet
            return None
        value = value << 8 | number
    return Address(32, value)


def _v6(text: str) -> Address | None:
    head, gap, tail = text.partition("::")
    left = head.split(":") if head else []
    right = tail.split(":") if tail else []
    missing = _V6_GROUPS - len(left) - len(right)
    if missing < 1 if gap else missing:
        return None
    value = 0
    for group in [*left, *["0"] * missing, *right]:
        number = int(group, 16) if group else _MAPPED + 1
        if number > 0xFFFF:  # noqa: PLR2004  # one group; also every second "::"
            return None
        value = value << 16 | number
    return Address(32, value & 0xFFFF_FFFF) if value >> 32 == _MAPPED else Address(128, value)


def network(text: str) -> Network:
    """Parses ``address/bits``.

    Raises:
        ValueError: with EventBridge's message, in EventBridge's order of checks.
    """
    parts = text.split("/")
    while parts and not parts[-1]:
        parts.pop()
    if len(parts) != 2:  # noqa: PLR2004
        raise ValueError("Malformed CIDR, one '/' required")
    where, mask = parts
    if not _INTEGER.fullmatch(mask) or not -(2**31) <= int(mask) < 2**31:
        raise ValueError("Malformed CIDR, mask bits must be an integer")
    length = int(mask)
    if length < 0:
        raise ValueError("Malformed CIDR, mask bits must not be negative")
    standard = _HEX_AND_COLONS if ":" in where else _FOUR_GROUPS
    if not standard.fullmatch(where):
        raise ValueError(f"Nonstandard IP address: {where}")
    base = address(where)
    if base is None:
        raise ValueError(f"Invalid IP address: {where}")
    if length >= base.bits:  # EventBridge rejects single addresses: /32 and /128
        raise ValueError(f"IPv{4 if base.bits == 32 else 6} mask bits must be < {base.bits}")  # noqa: PLR2004
    shift = base.bits - length
    return Network(base.bits, shift, base.value >> shift)
