"""Loads a package's public names on first use (PEP 562), so that importing the package stays cheap."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def lazy_names(
    package: str, homes: Mapping[str, str], modules: Iterable[str] = ()
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package that loads its public names on first use.

    Args:
        package: the package's ``__name__``. It must define ``__all__``.
        homes: public name → the submodule that defines it.
        modules: submodules that are public names themselves.
    """
    modules = frozenset(modules)

    def getattr_(name: str) -> object:
        if name in modules:
            return import_module(f"{package}.{name}")  # the import system sets the attribute
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def dir_() -> list[str]:
        return sorted(sys.modules[package].__all__)

    return getattr_, dir_
