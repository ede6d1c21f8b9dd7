"""Accepted answers that their gold documents do not bear out, for `rung check`: likely slips, no more.

A short answer is looked for as it is written, letters and digits alone, or in parts; the numbers of a long one by their
value. An answer beside one that stands there may be another way of saying it, and is told of only where its numbers differ.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from rung.records import Case, Document, Problem
from rung.scoring.bearing import SHORT, in_parts
from rung.text import matching

MIN_CHARACTERS = 3  # letters and digits of an answer that is looked for in a document
MIN_TELLING = 6  # of one that tells another document for the right one
MAX_LOOKED_AT = 1_000_000_000  # characters of other documents in which answers are looked for
_YES_OR_NO = frozenset(("yes", "no", "true", "false", "ja", "nein", "oui", "non", "si"))
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def not_in_gold(cases: Sequence[Case], there: Mapping[str, Document]) -> Iterator[Problem]:
    """A warning for each case with accepted answers that its gold documents do not bear out."""
    texts = _Texts(there)
    for case in cases:
        ids = [id for id in gold_of(case) if id in there]
        if case.answerable and ids and case.answers and (why := _slip(case, ids, texts)):
            yield Problem.at(case.place, f"case '{case.id}': {why}")


def gold_of(case: Case) -> list[str]:
    """The documents that a case names, each once."""
    return list(dict.fromkeys((*case.gold_documents, *(span.document for span in case.evidence))))


def squeezed(text: str) -> str:
    """Letters and digits alone, without accents: `1,000 EUR` is `1000eur`."""
    bare = unicodedata.normalize("NFKD", text).casefold()
    return "".join(re.findall(r"[^\W_]+", "".join(c for c in bare if not unicodedata.combining(c))))


class _Texts:
    """Documents with what is looked for in them, each prepared once."""

    def __init__(self, there: Mapping[str, Document]) -> None:
        self._there = there
        self._squeezed: dict[str, str] = {}
        self._left = MAX_LOOKED_AT

    def of(self, id: str) -> str:
        return f"{self._there[id].title}\n{self._there[id].text}"

    def bare(self, id: str) -> str:
        if id not in self._squeezed:
            self._squeezed[id] = squeezed(self.of(id))
        return self._squeezed[id]

    def elsewhere(self, answers: Sequence[str], ids: Sequence[str]) -> str:
        """The one other document that has one of these answers; "" where none or several have, or looking takes long."""
        telling = [answer for answer in answers if len(answer) >= MIN_TELLING]
        holding: list[str] = []
        for id in self._there if telling else ():
            if id in ids:
                continue
            self._left -= len(self.bare(id))
            if self._left < 0:
                return ""
            if any(answer in self.bare(id) for answer in telling):
                holding.append(id)
            if len(holding) > 1:
                return ""
        return holding[0] if holding else ""


def _slip(case: Case, ids: Sequence[str], texts: _Texts) -> str:
    """What is likely wrong with a case; "" where nothing is."""
    bare = [squeezed(answer) for answer in case.answers]
    if any(answer in _YES_OR_NO or len(answer) < MIN_CHARACTERS for answer in bare):
        return ""
    more = f" or in {len(ids) - 1} more" if len(ids) > 1 else ""
    where = f"in its gold document '{ids[0]}'{more}"
    stands = [_stands(answer, short, ids, texts) for answer, short in zip(case.answers, bare, strict=True)]
    if not any(stands) and all(_is_short(answer) for answer in case.answers):
        other = texts.elsewhere(bare, ids)
        instead = f"; it stands in '{other}': is that the document?" if other else ""
        return f"its answer {case.answers[0][:60]!r} does not stand {where}{instead}"
    for answer, found_there in zip(case.answers, stands, strict=True):
        if not found_there and (number := _foreign_number(answer, case, ids, texts)):
            return f"its answer {answer[:60]!r} has the number {number}, which does not stand {where}"
    return ""


def _is_short(answer: str) -> bool:
    return len(answer.split()) <= SHORT


def _stands(answer: str, bare: str, ids: Sequence[str], texts: _Texts) -> bool:
    return any(bare in texts.bare(id) for id in ids) or (
        _is_short(answer) and any(in_parts(texts.of(id), answer) for id in ids)
    )


def _foreign_number(answer: str, case: Case, ids: Sequence[str], texts: _Texts) -> str:
    """The first number of an answer that stands neither in the gold, nor in the question, nor in words; "" without one."""
    numbers = [word for word in matching.tokens(answer) if _NUMBER.fullmatch(word)]
    sources = [*(texts.of(id) for id in ids), case.question]
    return next((one for one in numbers if not any(matching.holds(text, one) for text in sources)), "")
