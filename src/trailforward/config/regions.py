"""Regions in a configuration that do not exist, by the list of the installed botocore."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.config.config import Config


def unknown_regions(config: Config) -> Iterator[tuple[str, str]]:
    """Yields key and message for each Region that does not exist; nothing if botocore is not installed."""
    known = _partitions()
    if not known:
        return
    for key, partition, region in _named(config):
        home = known.get(region)
        if home is None:
            similar = get_close_matches(region, known, 1, 0.6)
            hint = f"did you mean {similar[0]}?" if similar else "check the spelling"
            text = f"the installed botocore does not know the Region {region}: {hint} (or update botocore)"
            yield key, text
        elif partition and partition != home:
            yield key, f"the Region {region} is in the partition {home}, not in {partition}: correct the ARN"


def _named(config: Config) -> Iterator[tuple[str, str, str]]:
    """Yields key, partition (empty if not named), and Region of everything that names a Region."""
    for key in ("dead_letter", "retry_queue"):
        yield from _of_arn(key, getattr(config.pipeline, key))
    if config.pipeline.dead_letter_bucket:
        yield "dead_letter_bucket", "", config.pipeline.dead_letter_bucket.rpartition("region=")[2]
    if config.pipeline.receipts is not None:
        yield from _of_arn("receipts", config.pipeline.receipts.to)
        if config.pipeline.receipts.to.startswith("s3://"):
            yield "receipts", "", config.pipeline.receipts.to.rpartition("region=")[2]
    for name, settings in config.sinks.items():
        yield from _of_arn(f"sinks.{name}.to", settings.to)
        loose: Any = settings
        if settings.to.startswith("s3://"):
            yield f"sinks.{name}.to", "", loose.region
        for key, reference in settings.references.items():
            yield from _of_arn(f"sinks.{name}.{key}", reference)
        if region := getattr(getattr(loose, "auth", None), "region", ""):
            yield f"sinks.{name}.auth.region", "", region


def _of_arn(key: str, text: str | None) -> Iterator[tuple[str, str, str]]:
    if text and text.startswith("arn:"):
        arn = Arn.parse(text.partition("#")[0])
        if arn.region:
            yield key, arn.partition, arn.region


@cache
def _partitions() -> dict[str, str]:
    """Region → partition, without the pseudo-Regions of global services; empty without botocore."""
    if find_spec("botocore") is None:
        return {}
    from botocore.loaders import create_loader

    data = create_loader().load_data("partitions")
    return {
        region: partition["id"]
        for partition in data["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    }
