"""Reads current prices from the price list of AWS, with GetProducts of the Price List API.

The list is also published as files that need no credentials. Some are large, because a file has every product
of a service; GetProducts returns only those that the filters select.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.pricing.aws_list import QUERIES
from trailforward.pricing.prices import PriceError, load_prices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.pricing.aws_list import Query
    from trailforward.pricing.prices import Price

#: Where the Price List API is. It has the prices of all Regions.
ENDPOINT_REGION = "us-east-1"

#: The largest answer that a query may have: products in a page (the most that AWS allows), and pages.
_PAGE, _PAGES = 100, 5
#: Characters of one product; they have 1,000 to 5,000.
_LONGEST = 100_000
#: A price that differs by more than this factor from ours has another unit.
_FACTOR = 20
#: Dollars per unit of the list. None of ours costs as much.
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Listed:
    """What the price list of AWS says about a Region.

    Attributes:
        region: the Region.
        as_of: the date on which the list was read (ISO 8601, UTC).
        prices: name in ``prices.toml`` → lowest price, highest price, and source.
        missing: name in ``prices.toml`` → why the list does not give the price.
    """

    region: str
    as_of: str
    prices: dict[str, tuple[float, float, str]]
    missing: dict[str, str]


class _Product(NamedTuple):
    price: Decimal
    unit: str
    usage: str
    source: str


def read_listed(client: Any, region: str) -> Listed:
    """Reads all prices of a Region; about 20 calls.

    Args:
        client: a botocore client of ``pricing``.
        region: the Region of the stack.

    Raises:
        PriceError: the network, the credentials, or the permission is missing, or the Region has no prices.
    """
    known = load_prices().by_name
    found, missing = {}, dict.fromkeys(known.keys() - QUERIES.keys(), "it is not a product of the list")
    for name, query in QUERIES.items():
        try:
            products = list(_products(client, query, region))
            found[name] = _price(products, query, known[name])
        except LookupError as error:
            missing[name] = str(error.args[0])
    if not any(QUERIES[name].region for name in found):
        raise PriceError(
            f"The price list of AWS has no prices for {region} in US dollars. Check the Region's name; "
            "for the Regions of China, write the prices into a file: --prices FILE"
        )
    return Listed(region, dt.datetime.now(dt.UTC).date().isoformat(), found, missing)


def _price(products: Sequence[_Product], query: Query, known: Price) -> tuple[float, float, str]:
    """The price of one of our units.

    Raises:
        LookupError: there is not exactly one price, or it has another unit.
    """
    low, high = min(products, default=None), max(products, default=None)
    if low is None or high is None:
        raise LookupError("no product matches")
    if low.price != high.price and not query.spread:
        raise LookupError(f"several products match: {low.usage} and {high.usage}")
    if not known.low / _FACTOR <= low.price * query.units <= high.price * query.units <= known.high * _FACTOR:
        raise LookupError(f"the unit is unexpected: ${low.price} per {low.unit}")
    source = low.source if low.price == high.price else f"{low.source}, to {high.usage}"
    return float(low.price * query.units), float(high.price * query.units), source


def _products(client: Any, query: Query, region: str) -> Iterator[_Product]:
    """Yields the paid products that match a query.

    Raises:
        LookupError: AWS refuses the query, or it has too many products.
        PriceError: AWS cannot be called.
    """
    wanted = query.filters | ({query.region: region} if query.region else {})
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    token: dict[str, str] = {}
    for _ in range(_PAGES):
        page = _call(client, ServiceCode=query.service, Filters=filters, MaxResults=_PAGE, **token)
        for text in page.get("PriceList", ()):
            product = _product(text)
            if product is not None and (
                not query.usage or product.usage == query.usage or product.usage.endswith(f"-{query.usage}")
            ):
                yield product
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}
    raise LookupError(f"more than {_PAGE * _PAGES} products match")


def _product(text: str) -> _Product | None:
    """The first paid tier of a product; None if it costs nothing, or is not understood."""
    if len(text) > _LONGEST:
        return None
    try:
        entry = json.loads(text)
        usage = str(entry["product"]["attributes"]["usagetype"])
        tiers = [
            (Decimal(tier["beginRange"]), Decimal(tier["pricePerUnit"]["USD"]), str(tier["unit"]))
            for term in entry["terms"]["OnDemand"].values()
            for tier in term["priceDimensions"].values()
        ]
        _, price, unit = min(tier for tier in tiers if 0 < tier[1] < _MOST)
        published = str(entry.get("publicationDate", ""))[:10] or "on an unknown date"
        source = f"AWS price list: {entry['serviceCode']} {usage}, published {published}"
    except (ValueError, LookupError, TypeError, AttributeError, InvalidOperation, RecursionError):
        return None
    return _Product(price, unit, usage, source)


def _call(client: Any, **parameters: Any) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        response: dict[str, Any] = client.get_products(**parameters)
    except ClientError as error:
        if _code(error) == "InvalidParameterException":
            raise LookupError("AWS does not know the filters") from None
        raise call_failed(error) from None
    except (BotoCoreError, ResponseParserError) as error:
        raise call_failed(error) from None
    return response


def call_failed(error: Exception) -> PriceError:
    """The error with its fix, for an exception of botocore."""
    text = str(error).partition("\n")[0].rstrip(".")
    return PriceError(
        f"Cannot read the price list of AWS: {text}. {_fix(_code(error))} "
        "Without --prices aws, the command uses its own prices."
    )


def _code(error: Exception) -> str:
    """The error code of AWS, or the name of botocore's exception."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def _fix(code: str) -> str:
    if code == "AccessDeniedException":
        return "Allow pricing:GetProducts: `trailforward iam cost` prints the policy."
    if any(word in code for word in ("Credential", "Token", "Profile", "SSO", "UnrecognizedClient")):
        return "Log in, or set AWS_PROFILE."
    if any(word in code for word in ("Throttl", "Internal", "Unavailable")):
        return "Try again in a minute."
    return "Check the network and HTTPS_PROXY."


def policy() -> dict[str, Any]:
    """The IAM policy for reading the price list. The action does not support resources."""
    statement = {"Sid": "Prices", "Effect": "Allow", "Action": "pricing:GetProducts", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
