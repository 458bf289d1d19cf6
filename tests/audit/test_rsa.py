from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.depth import examples
from tests.support.digest_chain import public_der, signing_key
from trailforward.audit.rsa import KeyFormatError, PublicKey, parse_key, verify

INFO = bytes.fromhex("3031300d060960864801650304020105000420")
MESSAGE = b"text"
SIZE = 256


def raw_signature(padded: bytes) -> bytes:
    """The signature that has this padded text."""
    numbers = signing_key(0).private_numbers()
    modulus = numbers.public_numbers.n
    return pow(int.from_bytes(padded, "big"), numbers.d, modulus).to_bytes(SIZE, "big")


def key() -> PublicKey:
    """The public test key."""
    return parse_key(public_der(signing_key(0)))


@settings(max_examples=examples(50), deadline=None)
@given(st.binary(max_size=100))
def test_signatures_of_another_implementation_are_valid(message: bytes) -> None:
    """What another implementation signed is valid, and only for its own text."""
    signature = signing_key(0).sign(message, padding.PKCS1v15(), hashes.SHA256())
    assert verify(key(), message, signature)
    assert not verify(key(), message + b" ", signature)
    assert not verify(parse_key(public_der(signing_key(1))), message, signature)


def test_the_padding_is_compared_as_a_whole() -> None:
    """Paddings that lax implementations accept, and other hashes, are refused."""
    digest = sha256(MESSAGE).digest()
    info = INFO + digest
    good = b"\0\1" + b"\xff" * (SIZE - len(info) - 3) + b"\0" + info
    assert verify(key(), MESSAGE, raw_signature(good))
    without_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest
    for padded in (
        b"\0\1" + b"\xff" * 8 + b"\0" + info + b"\0" * (SIZE - len(info) - 11),
        b"\0\1" + b"\xff" * (SIZE - len(info) - 4) + b"\0" + info + b"\0",
        b"\0\2" + b"\xff" * (SIZE - len(info) - 3) + b"\0" + info,
        b"\0\1" + b"\xff" * (SIZE - len(info) - 4) + b"\xfe\0" + info,
        b"\0\1" + b"\xff" * (SIZE - len(without_null) - 3) + b"\0" + without_null,
        b"\0\1" + b"\xff" * (SIZE - len(digest) - 3) + b"\0" + digest,
    ):
        assert len(padded) == SIZE
        assert not verify(key(), MESSAGE, raw_signature(padded))


def test_numbers_outside_the_modulus_are_refused() -> None:
    """A signature has the length of the key, and is smaller than the modulus."""
    signature = signing_key(0).sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    number = int.from_bytes(signature, "big")
    larger = (number + key().modulus).to_bytes(SIZE + 1, "big")
    for wrong in (b"", b"\0" + signature, signature[1:], larger, b"\0" * SIZE, b"\xff" * SIZE):
        assert not verify(key(), MESSAGE, wrong)


@settings(max_examples=examples(500), deadline=None)
@given(st.data())
def test_damaged_keys_are_refused_or_parsed(data: st.DataObject) -> None:
    """Whatever bytes claim to be a key, they give a key within bounds, or an error."""
    der = bytearray(public_der(signing_key(0)))
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, 12))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    for text in (bytes(der), bytes(der[:cut]), data.draw(st.binary(max_size=40))):
        try:
            found = parse_key(text)
        except KeyFormatError:
            continue
        assert 2048 <= found.modulus.bit_length() <= 8192
        assert 3 <= found.exponent < 1 << 32


@pytest.mark.parametrize(
    "der",
    [
        public_der(signing_key(0)) + b"\0",
        bytes.fromhex("3006020101020103"),
        bytes.fromhex("3080020101020103"),
        bytes.fromhex("308400000006020101020103"),
        bytes.fromhex("30810602010102010300"),
    ],
    ids=["extra bytes", "tiny", "indefinite", "long length", "padded length"],
)
def test_keys_in_other_forms_are_refused(der: bytes) -> None:
    """Only DER in its one form is a key, without anything after it."""
    with pytest.raises(KeyFormatError):
        parse_key(der)
