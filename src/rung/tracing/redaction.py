"""Texts without what nobody may find in a trace: secrets and personal data, each replaced by what it is.

What has no form of its own, such as a name, is not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rung.dataset.credentials import secrets
from rung.dataset.personal import personal

_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [^\n-]*-----|\Z)", re.DOTALL)
_BEARER = re.compile(r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{16,})")


def redacted(text: str) -> tuple[str, int]:
    """The text with "[an e-mail address]" in the place of such a one, and how many were replaced, each once.

    >>> redacted("I am ann@corp.de, key AKIAQ4EXAMP7LETWIN23")
    ('I am [an e-mail address], key [an AWS access key]', 2)
    """
    text, keys = _KEY.subn("[a private key]", text)
    named = {characters: what for what, characters in _recognised(text)}
    for characters in sorted(named, key=len, reverse=True):
        text = text.replace(characters, f"[{named[characters]}]")
    return text, keys + len(named)


def _recognised(text: str) -> Iterator[tuple[str, str]]:
    yield from personal(text)
    yield from (("a credential", match[1]) for match in _BEARER.finditer(text))
    yield from secrets(text)  # what both know is a secret
