from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from trailforward.demo.local_aws import Clients, LocalAws, LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = itertools.count()


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """A local AWS for all tests of this folder."""
    with LocalServer() as server:
        yield server.url


@pytest.fixture(scope="session")
def clients(endpoint: str) -> Iterator[Clients]:
    """boto3 clients are slow to make: all tests share them."""
    with Clients(endpoint) as clients:
        yield clients


@pytest.fixture
def aws(clients: Clients) -> LocalAws:
    """Resources of a test's own, on the server that all tests share."""
    return LocalAws(clients, f"demo-{next(_numbers)}")
