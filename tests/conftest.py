from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.support.aws import Reader, point_at, use_botocore
from tests.support.stub_aws import StubAws
from trailforward.demo.local_aws import Clients, LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

if find_spec("hypothesis") is not None:  # the tests of the stack run without it
    import tests.support.hypothesis_profile  # noqa: F401  # loads the profile


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, Reader]]:
    """The endpoint of the moto server that all tests share, and a reader of its content."""
    with LocalServer() as server, Clients(server.url) as clients:
        yield server.url, Reader(clients)


@pytest.fixture
def local_aws(moto: tuple[str, Reader], monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A working AWS, to which everything under test sends."""
    endpoint, reader = moto
    point_at(endpoint, monkeypatch)
    return reader


@pytest.fixture(scope="session")
def _stub() -> Iterator[StubAws]:
    with StubAws() as stub:
        yield stub


@pytest.fixture
def stub(_stub: StubAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubAws]:
    """An AWS that fails as scripted, to which everything under test sends."""
    point_at(_stub.url, monkeypatch)
    yield _stub
    _stub.reset()


@pytest.fixture(params=["direct", "botocore"])
def way(request: pytest.FixtureRequest, stub: StubAws, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the stub is called: each of the two clients in turn."""
    if request.param == "botocore":
        use_botocore(monkeypatch)
    return str(request.param)
