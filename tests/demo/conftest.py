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
    """Provides one local AWS for all tests in this folder."""
    with LocalServer() as server:
        yield server.url


@pytest.fixture(scope="session")
def clients(endpoint: str) -> Iterator[Clients]:
    """Provides boto3 clients, which all tests share because they are slow to create."""
    with Clients(endpoint) as clients:
        yield clients


@pytest.fixture
def aws(clients: Clients) -> LocalAws:
    """Provides separate resources for one test, on the shared server."""
    return LocalAws(clients, f"demo-{next(_numbers)}")
