"""The pytest plug-in. pytest loads it wherever trailforward is installed, so it imports only pytest."""

from __future__ import annotations

import sys
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.testing import Event, MemorySink

# Makes failed assertions in SinkContract show their values. This does not import the module.
pytest.register_assert_rewrite("trailforward.testing.contract")

_OPTION = "--trailforward-samples"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option ``--trailforward-samples``."""
    parser.getgroup("trailforward").addoption(
        _OPTION,
        action="store_true",
        help="list the sample CloudTrail events and exit",
    )


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Lists the samples if the option is set."""
    if not config.getoption(_OPTION):
        return None
    from trailforward.message import Message, Origin
    from trailforward.testing import samples

    names = samples.names()
    width = max(map(len, names))
    for name in names:
        message = Message(samples.load(name), Origin("sample"))
        kind = message.event["detail-type"].removesuffix(" via CloudTrail")
        what = message.fields.get("eventName", "")
        sys.stdout.write(f"{name:{width}}  {kind}{f': {what}' if what else ''}\n")
    return 0


@pytest.fixture
def trailforward_event(request: pytest.FixtureRequest) -> Callable[..., Event]:
    """``cloudtrail_event`` with IDs that are the same in every run of the test."""
    from trailforward.testing import cloudtrail_event

    numbers = count(1)

    def make(name: str = "StopInstances", **options: Any) -> Event:
        return cloudtrail_event(name, **{"seed": f"{request.node.nodeid} {next(numbers)}", **options})

    return make


@pytest.fixture
def trailforward_sink() -> MemorySink:
    """A new ``MemorySink``."""
    from trailforward.testing import MemorySink

    return MemorySink()
