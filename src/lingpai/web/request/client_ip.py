"""Who the client is: an address that limits can count (contract, rule 14)."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from lingpai.settings.forms import UNIX

IpAddress = IPv4Address | IPv6Address

_BY_THE_LAST_32_BITS = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
LONGEST = 1_024
"""Characters of X-Forwarded-For that are read, from its right-hand end: proxies write there."""


class ClientIps:
    """Finds the client behind the proxies that are trusted."""

    def __init__(self, trusted_proxies: tuple[str, ...]) -> None:
        self._trusts_unix = UNIX in trusted_proxies
        self._trusted = tuple(ip_network(network) for network in trusted_proxies if network != UNIX)
        self._known_peer = lru_cache(maxsize=256)(self._peer)
        self.believes = bool(trusted_proxies)
        """Whether it reads what anybody says of whom they speak for."""

    def find(self, peer: str, forwarded: str = "") -> tuple[str, str]:
        """What limits count (IPv6 by /64), and the whole address.

        `peer` is the other end of the connection, or UNIX; `forwarded` all X-Forwarded-For lines joined in their order; they count
        only behind a trusted proxy, and then the right-most entry that is none. An entry that is no address stands for
        the proxy that wrote it.
        """
        here, trusted = self._known_peer(peer)
        if here is None and peer != UNIX:
            return peer, peer
        if trusted and _IPV4.fullmatch(forwarded):
            return forwarded, forwarded  # as almost all are that come by way of a proxy, and in the spelling that the rest would come to
        for entry in reversed(forwarded[-LONGEST:].split(",") if forwarded and self.believes else ()):
            if not self._trusts(here):
                break
            before = parse(entry)
            if before is None:
                break
            here = before
        return (counted(here), str(here)) if here else (UNIX, UNIX)

    def trusts(self, peer: str) -> bool:
        """Whether the other end of the connection is a trusted proxy."""
        return self._known_peer(peer)[1]

    def _peer(self, peer: str) -> tuple[IpAddress | None, bool]:
        here = parse(peer)
        return here, (here is not None or peer == UNIX) and self._trusts(here)

    def _trusts(self, address: IpAddress | None) -> bool:
        return self._trusts_unix if address is None else any(address in network for network in self._trusted)


def parse(entry: str) -> IpAddress | None:
    """The address of an entry, its port removed and an IPv4-mapped one as IPv4; None where it is no address."""
    text = entry.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


def counted(address: IpAddress) -> str:
    """What limits count: one IPv4 address, or the /64 that one IPv6 customer has to himself.

    An address that embeds an IPv4 one counts as that: behind one translator all of IPv4 would else be one customer (contract, 14.9).
    """
    seen = address if isinstance(address, IPv4Address) else embedded(address)
    return str(seen) if seen else str(IPv6Network((address, 64), strict=False))


def embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address in one that a translator (RFC 6052, 8215), an old stack (RFC 4291, 2.5.5.1) or 6to4 (RFC 3056) made of it.

    `::` and `::1` stand for no IPv4 address, though they lie in `::/96`.
    """
    if address.sixtofour:
        return address.sixtofour
    within = any(address in network for network in _BY_THE_LAST_32_BITS) and int(address) > 1
    return IPv4Address(int(address) & 0xFFFF_FFFF) if within else None
