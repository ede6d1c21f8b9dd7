"""From what a model said to an `Answer`: marks and quotes become citations, refusals are recognised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rung.records import Answer, Citation, Json, Passage
from rung.records.steps import GenerateResult
from rung.text.parsing import Malformed, json_of
from rung.text.refusals import is_refusal
from rung.text.support import MARK

QUOTE_FIELDS = frozenset({"quote", "quotes", "citation", "citations", "evidence", "source_text"})


def finish(
    response: GenerateResult,
    *,
    schema: str = "",
    shown: Sequence[Passage] = (),
    retrieved: Sequence[Passage] = (),
) -> Answer:
    """The answer with its citations resolved to characters of documents.

    `[n]` cites the n-th passage shown, whole. With a schema, a field named like a quote cites the characters that it
    repeats verbatim from a passage. A mark or a quote that resolves to nothing is no citation.
    """
    text = response.text.strip()
    if schema:
        plain, citations = text, tuple(_quotes(text, shown))
    else:
        plain = MARK.sub("", text).strip() if shown else text
        citations = tuple(_marks(text, shown))
    return Answer(
        text=text,
        plain=plain,
        refused=is_refusal(plain, schema),
        citations=citations,
        passages=tuple(shown),
        retrieved=tuple(retrieved),
        truncated=response.truncated,
    )


def reworded(answer: Answer, text: str) -> Answer:
    """The answer with another text, in words, and what that cites of the passages shown."""
    new = finish(GenerateResult(text), shown=answer.passages)
    return replace(answer, text=new.text, plain=new.plain, refused=new.refused, citations=new.citations)


def _marks(text: str, shown: Sequence[Passage]) -> Iterator[Citation]:
    numbers = (int(n) for marks in MARK.finditer(text) for n in marks[1].split(","))
    for n in dict.fromkeys(numbers):
        if 1 <= n <= len(shown):
            passage = shown[n - 1]
            yield Citation(n, passage.document, passage.start, passage.end, passage.id)


def _quotes(text: str, shown: Sequence[Passage]) -> Iterator[Citation]:
    try:
        value = json_of(text)
    except Malformed:
        return
    for quote in _quoted(value):
        for n, passage in enumerate(shown, 1):
            at = passage.text.find(quote)
            if at >= 0:
                start = passage.start + at
                yield Citation(n, passage.document, start, start + len(quote), passage.id)
                break


def _quoted(value: Json, *, named: bool = False) -> Iterator[str]:
    if isinstance(value, str):
        if named and value.strip():
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _quoted(item, named=named)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _quoted(item, named=named or key.casefold() in QUOTE_FIELDS)
