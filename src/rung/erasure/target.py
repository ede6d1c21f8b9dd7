"""What is to be forgotten, and whether a text or a record holds it. Pure.

Texts are compared whatever their case, form (NFKC) and white space. Of a document, an answer or a row the texts are taken
along: what quotes them is found by them.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from rung.records import Json
from rung.text.sentences import sentences

Kind = Literal["text", "document", "answer", "row"]
FORGOTTEN = "[forgotten]"
MIN_CHARACTERS = 5  # of a text that is looked for, white space left out
MIN_QUOTED = 25  # characters of what is taken for a quotation
_TAG = re.compile(r"<[^<>]+>")


def folded(text: str) -> str:
    """A text as it is compared.

    >>> folded("Ann\\n  SMITH")
    'ann smith'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def value_of(text: str) -> Json:
    """A text's JSON value; the text, where it is none."""
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def visible(markup: str) -> str:
    """What HTML or XML shows."""
    return html.unescape(_TAG.sub("", markup))


def quotable(texts: Iterable[str]) -> tuple[str, ...]:
    """Of these texts, folded, each sentence that is long enough to be known again."""
    pieces = (folded(text[start:end]) for text in texts for start, end in sentences(text))
    return tuple(dict.fromkeys(piece for piece in pieces if len(piece) >= MIN_QUOTED))


def exact(texts: Iterable[str]) -> frozenset[str]:
    """Of these texts, folded, those that are short, and long enough to be somebody's: two words, `MIN_CHARACTERS`.

    >>> sorted(exact(["Who is Ann?", "Yes!", "Kettles", "Who sent the blue kettle back to us?"]))
    ['who is ann?']
    """
    short = (one for one in map(folded, texts) if len(one) < MIN_QUOTED and " " in one)
    return frozenset(one for one in short if len(one.replace(" ", "")) >= MIN_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Target:
    """What is looked for.

    Args:
        kind: what was named.
        name: as it was named; stands in no record.
        texts: folded; what holds one of them holds it.
        documents: ids.
        answers: ids, 32 hexadecimal digits.
        rows: ids of cases and examples; of an answer those that arose from what was said of it.
        callers: who got the answer, by name and by id; empty where it is not known, or no answer was named.
        exact: folded, too short to be looked for within other texts; what says one of them and nothing else holds it.
    """

    kind: Kind
    name: str
    texts: tuple[str, ...] = ()
    documents: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    callers: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()

    @property
    def is_of_documents(self) -> bool:
        """Whether documents themselves are looked through: what an answer or a case says may stand in them by right."""
        return self.kind in ("text", "document")

    @property
    def of_nobody_else(self) -> Target:
        """What is looked for where it is not known who asked: of an answer its id alone, since others ask the same."""
        return replace(self, texts=(), exact=frozenset()) if self.kind == "answer" else self

    def holds(self, text: str) -> bool:
        """Whether a text holds one of the texts, or is one of the exact ones."""
        if not (self.texts or self.exact):
            return False
        inside = folded(text)
        return inside in self.exact or any(one in inside for one in self.texts)

    def names(self, word: str) -> bool:
        """Whether a word is the id of a document, of a passage of it, or of an answer."""
        if word in self.documents or word.removesuffix(":shadow") in self.answers:
            return True
        return any(word.startswith(f"{id}#") for id in self.documents)

    def is_in(self, value: Json) -> bool:
        """Whether any text or key of a JSON value holds a text, or is the id of a document or an answer."""
        if isinstance(value, str):
            return self.names(value) or self.holds(value)
        if isinstance(value, list):
            return any(map(self.is_in, value))
        if isinstance(value, dict):
            return any(self.is_in(key) or self.is_in(one) for key, one in value.items())
        return False

    def without(self, value: Json) -> Json:
        """A JSON value, each text and key in it that holds it replaced."""
        if isinstance(value, str):
            return FORGOTTEN if self.names(value) or self.holds(value) else value
        if isinstance(value, list):
            return [self.without(one) for one in value]
        if isinstance(value, dict):
            return {str(self.without(key)): self.without(one) for key, one in value.items()}
        return value


@dataclass(frozen=True, slots=True)
class Finding:
    """A place of the project's state that holds it: how many of what, and what is done there."""

    store: str
    what: str
    count: int
    action: str = "erased"


@dataclass(frozen=True, slots=True)
class Left:
    """A place that Rung does not erase, and what to do about it. `line`: 0 where it has none."""

    path: str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.why}" if self.line else f"{self.path}: {self.why}"
