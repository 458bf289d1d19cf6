"""Places: many accounts and Regions in a few words, of bounded length."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: How many names are listed: all Regions that are enabled by default, and a few accounts and ARNs.
MOST_REGIONS = 17
MOST_NAMES = 5
#: How many groups of accounts with the same Regions are listed one by one.
_MOST_GROUPS = 3


def name_places(places: Iterable[tuple[str, str]]) -> str:
    """Names pairs of account and Region: ``2 Regions (eu-west-1, eu-west-2) of 50 accounts (…)``.

    ``*`` as a Region is the account as a whole; as an account, it is every account.
    """
    regions_of: dict[str, set[str]] = {}
    for account, region in places:
        regions_of.setdefault(account, set()).add(region)
    groups: dict[frozenset[str], list[str]] = {}
    for account, regions in sorted(regions_of.items()):
        groups.setdefault(frozenset(regions), []).append(account)
    if len(groups) <= _MOST_GROUPS:
        return " and ".join(_group(regions, accounts) for regions, accounts in groups.items())
    count = sum(map(len, regions_of.values()))
    every = frozenset().union(*groups)
    return f"{count:,} account/Region pairs ({_group(every, list(regions_of))})"


def limit_names(names: Collection[str], most: int = MOST_NAMES) -> str:
    """``a, b, c, and 47 more``."""
    listed = sorted(names)
    if len(listed) <= most:
        return ", ".join(listed)
    return f"{', '.join(listed[:most])}, and {len(listed) - most:,} more"


def _group(regions: frozenset[str], accounts: list[str]) -> str:
    where = _many(accounts, "account", MOST_NAMES)
    return where if regions == {"*"} else f"{_many(regions, 'Region', MOST_REGIONS)} of {where}"


def _many(names: Collection[str], kind: str, most: int) -> str:
    if "*" in names:
        return f"every {kind}"
    if len(names) > 1:
        return f"{len(names):,} {kind}s ({limit_names(names, most)})"
    (name,) = names
    return name if kind == "Region" else f"{kind} {name}"
