"""Addresses of databases, as they may be shown: without a password, however it was written. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote

import sqlalchemy as sa

_LONG = 4  # characters from which a password is looked for within words
_QUERY = re.compile(r"(?i)(password=)[^&\s]+")


def database_name(address: str) -> str:
    """An address without its password, nor one in its query.

    >>> database_name("postgresql://ada:se/cret@db/rung?sslpassword=secret")
    'postgresql://ada:***@db/rung?sslpassword=***'
    >>> database_name("postgresql://ada:sec@ret@db/rung")
    'postgresql://***@db/rung'
    """
    try:
        url = sa.make_url(address)
        is_plain = "@" not in f"{url.username or ''}{url.host or ''}{url.database or ''}"
    except (sa.exc.ArgumentError, ValueError):
        is_plain = False
    shown = url.render_as_string(hide_password=True) if is_plain else _up_to_the_last_at(address)
    return _QUERY.sub(r"\1***", shown)


def database_secrets(address: str) -> tuple[str, ...]:
    """What no sentence about this address may hold, the longest first: its passwords, as written and as meant."""
    rest = address.partition("://")[2]
    user_info = rest.rpartition("@")[0]
    whole = user_info.partition(":")[2]
    secrets = {whole, *whole.split("@"), *(match[0].partition("=")[2] for match in _QUERY.finditer(rest))}
    secrets |= {value for name, value in parse_qsl(rest.rpartition("?")[2]) if name.lower().endswith("password")}
    secrets |= {unquote(one) for one in secrets}
    return tuple(sorted(filter(None, secrets), key=len, reverse=True))


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """A sentence without any of them; a very short one is looked for as a word of its own only."""
    for secret in secrets:
        word = re.escape(secret)
        text = re.sub(word if len(secret) >= _LONG else rf"(?<!\w){word}(?!\w)", "***", text)
    return _QUERY.sub(r"\1***", text)


def _up_to_the_last_at(address: str) -> str:
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "", address
    _, at, location = rest.rpartition("@")
    return f"{scheme}{mark}***@{location}" if at else address
