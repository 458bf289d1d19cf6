import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.models import EventVersion

minor = st.integers(min_value=0, max_value=10**20)


@given(minor, minor, minor, minor)
def test_order(a: int, b: int, c: int, d: int) -> None:
    """Versions compare as pairs of integers."""
    assert (EventVersion(f"{a}.{b}") < EventVersion(f"{c}.{d}")) == ((a, b) < (c, d))


def test_two_digits() -> None:
    """1.10 comes after 1.09, and 1.09 after 1.8, unlike decimals."""
    assert EventVersion("1.10") > EventVersion("1.09") > EventVersion("1.8")


def test_parts() -> None:
    """Major and minor have names, and a plain pair can be compared with a version."""
    version = EventVersion("1.09")
    assert (version.major, version.minor) == (1, 9)
    assert version >= (1, 9)
    assert not version >= (1, 10)


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])  # noqa: S301
def test_text(clone) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """str() returns the original text with leading zeros, in copies too."""
    version = clone(EventVersion("1.09"))
    assert str(version) == "1.09"
    assert repr(version) == "EventVersion('1.09')"


@pytest.mark.parametrize("text", ["", "1", "1.", ".1", "1.0.0", "v1.0", "1.0 ", "-1.0", "\u0661.\u0662"])
def test_other_forms(text: str) -> None:
    """Text that is not MAJOR.MINOR in digits is rejected."""
    with pytest.raises(ValueError, match=r"not MAJOR\.MINOR"):
        EventVersion(text)
