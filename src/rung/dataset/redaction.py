"""Texts without secrets and personal data, each replaced by what it is: for traces, before indexing, and before training.

What a detector recognises is up to it (`detectors`). That of this file knows what has a form of its own; names and postal
addresses of people have none.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from rung.dataset.credentials import secrets
from rung.dataset.personal import personal

Detector = Callable[[str], Iterable[tuple[str, str]]]  # (what it is, the characters) of each piece in a text
_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [^\n-]*-----|\Z)", re.DOTALL)
_BEARER = re.compile(r"(?i)\b(?:bearer|basic)\s+(?=\S*[0-9=])([A-Za-z0-9._~+/=-]{16,})")


def by_form(text: str) -> Iterator[tuple[str, str]]:
    """What has a form of its own: see `personal` and `credentials`; what both know is a secret."""
    yield from personal(text)
    yield from (("a credential", match[1]) for match in _BEARER.finditer(text))
    yield from secrets(text)


def kinds(texts: Iterable[str], detector: Detector = by_form) -> tuple[str, ...]:
    """What is recognised in these texts, by kind, each once."""
    listed = dict.fromkeys(what for text in texts for what in _kinds(text, detector))
    return tuple(listed)


def redacted(text: str, detector: Detector = by_form) -> tuple[str, int]:
    """The text with "[an e-mail address]" in the place of such a one, and how many were replaced, each once.

    >>> redacted("I am ann@corp.de, key AKIAQ4EXAMP7LETWIN23")
    ('I am [an e-mail address], key [an AWS access key]', 2)
    """
    text, keys = _KEY.subn("[a private key]", text)
    named = {characters: what for what, characters in detector(text) if characters}
    for characters in sorted(named, key=len, reverse=True):
        text = text.replace(characters, f"[{named[characters]}]")
    return text, keys + len(named)


def redacted_with(text: str, positions: Sequence[int], detector: Detector = by_form) -> tuple[str, list[int]]:
    """The text as `redacted`, and where these positions in it are then; lines stay lines."""
    spans = [(m.start(), m.end(), "[a private key]" + "\n" * m[0].count("\n")) for m in _KEY.finditer(text)]
    taken = bytearray(len(text))
    for start, end, _ in spans:
        taken[start:end] = b"\1" * (end - start)
    named = {characters: what for what, characters in detector(_KEY.sub("", text)) if characters}
    for characters in sorted(named, key=len, reverse=True):
        start = text.find(characters)
        while start >= 0:
            end = start + len(characters)
            if not any(taken[start:end]):
                spans.append((start, end, f"[{named[characters]}]"))
                taken[start:end] = b"\1" * len(characters)
            start = text.find(characters, end)
    spans.sort()
    pieces, last, shifts = [], 0, [0]
    for start, end, instead in spans:
        pieces += [text[last:start], instead]
        shifts.append(shifts[-1] + len(instead) - (end - start))
        last = end
    ends = [end for _, end, _ in spans]
    return "".join([*pieces, text[last:]]), [at + shifts[bisect_right(ends, at)] for at in positions]


def _kinds(text: str, detector: Detector) -> Iterator[str]:
    if _KEY.search(text):
        yield "a private key"
    yield from (what for what, _ in detector(text))
