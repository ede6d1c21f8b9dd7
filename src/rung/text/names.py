"""The names in a text, by its capitals: what a passage speaks of that another passage may be about.

A rule, no model, so that it is the same each time. Scripts without capitals (Chinese, Arabic and others) have no names by
it; in German every noun is one. A word that only begins a sentence is one too: whoever searches with it finds nothing new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rung.text.support import content

_WORD = re.compile(r"\w[\w'’-]*")
_RUN = re.compile(rf"{_WORD.pattern}(?:[ \t]+{_WORD.pattern})*")
_SMALL = frozenset(
    ("of", "the", "and", "de", "del", "da", "di", "du", "la", "le", "et", "y", "van", "den", "der", "von", "und")
)  # that stand within names
_POSSESSIVE = re.compile(r"['’]s?$")
_ASIDE = re.compile(r"\s*(?:\(|,|›).*", re.DOTALL)
MIN_CHARACTERS = 3
MAX_SMALL = 2  # small words in a row


def names(text: str) -> tuple[str, ...]:
    """The names of a text, each once, in their order; empty words before one are left out.

    >>> names("The Grand Plan was drawn by John Locke of Wrington. It names John Locke's friend.")
    ('Grand Plan', 'John Locke of Wrington', 'John Locke')
    """
    spans = (_POSSESSIVE.sub("", text[start:end]) for start, end in _spans(text))
    return tuple(dict.fromkeys(name for name in spans if len(name) >= MIN_CHARACTERS))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Runs of words with a capital, or a number after one; up to two small words may stand between them, but no mark."""
    for run in _RUN.finditer(text):
        words = list(_WORD.finditer(text, run.start(), run.end()))
        index = 0
        while index < len(words):
            first, last = words[index], index
            if first.group()[0].isupper() and content(first.group()):
                for after in range(index + 1, len(words)):
                    token = words[after].group()
                    if token[0].isupper() or token[0].isdigit():
                        last = after
                    elif token not in _SMALL or after - last > MAX_SMALL:
                        break
                yield first.start(), words[last].end()
            index = last + 1


def headline(title: str) -> str:
    """The name that a title is of: without the headings after it, and what stands in brackets or after a comma.

    >>> headline("Dracula (novel) › Plot"), headline("Salem, Oregon")
    ('Dracula', 'Salem')
    """
    return _ASIDE.sub("", title).strip()
