"""The sentences of documents as their readers see them: lines that were wrapped are joined, Markdown's marks left aside."""

from __future__ import annotations

import re
from itertools import pairwise

from rung.text.sentences import sentence_starts

_WRAPPED_FROM = 50  # characters of a line that may have been broken by its length
_BEGINS = re.compile(r"\s*(?:[#>|<{`~]|[-*+•]\s|\d{1,3}[.)]\s|\[[^\]]*\]:|---|===|:::)")
_CLOSED = re.compile(r"\s*(?:#|\||```|~~~|<[^>]*>\s*$|---|===)")
_LINK = re.compile(
    r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\](?:\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s\"[^\"]*\")?\)|\[[^\]]*\]|\{[^}]*\})"
)
_ITEM = re.compile(r"^(?:[-*+•>]\s+|\d{1,3}[.)]\s+)+")
_TAG = re.compile(r"</?[A-Za-z][\w-]*(?:\s[^<>]*)?/?>")
_MARKED = re.compile(r"(?<![\w*])(\*\*\*|\*\*|\*|__|`)(?=\S)(.+?)(?<=\S)\1(?![\w*])")
_LEFT_OVER = re.compile(r"\{[{%:]|[%}]\}|\]\(|https?:|\*\*|`|\\|\[\^|\{\.|&\w+;")


def prose(text: str) -> list[tuple[int, int]]:
    """The sentences of a document as (start, end), without the white space around them.

    A line end within a paragraph that was wrapped ends none; headings, items of lists, rows of tables and short lines do.
    """
    spans = []
    for begin, end in _blocks(text):
        for start, stop in pairwise([begin, *sentence_starts(text, begin, end), end]):
            piece = text[start:stop]
            if piece.strip():
                left = start + len(piece) - len(piece.lstrip())
                spans.append((left, left + len(piece.strip())))
    return spans


def _blocks(text: str) -> list[tuple[int, int]]:
    blocks: list[tuple[int, int]] = []
    position, last = 0, ""
    for line in text.splitlines(keepends=True):
        goes_on = (
            bool(blocks)
            and len(last.rstrip()) >= _WRAPPED_FROM
            and bool(line.strip())
            and not _BEGINS.match(line)
            and not _CLOSED.match(last)
        )
        begin = blocks.pop()[0] if goes_on else position
        position += len(line)
        blocks.append((begin, position))
        last = line
    return blocks


def plain(sentence: str) -> str:
    """A sentence of Markdown as it is read, in one line: links by their words, no marks; "" where others are left.

    >>> plain("1. Go to [**Settings**](/a/b) and\\n   choose `Log out`.")
    'Go to Settings and choose Log out.'
    >>> plain("See {% page x %}.")
    ''
    """
    text = _ITEM.sub("", " ".join(sentence.split()))
    text = _TAG.sub("", _LINK.sub(r"\1", text))
    while (bare := _MARKED.sub(r"\2", text)) != text:
        text = bare
    return "" if _LEFT_OVER.search(text) else " ".join(text.split())
