"""Which gold is still true after documents changed, which moved, which is gone: rules over texts, no model.

What stood there when it was labelled is the quote itself; of characters, and of whole documents, what a verdict showed of
them (`Before`). Passages are cut anew without any effect: gold is characters of documents, and no passage's.

| what is found now | state |
|---|---|
| the same text at its place; of a whole document, that it bears an accepted answer | `true` |
| the same text elsewhere, also in another document; the place in other words that still bear the answer | `moved` |
| the place says something else, or nothing has the text any more | `gone` |
| the document could not be read; nobody knows what stood there, or it never had the answer in its own words | `unknown` |

Finding the documents and what the verdict showed is left to `commands.label_decay`.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Literal

from rung.records import Case, Json, Passage
from rung.scoring.bearing import Phrases, holds_whole, phrases
from rung.text.sentences import sentences
from rung.text.support import content

State = Literal["true", "moved", "gone", "unknown"]
STATES: tuple[State, ...] = ("true", "moved", "gone", "unknown")
MIN_LETTERS = 20  # of a text that tells another document, or another place, for its own
SAME_PLACE = 0.5  # of the content words of two texts, in common: the place, in other words
SAME_SAID = 0.8  # in common, with all numbers the same: says the same, where no accepted answer tells
UNREAD, ABSENT = "the document could not be read", "the document is not there any more"
_CANDIDATES = 5  # documents that are looked into for a text in other words
_HELD = 0.5  # of the sentences of what was shown that a document has if it is the same one under another name

Find = Callable[[str, str], tuple[int, int] | None]  # (text, quote) -> characters of the quote, None if it is not there
Before = Mapping[str, Sequence[Passage]]  # case id -> passages of its gold as the verdict showed them


@dataclass(frozen=True, slots=True)
class GoldState:
    """What became of one piece of a case's gold. `item`: its place in `evidence` as written, None: in `gold_documents`.

    `document`: as named; `text`: what stood there, "" where nobody knows. `now`: where it is now, as it would be written;
    None: nobody knows.
    """

    case: Case
    state: State
    says: str
    document: str
    item: int | None = None
    text: str = ""
    now: Mapping[str, Json] | None = None

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        row: dict[str, Json] = {"case": self.case.id, "place": self.case.place, "split": self.case.split}
        row |= {"state": self.state, "says": self.says, "document": self.document, "text": self.text}
        return row | {"now": None if self.now is None else dict(self.now)}


@dataclass(frozen=True, slots=True)
class Gold:
    """What gold is looked at: `evidence` as written, by case id; `before`: see the module."""

    cases: Sequence[Case]
    evidence: Mapping[str, Sequence[Json]]
    before: Before = field(default_factory=dict)
    schema: str = ""
    labels: Sequence[str] = ()


class Texts:
    """The documents as they are now. `unread`: ids of those whose file could not be read."""

    def __init__(self, texts: Mapping[str, str], find: Find, *, unread: Collection[str] = ()) -> None:
        self.of, self.unread, self._find = texts, frozenset(unread), find

    def find(self, id: str, text: str) -> tuple[int, int] | None:
        """Where a text stands in a document, white space aside."""
        letters = _letters(text)
        return self._find(self.of[id], text) if letters and letters in self._bare[id] else None

    def near(self, id: str, text: str, start: int) -> tuple[int, int] | None:
        """Of several places of the same text the nearest to where it stood."""
        whole, places, at = self.of[id], [], -1
        while (at := whole.find(text, at + 1)) >= 0:
            places.append(at)
        if not places:
            return self.find(id, text)
        nearest = min(places, key=lambda begin: abs(begin - start))
        return nearest, nearest + len(text)

    def elsewhere(self, text: str, but: str) -> list[str]:
        """Other documents that have a text, white space aside; none for a text that is too short to tell."""
        letters = _letters(text)
        if len(letters) < MIN_LETTERS:
            return []
        return [id for id, bare in self._bare.items() if id != but and letters in bare]

    def likely(self, text: str) -> list[str]:
        """The documents that share most with a text, rare words counting for more."""
        shared: Counter[str] = Counter()
        total = len(self.of)
        for word in content(text):
            holding = self._words.get(word, ())
            for id in holding:
                shared[id] += 1_000 * (total - len(holding)) // max(total, 1) + 1
        return [id for id, _ in shared.most_common(_CANDIDATES)]

    @cached_property
    def _bare(self) -> dict[str, str]:
        return {id: _letters(text) for id, text in self.of.items()}

    @cached_property
    def _words(self) -> dict[str, list[str]]:
        holding: dict[str, list[str]] = defaultdict(list)
        for id, text in self.of.items():
            for word in content(text):
                holding[word].append(id)
        return holding


def decayed(gold: Gold, texts: Texts) -> Iterator[GoldState]:
    """The state of each piece of gold of the cases that name any, in their order."""
    for case in gold.cases:
        written = gold.evidence.get(case.id, ())
        answers = phrases(case, schema=gold.schema, labels=gold.labels)
        looked = _Looked(case, texts, answers, gold.before.get(case.id, ()))
        named = set()
        for number, item in enumerate(written):
            if isinstance(item, dict) and isinstance(item.get("document"), str):
                named.add(str(item["document"]))
                yield looked.evidence(number, item)
        for document in dict.fromkeys(case.gold_documents):
            if document not in named:
                yield looked.document(document)


def worst(states: Iterable[GoldState]) -> State:
    """Of a case: gone before moved, before unknown, before true."""
    present = {one.state for one in states}
    return next((state for state in ("gone", "moved", "unknown") if state in present), "true")


def mended(row: Mapping[str, Json], states: Sequence[GoldState]) -> dict[str, Json]:
    """A row of a case with the gold that moved where it is now; what is gone stays as it was written."""
    after = dict(row)
    evidence = row.get("evidence")
    if isinstance(evidence, list):
        moved = {one.item: dict(one.now) for one in states if one.now is not None and one.item is not None}
        after["evidence"] = [moved.get(number, item) for number, item in enumerate(evidence)]
    names = {one.document: str(one.now["document"]) for one in states if one.now is not None}
    documents = row.get("gold_documents")
    if isinstance(documents, list):
        after["gold_documents"] = list(dict.fromkeys(names.get(str(id), str(id)) for id in documents))
    elif isinstance(documents, str):
        after["gold_documents"] = names.get(documents, documents)
    return after


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of gold as written. `start`: of characters, None: of a quote or a document."""

    document: str
    item: int | None = None
    text: str = ""
    start: int | None = None


@dataclass(frozen=True)
class _Looked:
    """One case. `before`: passages that the verdict showed of its gold."""

    case: Case
    texts: Texts
    answers: Phrases
    before: Sequence[Passage]

    def evidence(self, number: int, item: Mapping[str, Json]) -> GoldState:
        """A quote, or characters."""
        document, quote = str(item["document"]), item.get("quote")
        if isinstance(quote, str) and quote.strip():
            return self._text(_Piece(document, number, quote))
        start, end = item.get("start"), item.get("end")
        piece = _Piece(document, number)
        if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end):
            return self._state("unknown", "it says neither quote nor characters", piece)
        if stood := _between(self.before, document, start, end):
            return self._text(_Piece(document, number, stood, start))
        if document in self.texts.unread:
            return self._state("unknown", UNREAD, piece)
        if document not in self.texts.of:
            return self._state("gone", ABSENT, piece)
        there = self.texts.of[document][start:end]
        if there.strip() and self._bears([there]):
            return self._state("true", "its characters bear an accepted answer", replace(piece, text=there))
        why = "nobody knows what stood at its characters: no verdict showed them; write a 'quote' in their place"
        return self._state("unknown", why, piece)

    def document(self, document: str) -> GoldState:
        """A gold document without a quote."""
        shown = [p.text for p in self.before if p.document == document]
        bore = [text for text in shown if self._bears([text])]
        piece = _Piece(document, text="\n".join(bore or shown))
        if document in self.texts.unread:
            return self._state("unknown", UNREAD, piece)
        is_there = document in self.texts.of
        if is_there and any(self.texts.find(document, text) for text in bore or shown):
            return self._state("true", "what the verdict showed of it stands there", piece)
        if is_there and self._bears([self.texts.of[document]]):
            return self._state("true", "it bears an accepted answer", piece)
        if is_there and not bore:
            why = "the document changed" if shown else "no verdict showed what it said"
            return self._state("unknown", f"{why}, and no accepted answer stands there in its own words", piece)
        if (other := self._renamed(document, bore or shown)) is not None:
            return self._state("moved", f"the document is '{other}' now", piece, {"document": other})
        return self._state("gone", "it does not bear an accepted answer any more" if is_there else ABSENT, piece)

    def _text(self, piece: _Piece) -> GoldState:
        """A text that stood in a document."""
        document, text, start = piece.document, piece.text, piece.start
        if document in self.texts.unread:
            return self._state("unknown", UNREAD, piece)
        here = document in self.texts.of
        if here and start is None and self.texts.find(document, text) is not None:
            return self._state("true", "it stands there", piece)
        if here and start is not None:
            if self.texts.of[document][start : start + len(text)] == text:
                return self._state("true", "it stands there", piece)
            if (span := self.texts.near(document, text, start)) is not None:
                return self._moved(f"it stands at characters {span[0]} to {span[1]} now", piece, document, span)
        if others := self.texts.elsewhere(text, document):
            other = _nearest_name(document, others)
            also = f", and in {len(others) - 1} more" if len(others) > 1 else ""
            if (span := self.texts.find(other, text)) is not None:
                return self._moved(f"it stands in '{other}' now{also}", piece, other, span)
        return self._in_other_words(piece)

    def _in_other_words(self, piece: _Piece) -> GoldState:
        is_there = piece.document in self.texts.of
        telling = len(_letters(piece.text)) >= MIN_LETTERS
        looked = [piece.document] if is_there else self.texts.likely(piece.text) if telling else []
        alike, other, span = _best(self.texts, looked, piece.text)
        if alike < SAME_PLACE:
            return self._state("gone", "nothing has it any more" if is_there else ABSENT, piece)
        reads = self.texts.of[other][span[0] : span[1]]
        same = alike >= SAME_SAID and _numbers(piece.text) == _numbers(reads)
        if self._bears([reads]) if self._bears([piece.text]) else same:
            return self._moved("it stands in other words now", piece, other, span)
        return self._state("gone", f"it says something else now: {_short(reads)}", piece)

    def _moved(self, says: str, piece: _Piece, other: str, span: tuple[int, int]) -> GoldState:
        if piece.start is None:
            return self._state("moved", says, piece, {"document": other, "quote": self.texts.of[other][span[0] : span[1]]})
        return self._state("moved", says, piece, {"document": other, "start": span[0], "end": span[1]})

    def _state(self, state: State, says: str, piece: _Piece, now: Mapping[str, Json] | None = None) -> GoldState:
        return GoldState(self.case, state, says, piece.document, piece.item, piece.text, now)

    def _renamed(self, document: str, shown: Sequence[str]) -> str | None:
        """The other document that has most sentences of what was shown, and bears what they bore."""
        parts = [text[a:b] for text in shown for a, b in sentences(text)]
        telling = [part for part in parts if len(_letters(part)) >= MIN_LETTERS]
        counted = Counter(other for part in telling for other in self.texts.elsewhere(part, document))
        fit = [other for other, count in counted.items() if count >= _HELD * len(telling)]
        bore = self._bears(shown)
        fit = [other for other in fit if not bore or self._bears([self.texts.of[other]])]
        most = max((counted[other] for other in fit), default=0)
        best = [other for other in fit if counted[other] == most]
        return _nearest_name(document, best) if best else None

    def _bears(self, parts: Sequence[str]) -> bool:
        """Whether texts have an accepted answer, as `correct` reads it."""
        passages = [Passage("", "", 0, len(text), text) for text in parts]
        return bool(self.answers) and holds_whole(passages, self.answers)


def _nearest_name(document: str, others: Sequence[str]) -> str:
    """Of several documents the one whose name is nearest."""
    return difflib.get_close_matches(document, others, n=1, cutoff=0.0)[0]


def _between(passages: Sequence[Passage], document: str, start: int, end: int) -> str:
    """What stood from one character of a document to another; "" where these passages do not have all of it."""
    at, parts = start, []
    for passage in sorted((p for p in passages if p.document == document), key=lambda p: p.start):
        if passage.start <= at < passage.end:
            parts.append(passage.between(at, min(end, passage.end)))
            at = min(end, passage.end)
    return "".join(parts) if at >= end else ""


def _best(texts: Texts, looked: Sequence[str], text: str) -> tuple[float, str, tuple[int, int]]:
    """(content words in common, document, characters) of the place that is most like a text."""
    places = ((*_nearest(texts.of[id], text), id) for id in looked)
    alike, span, id = max(places, key=lambda one: one[0], default=(0.0, (0, 0), ""))
    return alike, id, span


def _nearest(whole: str, text: str) -> tuple[float, tuple[int, int]]:
    """(content words in common, characters) of the place in a document that is most like a text; of as many sentences, or
    one more or less."""
    needed, length = content(text), max(1, len(sentences(text)))
    spans = _spans(whole)
    best = (0.0, (0, 0))
    for first in range(len(spans)):
        for size in {max(1, length - 1), length, length + 1}:
            last = min(first + size, len(spans)) - 1
            there = frozenset().union(*(words for _, _, words in spans[first : last + 1]))
            alike = len(needed & there) / max(1, len(needed | there))
            best = max(best, (alike, (spans[first][0], spans[last][1])))
    return best


@lru_cache(maxsize=256)
def _spans(whole: str) -> tuple[tuple[int, int, frozenset[str]], ...]:
    return tuple((a, b, content(whole[a:b])) for a, b in sentences(whole))


def _numbers(text: str) -> frozenset[str]:
    return frozenset(word for word in content(text) if word[0].isdigit())


def _letters(text: str) -> str:
    return "".join(text.split())


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 120 else f"{flat[:119]}…"
