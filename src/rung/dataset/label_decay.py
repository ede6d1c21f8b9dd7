"""Which gold is still true after documents changed, which moved, which is gone: rules over texts, no model.

What stood there when it was labelled is the quote itself; of characters, and of whole documents, what the last verdict showed
of them (`Before`). Passages are cut anew without any effect: gold is characters of documents, and no passage's.

| what is found now | state |
|---|---|
| the same text at its place; or the document bears an accepted answer out | `true` |
| the same text elsewhere in the document or in another one; or the place in other words that still bear the answer | `moved` |
| the place says something else, or nothing has the text any more | `gone` |
| the document could not be read; or nobody knows what stood there, or the answer never stood there in its own words | `unknown` |

Finding the documents and what the verdict showed is left to `commands.label_decay`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
_CANDIDATES = 5  # documents that are looked into for a text in other words
_HELD = 0.5  # of the sentences of what was shown that a document has if it is the same one under another name

Find = Callable[[str, str], tuple[int, int] | None]  # (text, quote) -> characters of the quote, None if it is not there
Before = Mapping[str, Sequence[Passage]]  # case id -> passages of its gold as the verdict showed them


@dataclass(frozen=True, slots=True)
class GoldState:
    """What became of one piece of a case's gold. `item`: its place in `evidence` as written, None: in `gold_documents`.

    `document`: as named; `text`: what stood there, "" where nobody knows. `now`: where it is now, as it would be written, None
    where that is not known.
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
        nearest = min(places, key=lambda place: abs(place - start))
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
    found = {one.state for one in states}
    return next((state for state in ("gone", "moved", "unknown") if state in found), "true")


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
            return self._text(number, document, quote, start=None)
        start, end = item.get("start"), item.get("end")
        if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end):
            return self._state("unknown", "it says neither quote nor characters", document, number)
        stood = _between(self.before, document, start, end)
        if stood:
            return self._text(number, document, stood, start=start)
        if (early := self._absent(document, number)) is not None:
            return early
        there = self.texts.of[document][start:end]
        if there.strip() and self._bears([there]):
            return self._state("true", "its characters bear an accepted answer", document, number, there)
        why = "nobody knows what stood at its characters: no verdict showed them; write a 'quote' in their place"
        return self._state("unknown", why, document, number)

    def document(self, document: str) -> GoldState:
        """A gold document without a quote."""
        shown = [p.text for p in self.before if p.document == document]
        bore = [text for text in shown if self._bears([text])]
        stood = "\n".join(bore or shown)
        if document in self.texts.unread:
            return self._state("unknown", "the document could not be read", document, text=stood)
        if document in self.texts.of:
            whole = self.texts.of[document]
            if any(self.texts.find(document, text) for text in bore or shown):
                return self._state("true", "what the verdict showed of it stands there", document, text=stood)
            if self._bears([whole]):
                return self._state("true", "it bears an accepted answer", document, text=stood)
            if not bore:
                why = "the document changed" if shown else "no verdict showed what it said"
                return self._state(
                    "unknown", f"{why}, and no accepted answer stands there in its own words", document, text=stood
                )
        if (other := self._renamed(document, bore or shown)) is not None:
            says = f"the document is '{other}' now"
            return self._state("moved", says, document, text=stood, now={"document": other})
        if document not in self.texts.of:
            return self._state("gone", "the document is not there any more", document, text=stood)
        return self._state("gone", "the document does not bear an accepted answer any more", document, text=stood)

    def _text(self, number: int, document: str, text: str, *, start: int | None) -> GoldState:
        """A text that stood in a document; `start`: where, None: as a quote says, anywhere."""
        if document in self.texts.unread:
            return self._state("unknown", "the document could not be read", document, number, text)
        here = document in self.texts.of
        if here and start is not None and self.texts.of[document][start : start + len(text)] == text:
            return self._state("true", "it stands there", document, number, text)
        span = self.texts.find(document, text) if here and start is None else None
        if span is not None:
            return self._state("true", "it stands there", document, number, text)
        if here and start is not None and (span := self.texts.near(document, text, start)) is not None:
            says = f"it stands at characters {span[0]} to {span[1]} now"
            return self._moved(says, document, number, text, document, span, start)
        if others := self.texts.elsewhere(text, document):
            other = self._preferred(document, others)
            also = f", and in {len(others) - 1} more" if len(others) > 1 else ""
            span = self.texts.find(other, text)
            assert span is not None
            return self._moved(f"it stands in '{other}' now{also}", document, number, text, other, span, start)
        return self._in_other_words(number, document, text, start)

    def _in_other_words(self, number: int, document: str, text: str, start: int | None) -> GoldState:
        looked = [document] if document in self.texts.of else self.texts.likely(text)
        alike, other, span = _best(self.texts, looked, text)
        if alike < SAME_PLACE:
            gone = "nothing has it any more" if document in self.texts.of else "the document is not there any more"
            return self._state("gone", gone, document, number, text)
        reads = self.texts.of[other][span[0] : span[1]]
        if self._bears([text]):
            still = self._bears([reads])
        else:  # no accepted answer stands in it word for word
            still = alike >= SAME_SAID and _numbers(text) == _numbers(reads)
        if still:
            return self._moved("it stands in other words now", document, number, text, other, span, start)
        return self._state("gone", f"it says something else now: {_short(reads)}", document, number, text)

    def _moved(
        self, says: str, document: str, number: int, text: str, other: str, span: tuple[int, int], start: int | None
    ) -> GoldState:
        now: dict[str, Json] = {"document": other}
        if start is None:
            now["quote"] = self.texts.of[other][span[0] : span[1]]
        else:
            now |= {"start": span[0], "end": span[1]}
        return self._state("moved", says, document, number, text, now)

    def _absent(self, document: str, number: int) -> GoldState | None:
        if document in self.texts.unread:
            return self._state("unknown", "the document could not be read", document, number)
        if document not in self.texts.of:
            return self._state("gone", "the document is not there any more", document, number)
        return None

    def _state(
        self,
        state: State,
        says: str,
        document: str,
        item: int | None = None,
        text: str = "",
        now: Mapping[str, Json] | None = None,
    ) -> GoldState:
        return GoldState(self.case, state, says, document, item, text, now)

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
        return self._preferred(document, best) if best else None

    def _bears(self, parts: Sequence[str]) -> bool:
        """Whether texts have an accepted answer, as `correct` reads it."""
        passages = [Passage("", "", 0, len(text), text) for text in parts]
        return bool(self.answers) and holds_whole(passages, self.answers)

    @staticmethod
    def _preferred(document: str, others: Sequence[str]) -> str:
        """Of several documents the one whose name is nearest."""
        import difflib

        close = difflib.get_close_matches(document, others, n=1, cutoff=0.0)
        return close[0] if close else others[0]


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
