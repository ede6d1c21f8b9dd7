"""Whether what an answer cites bears it out: each sentence is checked against the characters that it cites.

The check is made of words, not of a model, so that it is the same each time and can be recomputed from records: the share of
the sentence's content words that stand close together in the cited text, and every number of it must. It tells a citation of
the wrong place from one of the right place. It does NOT see a denial, a swapped name that the text holds too, or the same
said in other words: docs/scores.md says how often. Judging an answer right or wrong is left to `scoring`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rung.records import Answer, Citation, Passage
from rung.text.matching import LETTER, has_runs, reading_of, terms, tokens, values
from rung.text.sentences import sentences

SUPPORTED_FROM = 0.5  # chosen on the dev halves of benchmarks/support_check.py
NEAR = 2  # sentences of the cited text that are read together
MARK = re.compile(r"\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_CACHED = 4096  # texts whose words are remembered
_WORD = re.compile(rf"{LETTER}+(?:[.,:/'’-]{LETTER}+)*")
_JOINT = re.compile(r"[.,:/-]")
_ENDINGS = re.compile(r"(?:'s|’s|ies|ing|edly|ed|es|ly|s|e|y)$")
# Words that stand in any text: they support nothing.
_EMPTY = frozenset(
    """
    a an the this that these those it its he she they them his her their we you i our your of in on at by to from for
    with without as is are was were be been being do does did has have had will would can could may might shall should
    must and or but if then than so not no nor there here which who whom whose what when where why how also only very
    into onto over under about after before between during through up down out off again more most some any each all
    both such own same too s t according answer passage document text stated mentioned says said
    """.split()  # noqa: SIM905 - to be read
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer, characters `start` to `end` of its plain text, and how far what it cites bears it out.

    `cites` are the marks that stand in it or right after it. `support` is the best of them, in [0, 1]; 0 without any.
    """

    text: str
    start: int
    end: int
    cites: tuple[int, ...] = ()
    support: float = 0.0
    supporting: tuple[int, ...] = ()  # the marks that bear it out

    @property
    def is_supported(self) -> bool:
        """Whether what it cites bears it out."""
        return self.support >= SUPPORTED_FROM


def claims(answer: Answer) -> tuple[Claim, ...]:
    """The sentences of an answer in words, each checked against what it cites; a sentence that claims nothing is left out.

    A mark belongs to the sentence that it stands in, or that it follows. A refusal and an answer without passages claim
    nothing that passages could bear out.
    """
    if answer.refused or not answer.passages:
        return ()
    plain, marks = unmarked(answer.text)
    spans = [span for span in sentences(plain) if content(plain[span[0] : span[1]])]
    cited = _cited(answer.citations, answer.passages)
    checked = []
    for index, (start, end) in enumerate(spans):
        own = tuple(dict.fromkeys(n for at, numbers in marks if _of(at, spans) == index for n in numbers))
        text = plain[start:end]
        scores = {n: max((support(text, source) for source in cited.get(n, ())), default=0.0) for n in own}
        checked.append(
            Claim(text, start, end, own, max(scores.values(), default=0.0),
                  tuple(n for n, score in scores.items() if score >= SUPPORTED_FROM))
        )  # fmt: skip
    return tuple(checked)


def unsupported(answer: Answer) -> tuple[str, ...]:
    """The sentences of an answer that what they cite does not bear out, as said."""
    return tuple(claim.text for claim in claims(answer) if not claim.is_supported)


def shown_in(sentence: str, passages: Sequence[Passage]) -> int | None:
    """The number of the first passage shown that bears a sentence out, from 1; None where none does."""
    return next((n for n, p in enumerate(passages, 1) if support(sentence, p.text) >= SUPPORTED_FROM), None)


def doubted(answer: Answer) -> Iterator[tuple[str, str]]:
    """(why, sentence) for each sentence that what it cites does not bear out; one that cites nothing is told apart."""
    for claim in claims(answer):
        if claim.is_supported:
            continue
        if claim.cites:
            yield "not borne out by what it cites", claim.text
        elif (number := shown_in(claim.text, answer.passages)) is None:
            yield "cites no passage, and none that was shown bears it out", claim.text
        else:
            yield f"cites no passage (passage {number} of those shown bears it out)", claim.text


def support(sentence: str, cited: str) -> float:
    """How far a text bears a sentence out, in [0, 1]: the best over any `NEAR` neighbouring sentences of the text.

    The share of the sentence's content words that stand there, in any form; 0 where a number of the sentence does not stand
    anywhere in the text, as it is or by its value ("26 EUR" for "26,00 €", "30.09.2024" for "30 September 2024"). A sentence
    without content words is borne out by nothing.
    """
    needed = content(sentence)
    if not needed:
        return 0.0
    everything, neighbours = _words_of(cited)
    figures = frozenset(word for word in needed if word[0].isdigit())
    absent = figures - everything
    if figures and not _values_stand_in(sentence, cited, all_as_written=not absent):
        return 0.0
    return (max(len(needed & near) for near in neighbours) + len(absent)) / len(needed)


def _values_stand_in(sentence: str, cited: str, *, all_as_written: bool) -> bool:
    """Whether every number of a sentence stands in a text by its value. Numbers in words count only where figures are not
    there as they are written."""
    reading = reading_of(sentence, cited)
    needed = values(tokens(sentence, reading))
    if all_as_written:
        needed = {value for value in needed if value in sentence}
    return needed <= set(tokens(cited, reading))


@lru_cache(maxsize=_CACHED)
def _words_of(cited: str) -> tuple[frozenset[str], tuple[frozenset[str], ...]]:
    """The content words of a text, of all of it and of any `NEAR` neighbouring sentences. Kept: passages come again."""
    parts = [content(cited[a:b]) for a, b in sentences(cited)]
    near = tuple(frozenset().union(*parts[first : first + NEAR]) for first in range(max(1, len(parts) - NEAR + 1)))
    return frozenset().union(*parts), near


@lru_cache(maxsize=_CACHED)
def content(text: str) -> frozenset[str]:
    """The content words of a text, lower case, without their endings; numbers as they stand, separators left out.

    In languages written without spaces pairs of characters (`matching.terms`).
    """
    collected = set()
    for word in _words(text.lower()):
        if word[0].isdigit():
            collected.add(re.sub(r"[,’']", "", word).rstrip("."))
        elif word not in _EMPTY:
            parts = [word] if word.isalpha() else _JOINT.split(word)
            collected.update(_stem(part) for part in parts if part and part not in _EMPTY)
    return frozenset(collected)


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        yield from terms(word) if has_runs(word) else (word,)


def unmarked(text: str) -> tuple[str, list[tuple[int, tuple[int, ...]]]]:
    """A text without its citation marks, and (position in it, numbers) of each mark."""
    parts: list[str] = []
    marks: list[tuple[int, tuple[int, ...]]] = []
    position, length = 0, 0
    for match in MARK.finditer(text):
        parts.append(text[position : match.start()])
        length += len(parts[-1])
        marks.append((length, tuple(int(n) for n in match[1].split(","))))
        position = match.end()
    return "".join([*parts, text[position:]]), marks


def _of(at: int, spans: Sequence[tuple[int, int]]) -> int:
    """The sentence that a mark at this position belongs to: the last that began before it."""
    return max(0, bisect_left(spans, (at, 0)) - 1)


def _cited(citations: Iterable[Citation], passages: Sequence[Passage]) -> dict[int, list[str]]:
    """The texts that each mark cites."""
    texts: dict[int, list[str]] = {}
    for citation in citations:
        for passage in passages:
            if passage.document == citation.document and passage.start <= citation.start and citation.end <= passage.end:
                texts.setdefault(citation.mark, []).append(passage.between(citation.start, citation.end))
                break
    return texts


@lru_cache(maxsize=16 * _CACHED)
def _stem(word: str) -> str:
    if len(word) <= 4:
        return word.removesuffix("s") if len(word) > 3 else word
    cut = _ENDINGS.sub("", word)
    return cut if len(cut) >= 3 else word
