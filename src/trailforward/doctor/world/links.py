"""Links: identifiers for the places on an event's path, and their descriptions.

With A an account and R a Region: ``region:A/R``, ``trails:A/R``, ``trail:OWNER/HOME/NAME``,
``selectors:A/R``, ``size:A/R``, ``bus:A/R/BUS``, ``rule:A/R/BUS/NAME``, ``target:A/R/BUS/RULE/ID``,
``role:ARN``, ``destination:ARN``, ``topic:ARN``, ``putevents:A/R``, ``call:SERVICE/EVENT``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trailforward.arn import Arn

if TYPE_CHECKING:
    from trailforward.doctor.world.trails import Trail


class BusAt(NamedTuple):
    """One event bus."""

    account: str
    region: str
    name: str = "default"

    @property
    def link(self) -> str:
        """``bus:A/R/BUS``."""
        return f"bus:{self.account}/{self.region}/{self.name}"


def read_arn(text: str) -> Arn | None:
    """A parsed ARN, or None if the text is not an ARN: snapshots may hold anything."""
    try:
        return Arn.parse(text)
    except ValueError:
        return None


def trail_link(trail: Trail) -> str:
    """``trail:OWNER/HOME/NAME``."""
    return f"trail:{trail.account}/{trail.home}/{trail.name}"


def describe(link: str) -> str:
    """A link in plain English.

    >>> describe("rule:111122223333/eu-west-1/default/tf")
    'rule tf (default bus, eu-west-1, account 111122223333)'
    """
    kind, _, rest = link.partition(":")
    if kind in _PLAIN:
        return _PLAIN[kind].format(rest)
    account, region, *names = rest.split("/")
    if kind in _PLACES:
        return _PLACES[kind].format(region, account)
    *bus, name = names
    if kind == "trail":
        return f"trail {'/'.join(names)} of account {account} (home {region})"
    if kind == "bus":
        return f"{_bus(names)} in {region} of account {account}"
    if kind == "rule":
        return f"rule {name} ({_bus(bus)}, {region}, account {account})"
    return f"target {name} of rule {bus[-1]} ({_bus(bus[:-1])}, {region}, account {account})"


_PLAIN = {"role": "role {}", "destination": "destination {}", "topic": "topic {}", "call": "call {}"}
_PLACES = {
    "region": "Region {} of account {}",
    "trails": "{} of account {}",
    "selectors": "the event selectors of the trails in {} of account {}",
    "size": "the event in {} of account {}",
    "putevents": "PutEvents in {} of account {}",
}


def _bus(steps: list[str]) -> str:
    name = "/".join(steps)
    return "default bus" if name == "default" else f"bus {name}"
