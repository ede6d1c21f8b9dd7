"""Whether a text names somebody by a part of the accepted name: "Ms Keller" and "A. Keller" for "Anna Keller"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rung.text.matching import LETTER, folded
from rung.text.stating import words
from rung.text.stating.clauses import stem

_NAME = re.compile(rf"{LETTER}+(?:['’]{LETTER}+)*")
_MAX_PARTS = 4
_PARTICLES = frozenset(
    ["al", "bin", "da", "das", "de", "del", "den", "der", "di", "dos", "du", "el", "ibn", "la", "le", "ten", "van", "von"]
)


def surname(full_name: str, text: str, stems: Sequence[str]) -> list[tuple[int, int]]:
    """Where the last word of a name stands among the stems of a sentence, if no other given name stands before it."""
    parts = [part for part in full_name.replace(".", " ").split() if part not in _PARTICLES]
    if not 2 <= len(parts) <= _MAX_PARTS or not all(part[0].isupper() and part.isalpha() for part in parts):
        return []
    if _bare(parts[0]) in words.OF_PLACES:
        return []
    given, last = [_bare(part) for part in parts[:-1]], _bare(parts[-1])
    names = [match[0] for match in _NAME.finditer(text)]
    for index, name in enumerate(names):
        if _bare(name) == last and name[0].isupper() and _leaves_open(names[index - 1] if index else "", given):
            return [(at, at + 1) for at in (stems.index(stem(last)),)] if stem(last) in stems else []
    return []


def _leaves_open(before: str, given: Sequence[str]) -> bool:
    """Whether the word before a surname is no other given name: a title, the first given name, its initial, or no name."""
    own = _bare(before)
    if not before[:1].isupper() or own in words.TITLES or own in words.FILLER:
        return True
    return own == given[0] or (len(own) == 1 and any(one.startswith(own) for one in given))


def _bare(word: str) -> str:
    return folded(word).casefold()
