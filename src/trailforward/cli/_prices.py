"""The prices of ``trailforward cost``: its own, those of AWS's price list, and those in files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from trailforward.cli._world import stop
from trailforward.errors import MissingExtraError
from trailforward.pricing import PriceError, Prices, load_prices, with_changes, with_listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.pricing.aws_prices import Listed

#: The value of ``--prices`` that is not a file.
AWS = "aws"


def price_list(given: Iterable[str], region: str, days: float) -> Prices:
    """Returns the prices; of several lists, each one changes those before it.

    Args:
        given: ``aws``, for the price list of AWS, and paths of TOML files.
        region: the Region of the prices.
        days: the age from which saved prices of AWS are read again.

    Raises:
        typer.Exit: with 2; prices cannot be read, or are invalid.
    """
    prices = load_prices()
    if region != prices.region and AWS not in given:
        stop(
            f"--region {region}: without --prices aws, the command knows the prices of {prices.region} only. "
            "Add --prices aws"
        )
    if not re.fullmatch("[a-z0-9-]{1,32}", region):
        stop(f"--region {region!r} is not the name of a Region, such as eu-west-1")
    try:
        for name in sorted(given, key=lambda name: name != AWS):
            prices = with_listed(prices, _of_aws(region, days)) if name == AWS else _of_file(prices, name)
    except PriceError as error:
        stop(str(error))
    return prices


def _of_aws(region: str, days: float) -> Listed:
    from trailforward.aws.session import make_client, new_session, require_botocore
    from trailforward.pricing import price_cache
    from trailforward.pricing.aws_prices import ENDPOINT_REGION, call_failed, read_listed

    path = price_cache.cache_file(region)
    if (saved := price_cache.load(path, region, days)) is not None:
        return saved
    try:
        require_botocore("--prices aws")
    except MissingExtraError as error:
        stop(str(error))
    from botocore.exceptions import BotoCoreError

    try:
        client = make_client(
            "pricing", ENDPOINT_REGION, connect_timeout=5, read_timeout=20, attempts=3, session=new_session()
        )
    except (BotoCoreError, ValueError) as error:
        raise call_failed(error) from None
    try:
        listed = read_listed(client, region)
    finally:
        client.close()
    try:
        price_cache.save(path, listed)
    except OSError as error:
        typer.echo(f"{path}: {error.strerror}. The prices are not saved.", err=True)
    return listed


def _of_file(prices: Prices, name: str) -> Prices:
    try:
        return with_changes(prices, Path(name).read_text("utf-8"), name)
    except OSError as error:
        stop(f"--prices {name}: {error.strerror}. Name a TOML file with lines such as queue = 0.44")
    except UnicodeDecodeError:
        stop(f"--prices {name} is not UTF-8. Name a TOML file with lines such as queue = 0.44")
