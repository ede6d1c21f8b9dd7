"""Who asks, as a trusted proxy says it in headers: believed only where the connection comes from its address."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from rung.config.serving import ProxySettings
from rung.serving.callers import Caller
from rung.serving.headers import not_good, single

MAX_HEADER = 8_192  # characters


class ProxyIdentity:
    """Who comes through a proxy that has checked who they are. It must take these headers out of what clients send."""

    def __init__(self, settings: ProxySettings) -> None:
        self._settings = settings
        self._networks = tuple(map(ip_network, settings.addresses))

    def of(self, headers: Mapping[str, str], address: str) -> Caller | None:
        """The caller that the proxy names; None where it is none of the proxies, or names nobody.

        Args:
            headers: of the request.
            address: the other end of the connection itself, never what a header says of it.

        Raises:
            Refused: 401, a header stands twice or holds what is no name.
        """
        if not self._is_trusted(address):
            return None
        user, groups = single(headers, self._settings.user), single(headers, self._settings.groups) or ""
        if user is None or not user.strip():
            return None
        if not all(text.isascii() and text.isprintable() and len(text) <= MAX_HEADER for text in (user, groups)):
            raise not_good(f"the proxy {address} names a user or groups in characters that no name has")
        own = frozenset(name.strip() for name in groups.split(",") if name.strip())
        return Caller(user.strip(), own, told_by="proxy")

    def _is_trusted(self, address: str) -> bool:
        try:
            other: IPv4Address | IPv6Address = ip_address(address)
        except ValueError:  # of a socket in the file system, or unknown
            return False
        if isinstance(other, IPv6Address) and other.ipv4_mapped:
            other = other.ipv4_mapped
        return any(other in network for network in self._networks)
