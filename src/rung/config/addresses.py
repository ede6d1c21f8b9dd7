"""Addresses without what must be neither kept nor told: a user and a password. Pure; fetching them is left to others."""

from __future__ import annotations

import re
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

_SECRET = re.compile(r"(?<=://)[^/?#\s\"']*@")

LOGIN_ELSEWHERE = (
    "holds a user or a password, which would be kept: take them out of it, and set PGUSER and PGPASSWORD, or the whole "
    "address as RUNG_RECORDS, in the environment"
)


def holds_login(address: str) -> bool:
    """Whether an address of a database holds a user or a password: any `@`, since a password may hold `/`, `?` and `@`.

    >>> [holds_login(f"postgresql://{rest}") for rest in ("ada@db/x", "u:pa/ss@db", "db/x?password=y", "db/x")]
    [True, True, True, False]
    """
    return "@" in address or "password=" in unquote(address).lower()


def has_password(address: str) -> bool:
    """Whether an address holds a user or a password.

    >>> has_password("https://ada:secret@example.org/a"), has_password("https://example.org/@ada")
    (True, False)
    """
    return _SECRET.search(address) is not None


def without_password(text: str) -> str:
    """A text whose addresses hold neither.

    >>> without_password("https://ada:secret@example.org/a leads on")
    'https://…@example.org/a leads on'
    """
    return _SECRET.sub("…@", text)


def led_to(address: str, onward: str) -> str:
    """Where an address leads that names this one, without the part after `#`; the name itself where it is no address."""
    try:
        return urldefrag(urljoin(address, onward)).url
    except ValueError:
        return onward


def host_of(address: str) -> str:
    """Host and port, as `example.org:8000`; "" where the address has none, or is none."""
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""
