"""Products of AWS's price list, whatever they contain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.price_list import product
from trailforward.pricing import aws_prices

JSON = st.recursive(st.none() | st.floats() | st.text(max_size=5), lambda each: st.lists(each, max_size=3))


def text_of(dollars: Any, begin: Any = "0", **more: Any) -> str:
    """A product with this price."""
    entry = product("AmazonSNS", "API Request", (("0", "1"),), usagetype="EU-Requests-Tier1")
    (term,) = entry["terms"]["OnDemand"].values()
    (tier,) = term["priceDimensions"].values()
    tier.update(pricePerUnit={"USD": dollars}, beginRange=begin)
    return json.dumps({**entry, **more})


@given(
    st.text()
    | JSON.map(json.dumps)
    | st.builds(text_of, JSON, JSON)
    | st.builds(text_of, st.text(), st.text())
)
def test_any_product_has_a_positive_price_or_is_left_out(text: str) -> None:
    """Nothing that AWS sends ends the command with a traceback, or makes a negative or infinite price."""
    found = aws_prices._product(text)
    assert found is None or 0 < found.price < 1_000_000


@pytest.mark.parametrize("dollars", ["0", "-1", "NaN", "Infinity", "1e999999", "", None, [], "9999999"])
def test_a_price_that_is_not_one_is_left_out(dollars: Any) -> None:
    """Free products, and prices that are not positive numbers, are not used."""
    assert aws_prices._product(text_of(dollars)) is None


def test_a_product_is_read_and_a_huge_one_is_not() -> None:
    """The usage type and the price are those of the product; the size of a product is bounded."""
    found = aws_prices._product(text_of("0.0000005"))
    assert found is not None
    assert (found.usage, str(found.price)) == ("EU-Requests-Tier1", "5E-7")
    assert aws_prices._product(text_of("1", padding="x" * 100_000)) is None
    assert aws_prices._product("[" * 50_000) is None
