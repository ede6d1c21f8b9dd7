"""Where the sentences of a text begin. For cutting passages, and for judging an answer sentence by sentence.

Rules, no model: a full stop, question or exclamation mark ends a sentence where white space follows, except after an
abbreviation, an initial or, before a lower-case letter, anything shorter than three letters; East Asian full stops end one
anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

_END = re.compile(r"[.!?…]+[\"'”’»)\]*_]*\s+(?=\S)|[。！？｡]+[」』”’）]*\s*(?=\S)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|al|cf|Figs?|Eq|Inc|Ltd|Co|Corp|approx|dept|est|Gen|Gov|Sen"
    r"|Rep|Rev|Capt|Lt|Col|resp|incl|inkl|usw|bzw|ca|ggf|evtl|z\.B|d\.h|e\.g|i\.e|U\.S|U\.K|Ph\.D|a\.m|p\.m"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.\s+\Z"
)
_BEFORE_NUMBER = re.compile(r"(?:^|[\s(\[])(?:nos?|nr|art|abs|ch|sec|vol|pp?|ext|tel|max|min)\.\s+\Z", re.IGNORECASE)
_LONGEST_ABBREVIATION = 12
_WORD_BEFORE = re.compile(r"[^\W\d_]{3}\Z")


def sentence_starts(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Positions in `text` at which a sentence begins, after the one at `start`, before `end`, in ascending order."""
    for match in _END.finditer(text, start, len(text) if end is None else end):
        after = match.end()
        if text[match.start()] in ".!?…" and not _ends(text, start, match.start(), after):
            continue
        yield after


def _ends(text: str, start: int, mark: int, after: int) -> bool:
    """Whether a full stop (or its like) at `mark` ends a sentence, the next word being at `after`."""
    if text[after].islower() and not _WORD_BEFORE.search(text, max(start, mark - 3), mark):
        return False
    if text[mark] != ".":
        return True
    near = max(start, mark - _LONGEST_ABBREVIATION)
    if _ABBREVIATION.search(text, near, after):
        return False
    return not (text[after].isdigit() and _BEFORE_NUMBER.search(text, near, after))


def sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of a text as (start, end), without the white space around them. A line end ends a sentence as well.

    Made for answers, which are short: lines of a list are sentences of their own there.
    """
    spans = []
    position = 0
    for line in text.splitlines(keepends=True):
        starts = [position, *sentence_starts(text, position, position + len(line)), position + len(line)]
        for start, end in pairwise(starts):
            piece = text[start:end]
            if piece.strip():
                left = start + len(piece) - len(piece.lstrip())
                spans.append((left, left + len(piece.strip())))
        position += len(line)
    return spans
