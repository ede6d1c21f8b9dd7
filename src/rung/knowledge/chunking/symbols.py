"""What a passage can be found by beside its words: the names that source code defines and uses in it, and its file.

The terms themselves are `rung.text.identifiers`'; finding definitions is left to `code`.
"""

from __future__ import annotations

from bisect import bisect_left
from pathlib import PurePosixPath

from rung.knowledge.chunking.code import definitions, given_names, language_of
from rung.records import Document, Passage
from rung.text.identifiers import file_terms, passage_terms


class Symbols:
    """The names that a document defines, each with the character of its line; of what is no source code none."""

    def __init__(self, document: Document, start: int = 0) -> None:
        self._path = document.id if _is_file(document) else ""
        language = language_of(document)
        self._is_code = bool(language)
        names = dict[int, str]()
        if language:
            names |= dict(given_names(document.text, start))
            around: list[tuple[int, str]] = []  # (end, qualified name) of the definitions that are open
            for one in definitions(document.text, start, language):
                around = [outer for outer in around if outer[0] > one.start]
                if one.name:
                    qualified = ".".join([*(name for _, name in around[-1:]), one.name])
                    names[one.at] = qualified
                    around.append((one.end, qualified))
        self._at = sorted(names)
        self._names = [names[at] for at in self._at]

    def terms(self, passage: Passage) -> tuple[str, ...]:
        """The terms of a passage of the document; none where it is neither of source code nor of a file of its own."""
        if not self._is_code:
            return tuple(file_terms(self._path))
        first, last = bisect_left(self._at, passage.start), bisect_left(self._at, passage.end)
        return passage_terms(passage.text, self._names[first:last], self._path)


def _is_file(document: Document) -> bool:
    """Whether a document is a whole file, and no row or page of one."""
    return bool(PurePosixPath(document.id).suffix) and document.id == document.source
