from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.doctor.planted import AUDIT, FAULTS, MEMBER, QUEUE, PlantedWorld
from trailforward.doctor.discover import Discovery, discover

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Three Regions without faults, and those with a planted fault.
SEEN = ("us-east-1", "us-west-2", "eu-west-1", *FAULTS)


@pytest.fixture(scope="session")
def _planted() -> Iterator[PlantedWorld]:
    with PlantedWorld(SEEN) as world:
        yield world


@pytest.fixture(scope="session")
def found(_planted: PlantedWorld) -> Discovery:
    """What discovery finds in both accounts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _planted.environment().items():
            patch.setenv(name, value)
        return discover(accounts=[MEMBER, AUDIT], destinations=[QUEUE])


@pytest.fixture
def planted(_planted: PlantedWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedWorld]:
    """Ten Regions of two accounts, with seven faults; all AWS clients of this process connect to them."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in _planted.environment().items():
        monkeypatch.setenv(name, value)
    regions = {account: dict(known) for account, known in _planted.aws.regions.items()}
    yield _planted
    _planted.aws.reset(regions)
