"""Event sources: the services that CloudTrail records, and the names of their API operations.

Both come from the service models of the installed botocore. CloudTrail records some names that are not in
them (``PutBucketPublicAccessBlock``, ``CreateFunction20150331``), and services get new ones, so a name that
is not here is unknown, not wrong.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUFFIX = ".amazonaws.com"
#: Services of CloudTrail events without an API.
_WITHOUT_API = frozenset({"signin", "billingconsole"})


def service_of(event_source: str) -> str:
    """``iam`` for ``iam.amazonaws.com``."""
    return event_source.removesuffix(SUFFIX)


def is_known_service(service: str) -> bool:
    """Whether botocore has a service whose events may come from ``SERVICE.amazonaws.com``."""
    return service in _WITHOUT_API or service in _by_service()


def known_services() -> tuple[str, ...]:
    """All services that botocore knows."""
    return (*_by_service(), *_WITHOUT_API)


def operations(service: str) -> frozenset[str]:
    """The names of a service's API operations; empty if they are not known, or botocore is not installed."""
    return _by_service().get(service, frozenset())


def services_with(name: str) -> tuple[str, ...]:
    """The services that have an API operation with this name."""
    return tuple(service for service, names in _by_service().items() if name in names)


def spelled(service: str, name: str) -> str:
    """The operation of a service whose name differs from ``name`` by case only, or an empty text."""
    return _by_lower_case(service).get(name.lower(), "")


@cache
def _by_lower_case(service: str) -> dict[str, str]:
    return {name.lower(): name for name in operations(service)}


@cache
def _by_service() -> Mapping[str, frozenset[str]]:
    """Service to operation names.

    The service in ``eventSource`` is the endpoint's or the signing name; several models may share one.
    """
    found: dict[str, set[str]] = {}
    for name, model in _models():
        metadata = model.get("metadata", {})
        for service in {name, metadata.get("endpointPrefix"), metadata.get("signingName")}:
            if isinstance(service, str):
                found.setdefault(service, set()).update(model.get("operations", ()))
    return {service: frozenset(names) for service, names in sorted(found.items())}


def _models() -> Iterator[tuple[str, dict[str, Any]]]:
    """All service models, read directly: botocore's loader takes several times as long."""
    spec = find_spec("botocore")
    for root in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted((Path(root) / "data").glob("*/*/service-2.json*")):
            raw = path.read_bytes()
            yield path.parts[-3], json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
