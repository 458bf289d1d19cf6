"""Verifies RSA signatures (PKCS #1 v1.5 with SHA-256) with ``pow()`` alone, as CloudTrail's digests need.

The padding is built and compared as a whole. Parsing it instead accepts forged signatures under keys with a
small exponent (source: RFC 8017, section 8.2.2, and the note on implementations in its appendix B.1).
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

#: Bits of a modulus. CloudTrail's keys have 2,048; the limit bounds the time of a verification.
_LEAST_BITS, _MOST_BITS = 2048, 8192
_MOST_EXPONENT_BITS = 32
_SEQUENCE, _INTEGER = 0x30, 0x02
_LONG_FORM, _MOST_LENGTH_BYTES = 0x80, 2
#: ``DigestInfo`` of SHA-256 in DER, before the hash (source: RFC 8017, section 9.2, note 1).
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class KeyFormatError(ValueError):
    """The bytes are not a public key that can be used. The text says why."""


class PublicKey(NamedTuple):
    """An RSA public key."""

    modulus: int
    exponent: int

    @property
    def size(self) -> int:
        """Bytes of the modulus, and of a signature."""
        return (self.modulus.bit_length() + 7) // 8


def parse_key(der: bytes) -> PublicKey:
    """Reads a public key in DER, in the form of PKCS #1: a sequence of modulus and exponent.

    Raises:
        KeyFormatError: it has another form, or its numbers are out of bounds.
    """
    body, rest = _element(der, _SEQUENCE)
    modulus, after = _integer(body)
    exponent, end = _integer(after)
    if rest or end:
        raise KeyFormatError("bytes follow the key")
    if not _LEAST_BITS <= modulus.bit_length() <= _MOST_BITS or modulus % 2 == 0:
        raise KeyFormatError(f"the modulus is even, or does not have {_LEAST_BITS} to {_MOST_BITS} bits")
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > _MOST_EXPONENT_BITS:  # noqa: PLR2004
        raise KeyFormatError(f"the exponent is even, below 3, or has more than {_MOST_EXPONENT_BITS} bits")
    return PublicKey(modulus, exponent)


def verify(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether a signature fits a message."""
    number = int.from_bytes(signature, "big")
    if len(signature) != key.size or number >= key.modulus:
        return False
    info = _SHA256_INFO + sha256(message).digest()
    padded = b"\0\1" + b"\xff" * (key.size - len(info) - 3) + b"\0" + info
    return pow(number, key.exponent, key.modulus) == int.from_bytes(padded, "big")


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of a DER element, and what follows it."""
    if len(data) < 2 or data[0] != tag:  # noqa: PLR2004  # tag and length
        raise KeyFormatError("not a public key in DER, in the form of PKCS #1")
    size, start = data[1], 2
    if size & _LONG_FORM:
        count = size & ~_LONG_FORM
        start += count
        size = int.from_bytes(data[2:start], "big") if 0 < count <= _MOST_LENGTH_BYTES else -1
        if size < _LONG_FORM or data[2] == 0:
            raise KeyFormatError("a length is not in DER, or is too large")
    if len(data) < start + size:
        raise KeyFormatError("the key is truncated")
    return data[start : start + size], data[start + size :]


def _integer(data: bytes) -> tuple[int, bytes]:
    content, rest = _element(data, _INTEGER)
    # DER has the shortest form; the first bit is the sign.
    if not content or content[0] & 0x80 or (len(content) > 1 and content[0] == 0 and content[1] < 0x80):  # noqa: PLR2004
        raise KeyFormatError("a number is negative, or not in DER")
    return int.from_bytes(content, "big"), rest
