"""Buckets are read through the proxy of the environment."""

from __future__ import annotations

import pytest

from tests.support.aws import point_at
from tests.support.proxy import TunnelProxy
from trailforward.errors import StorageError
from trailforward.storage import Location, open_store


def test_a_proxy_is_used_unless_no_proxy_names_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY leads to S3, and what the proxy refuses is named; plain http never uses it."""
    point_at("http://127.0.0.1:9", monkeypatch)
    with TunnelProxy(status=403) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("AWS_ENDPOINT_URL")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        store = open_store(Location.parse("s3://example-trail/in"))
        with pytest.raises(StorageError, match=r"refuses example-trail\.s3\.eu-west-1\.amazonaws\.com:443"):
            store.read("key")
        assert len(proxy.heads) == 1
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        store = open_store(Location.parse("s3://example-trail/in"))
        store._s3._wait = lambda _: None  # type: ignore[attr-defined]
        with pytest.raises(StorageError):
            store.read("key")
        assert len(proxy.heads) == 1
