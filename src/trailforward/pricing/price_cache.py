"""Keeps prices of the price list of AWS in a file, so that not every estimate reads them again."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from trailforward._version import __version__
from trailforward.pricing.aws_list import QUERIES
from trailforward.pricing.aws_prices import Listed

#: The largest file that is read, in bytes. One has about 5 KB.
_LARGEST = 1_000_000


def cache_file(region: str) -> Path:
    """The file for a Region: ``$XDG_CACHE_HOME/trailforward/prices-REGION.json``, or in ``~/.cache``."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "trailforward" / f"prices-{region}.json"


def load(path: Path, region: str, days: float) -> Listed | None:
    """Returns the prices in a file; None if there are none, they are too old, or another version wrote them.

    Args:
        path: the file.
        region: the Region that it must have.
        days: the age at which the prices are too old.
    """
    try:
        if path.stat().st_size > _LARGEST:
            return None
        saved = json.loads(path.read_text("utf-8"))
        if (saved["version"], saved["region"]) != (__version__, region):
            return None
        age = dt.datetime.now(dt.UTC).date() - dt.date.fromisoformat(saved["as_of"])
        prices = {name: _checked(*saved["prices"][name]) for name in saved["prices"]}
        missing = {str(name): str(why) for name, why in saved["missing"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if not 0 <= age.days < days or not prices.keys() <= QUERIES.keys():
        return None
    return Listed(region, saved["as_of"], prices, missing)


def _checked(low: Any, high: Any, source: Any) -> tuple[float, float, str]:
    if not (isinstance(source, str) and 0 < float(low) <= float(high) < math.inf):
        raise ValueError(low, high, source)
    return float(low), float(high), source


def save(path: Path, listed: Listed) -> None:
    """Replaces a file at once, so that no other process reads half of it.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        json.dump({"version": __version__, **asdict(listed)}, file)
    try:
        Path(file.name).replace(path)
    except OSError:
        with suppress(OSError):
            Path(file.name).unlink()
        raise
