"""Finds what installed packages add to trailforward through entry points.

Nothing is looked up for built-in names, so a function without plug-ins does not pay for the search. A broken
package is an error only where its name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint


def find(group: str, name: str) -> list[EntryPoint]:
    """The entry points with a name."""
    from importlib.metadata import entry_points

    # A package can be on sys.path twice; it counts once.
    unique = {(package(found), found.value): found for found in entry_points(group=group, name=name)}
    return list(unique.values())


def names(group: str) -> list[str]:
    """The names of all entry points in a group, sorted; nothing is imported."""
    from importlib.metadata import entry_points

    return sorted(entry_points(group=group).names)


def package(entry_point: EntryPoint) -> str:
    """The name of the package that provides an entry point."""
    return entry_point.dist.name if entry_point.dist is not None else "?"


def load(group: str, name: str) -> tuple[Any, str]:
    """What an entry point names, and its package.

    Raises:
        KeyError: no package provides the name.
        PluginError: the plug-in cannot be imported, or several packages provide it.
    """
    found = find(group, name)
    if not found:
        raise KeyError(name)
    packages = " and ".join(sorted(package(entry_point) for entry_point in found))
    if len(found) != 1:
        raise PluginError(name, packages, "several packages provide it: uninstall all but one")
    try:
        return found[0].load(), packages
    except Exception as error:
        # Importing third-party code can raise anything.
        reason = f"loading {found[0].value} raised {type(error).__name__}: {error}"
        raise PluginError(name, packages, reason) from error


def load_class(group: str, name: str, base: type, needed: Sequence[str]) -> Any:
    """The class that an entry point names.

    Args:
        group: the group of the entry point.
        name: the name of the entry point.
        base: a class that it must derive from.
        needed: attributes that it must define itself, or inherit from another class than ``base``.

    Raises:
        KeyError: no package provides the name.
        PluginError: the plug-in cannot be used. The text names the package and the reason.
    """
    found, packages = load(group, name)
    where = f"{base.__module__}.{base.__name__}"
    if not (isinstance(found, type) and base in found.__mro__):
        raise PluginError(name, packages, f"its class does not derive from {where}")
    own = {key for kind in found.__mro__ if kind not in base.__mro__ for key in vars(kind)}
    if missing := [key for key in needed if key not in own]:
        raise PluginError(name, packages, f"its class does not define {', '.join(missing)}")
    return found
