"""Where do the sentences of a text begin? For cutting passages, and for judging an answer sentence by sentence.

Rules, no model: a full stop, question or exclamation mark ends a sentence where white space follows and then no lower-case
letter, except after an abbreviation or an initial; East Asian full stops end one anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

_END = re.compile(r"[.!?…]+[\"'”’»)\]*_]*\s+(?=\S)|[。！？｡]+[」』”’）]*\s*(?=\S)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|al|cf|Fig|Figs|Eq|Sec|Ch|No|Nos|Vol|pp?|Inc|Ltd|Co|Corp|e\.g|i\.e"
    r"|z\.B|d\.h|bzw|ca|Nr|Abs|approx|dept|est|Gen|Gov|Sen|Rep|Rev|Capt|Lt|Col|U\.S|U\.K|Ph\.D|a\.m|p\.m"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.\s+\Z"
)
_LONGEST_ABBREVIATION = 12


def sentence_starts(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Positions in `text` at which a sentence begins, after the one at `start`, before `end`, in ascending order."""
    for match in _END.finditer(text, start, len(text) if end is None else end):
        after = match.end()
        if text[match.start()] in ".!?…":
            if text[after].islower():
                continue
            if text[match.start()] == "." and _ABBREVIATION.search(
                text, max(start, match.start() - _LONGEST_ABBREVIATION), after
            ):
                continue
        yield after


def sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of a text as (start, end), without the white space around them. A line end ends a sentence as well.

    Made for answers, which are short: lines of a list are sentences of their own there.
    """
    found = []
    position = 0
    for line in text.splitlines(keepends=True):
        starts = [position, *sentence_starts(text, position, position + len(line)), position + len(line)]
        for start, end in pairwise(starts):
            piece = text[start:end]
            if piece.strip():
                left = start + len(piece) - len(piece.lstrip())
                found.append((left, left + len(piece.strip())))
        position += len(line)
    return found
