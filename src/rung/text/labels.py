"""Which label of a list a text names: composed and decomposed letters are the same; case, quotes, a final dot are forgiven.

Whether a text is a label as a program would read it is `is_label`; nothing is forgiven there but how letters are composed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

_QUOTES = {'"': '"', "'": "'", "`": "`'", "“": "”", "‘": "’", "„": "“”", "‚": "‘’", "«": "»", "»": "«", "‹": "›", "「": "」"}
_DOTS = (".", "。", "．")


def composed(text: str) -> str:
    """A text with its letters composed (Unicode NFC), without white space around it."""
    return unicodedata.normalize("NFC", text).strip()


def label_key(text: str) -> str:
    """What is left of a label where writing is forgiven: equal keys mean the same label.

    >>> label_key('"Refund."'), label_key("refund"), label_key("A+"), label_key("...")
    ('refund', 'refund', 'a+', '...')
    """
    bare = composed(text)
    while bare:
        if bare.endswith(_DOTS):
            bare = bare[:-1].rstrip()
        elif len(bare) > 1 and bare[-1] in _QUOTES.get(bare[0], ""):
            bare = bare[1:-1].strip()
        else:
            break
    return unicodedata.normalize("NFC", (bare or composed(text)).casefold())


def is_label(text: str, labels: Collection[str]) -> bool:
    """Whether a text is one of the labels, letter by letter."""
    return composed(text) in {composed(label) for label in labels}


def label_named(text: str, labels: Collection[str]) -> str | None:
    """The label that a text names; None where it names none, or could name two that differ in writing only."""
    exact = composed(text)
    alike = [label for label in labels if composed(label) == exact]
    if not alike:
        key = label_key(text)
        alike = [label for label in labels if label_key(label) == key]
    return alike[0] if len({composed(label) for label in alike}) == 1 else None
