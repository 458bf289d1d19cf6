"""The addresses outside of networks, because event patterns have no ``anything-but`` of ``cidr``."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

Network = IPv4Network | IPv6Network

_EVERY: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
#: What an address can end with. Names of services end with ``.com``, so they are recognized as names.
_LAST = [*"0123456789abcdefABCDEF", ":"]


def inside(network: Network) -> Any:
    """The member that matches the addresses of a network."""
    if network.num_addresses == 1:
        return str(network.network_address)
    return {"cidr": str(network)}


def outside(networks: list[Network]) -> list[Any]:
    """The members that match every other address, and texts that cannot be addresses."""
    rest = list(_EVERY)
    for network in networks:
        rest = [part for each in rest for part in _without(each, network)]
    return [*(inside(each) for each in rest), {"anything-but": {"suffix": _LAST}}]


def _without(block: Network, network: Network) -> list[Network]:
    if block.version != network.version or not block.overlaps(network):
        return [block]
    if block.prefixlen >= network.prefixlen:
        return []
    return list(block.address_exclude(network))  # type: ignore[arg-type]  # both have the same version
