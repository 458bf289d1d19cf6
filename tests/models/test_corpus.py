"""Recorded and synthetic events from the folder in TRAILFORWARD_CORPUS, outside the repository."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.records import dump, helpers, nested, text
from trailforward.models import CloudTrailRecord, EventBridgeEvent

CORPUS = Path(os.environ.get("TRAILFORWARD_CORPUS") or "")
pytestmark = pytest.mark.skipif(
    not os.environ.get("TRAILFORWARD_CORPUS"),
    reason="TRAILFORWARD_CORPUS is unset: it names a directory of *.ndjson with events",
)
#: kinds.ndjson, by line; every other line is an ApiCall.
KINDS = {
    **dict.fromkeys((1, 2, 3), "InsightEvent"),
    **dict.fromkeys((4, 5, 6, 7, 8, 9), "ConsoleSignIn"),
    **dict.fromkeys((10, 11), "ServiceEvent"),
    12: "ConsoleAction",
    **dict.fromkeys((13, 14), "NetworkActivityEvent"),
    17: "AggregatedEvent",
}


def lines(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The values of one file, by line number."""
    for number, line in enumerate((CORPUS / name).read_bytes().split(b"\n"), 1):
        if line:
            yield number, json.loads(line)


def as_aws_spells(record: Any) -> Any:
    """A log pipeline wrote ``arn`` for ``ARN`` in some resources: models read ``arn`` and dump ``ARN``."""
    if not isinstance(record, dict) or not isinstance(record.get("resources"), list):
        return record
    if not all(isinstance(resource, dict) for resource in record["resources"]):
        return record
    names = {"arn": "ARN"}
    resources = [{names.get(k, k): v for k, v in resource.items()} for resource in record["resources"]]
    return {**record, "resources": resources}


def files() -> list[str]:
    """The names of the files in the corpus."""
    return (
        sorted(path.name for path in CORPUS.glob("*.ndjson")) if os.environ.get("TRAILFORWARD_CORPUS") else []
    )


@pytest.mark.parametrize("name", files())
def test_every_line(name: str) -> None:
    """Every event is parsed, supports every helper property, and dumps to the original."""
    kinds = Counter[str]()
    for number, value in lines(name):
        envelope = value if "detail" in value else {"detail": value}
        event = EventBridgeEvent.model_validate(envelope)
        expected = {**envelope, "detail": as_aws_spells(envelope["detail"])}
        assert text(dump(event)) == text(expected), f"{name}:{number}"
        assert isinstance(event.detail, CloudTrailRecord), f"{name}:{number}"
        for model in nested(event.detail):
            helpers(model)  # none raises
        kinds[type(event.detail).__name__] += 1
    print(name, dict(kinds))  # noqa: T201
    assert kinds["ApiCall"] >= kinds.total() / 2


def test_kinds() -> None:
    """Every type of event in kinds.ndjson has the right class."""
    found = {
        number: type(EventBridgeEvent.model_validate(value).detail).__name__
        for number, value in lines("kinds.ndjson")
    }
    assert found == {number: KINDS.get(number, "ApiCall") for number in found}
    assert found.keys() >= KINDS.keys()


def test_every_call_has_an_actor() -> None:
    """In unchanged AWS output, every record has an actor, and an address or a service."""
    for number, record in lines("invictus-ir__aws_dataset.ndjson"):
        detail = EventBridgeEvent.model_validate({"detail": record}).detail
        assert detail.actor, number
        assert detail.source_ip or detail.source_service, number
        assert detail.event_time is not None, number
        assert str(detail.event_time) == record["eventTime"], number
