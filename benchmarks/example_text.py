"""Where do sentences end, and which texts are alike? The text work of `make_examples`, without any file."""

from __future__ import annotations

import re

MARK = re.compile(
    r"(?<=\.)\[(?:citation needed)\]\.|\[(?:citation needed|vague|update|who\?|not in citation given"
    r"|(?:further explanation|verification|attribution|clarification) needed)\]"
)
SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9])")
ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:Mr|Mrs|Ms|Dr|St|Sr|Jr|Rev|Gen|Col|Lt|Capt|Prof|Hon|No|Art|Inc|Co|Ltd|vs|v|c|ca|cf|al|approx|est|fl|vol|pp?|"
    r"[Ee]\.g|[Ii]\.e|a\.m|p\.m|etc|[A-Z](?:\.[A-Z])*)$"
)


def tidy(source: str) -> tuple[str, tuple[int, ...]]:
    """The text without Wikipedia's maintenance marks and doubled white space, and where each character came from."""
    dropped = {i for m in MARK.finditer(source) for i in range(*m.span())}
    kept: list[int] = []
    for i, char in enumerate(source):
        doubled = char.isspace() and (not kept or source[kept[-1]].isspace())
        if i not in dropped and not doubled:
            kept.append(i)
    while kept and source[kept[-1]].isspace():
        kept.pop()
    return "".join(" " if source[i].isspace() else source[i] for i in kept), tuple(kept)


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence. An initial or an abbreviation before the full stop does not end one."""
    spans, start = [], 0
    for match in SENTENCE_END.finditer(text):
        if re.match(r"\.\s", match.group()) and ABBREVIATION.search(text[: match.start()]):
            continue
        end = match.start() + len(match.group().rstrip())
        spans.append((start, end))
        start = match.end()
    return [*spans, (start, len(text))]


def is_clean(sentence: str) -> bool:
    """Whether this surely is one whole sentence: begins and ends as one, pairs closed, no stop inside that could end one."""
    if re.search(r"(?<![.\w])[A-Z]\.\s+[A-Z]|\d\.\s+[a-z]", sentence):
        return False
    pairs = all(sentence.count(a) == sentence.count(b) for a, b in ("()", "[]", "“”"))
    return (
        bool(re.match(r"[\"“(]?[A-Z0-9]", sentence)) and sentence[-1:] in '.!?"”)' and pairs and sentence.count('"') % 2 == 0
    )


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def trigrams(text: str) -> frozenset[str]:
    bare = " ".join(re.findall(r"\w+", text.casefold()))
    return frozenset(bare[i : i + 3] for i in range(max(1, len(bare) - 2)))


def alike(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard similarity."""
    return len(a & b) / len(a | b) if a | b else 1.0


class Seen:
    """Texts already chosen, to which no other may come near (Jaccard of words or of letter trigrams)."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.known: list[tuple[frozenset[str], frozenset[str]]] = []

    def add(self, text: str) -> None:
        self.known.append((words(text), trigrams(text)))

    def near(self, text: str) -> bool:
        w, t = words(text), trigrams(text)
        return any(alike(w, kw) >= self.limit or alike(t, kt) >= self.limit for kw, kt in self.known)
