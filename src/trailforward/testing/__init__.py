"""What people need to test code that handles CloudTrail events. Loaded on first use, standard library only.

``samples`` holds realistic events as exact bytes::

    from trailforward.testing import samples

    body = samples.load("security-group-opened")

``routes`` runs the tests that routes carry.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trailforward.testing import routes, samples

__all__ = ["routes", "samples"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'trailforward.testing' has no attribute {name!r}")
    return import_module(f"trailforward.testing.{name}")


def __dir__() -> list[str]:
    return list(__all__)
