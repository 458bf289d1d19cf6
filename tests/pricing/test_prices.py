"""The price list, and a user's changes to it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.errors import TrailforwardError
from trailforward.pricing import PriceError, load_prices, with_changes


def test_every_price_has_a_source() -> None:
    """Each price has a unit and a source: a document with an address, or the note that it is from memory."""
    prices = load_prices()
    assert prices.as_of >= "2026"
    for price in prices.by_name.values():
        assert price.unit
        assert price.about
        assert 0 < price.low <= price.high
        assert "https://" in price.source or price.source == "from memory"
    unknown = [name for name, price in prices.by_name.items() if price.source == "from memory"]
    assert unknown == ["firehose"]


def test_changes_are_by_name() -> None:
    """Named prices change, with their source and date; all others stay the same."""
    old = load_prices()
    new = with_changes(
        old, 'as_of = "2027-01-31"\nqueue = 0.44\ntransfer = [0.02, 0.147]\nhop = 0', "mine.toml"
    )
    assert new.as_of == "2027-01-31"
    assert (new["queue"].low, new["queue"].high, new["queue"].source) == (0.44, 0.44, "mine.toml")
    assert (new["transfer"].low, new["transfer"].high) == (0.02, 0.147)
    assert new["hop"].high == 0
    assert new["alarm"] is old["alarm"]
    assert old["queue"].low == 0.40
    assert with_changes(old, "as_of = 2027-01-31", "").as_of == "2027-01-31"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("queeu = 0.44", "unknown price queeu; write queue"),
        ("zzz = 0.44", "unknown price zzz; write alarm or arm64 or "),
        ('queue = "0.44"', "queue = '0.44' is not a price; write dollars per million calls"),
        ("queue = true", "queue = True is not a price"),
        ("queue = -1", "queue = -1 is not a price"),
        ("queue = nan", "queue = nan is not a price"),
        ("queue = inf", "queue = inf is not a price"),
        ("transfer = [0.09, 0.02]", "or [low, high]"),
        ("transfer = [1, 2, 3]", "is not a price"),
        ("transfer = []", "is not a price"),
        ("[queue]\nlow = 1", "is not a price"),
        ("as_of = 2027", 'as_of is not a date; write a date such as "2027-01-31"'),
        ("queue 0.44", "mine.toml is not TOML"),
    ],
)
def test_an_invalid_price_is_refused(text: str, words: str) -> None:
    """Unknown names, wrong types, and invalid TOML are errors that name the price and the fix."""
    with pytest.raises(PriceError) as caught:
        with_changes(load_prices(), text, "mine.toml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("mine.toml")


def test_all_problems_are_listed_at_once() -> None:
    """One error lists every problem in the file."""
    with pytest.raises(TrailforwardError) as caught:
        with_changes(load_prices(), "queeu = 1\nhop = -1\nas_of = 1", "f")
    assert len(str(caught.value).splitlines()) == 3


@given(st.text())
def test_any_text_is_prices_or_refused(text: str) -> None:
    """An invalid file raises PriceError and nothing else."""
    with suppress(PriceError):
        assert with_changes(load_prices(), text, "f").as_of
