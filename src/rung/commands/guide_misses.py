"""Near misses of guides: what something costs, or how long it takes, where the documents say how it is done and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rung.commands.asked_statements import Asked
from rung.commands.draft_checks import Corpus, Miss
from rung.records import Document
from rung.text.guide_words import MONEY, TIME

_COSTS = re.compile(
    rf"{MONEY}|\b(?:free|costs?|fees?|charge[sd]?|pay|pays|paid|price[sd]?|pricing|billed|refund\w*)\b", re.IGNORECASE
)
_TIMES = re.compile(
    rf"{TIME}|\b(?:immediately|instantly|soon|quick\w*|minutes?|hours?|days?|weeks?|months?|time)\b", re.IGNORECASE
)
_PAID_WORDS = (
    "add apply book buy cancel change create extend get hire install join open order print recover register renew "
    "rent repair replace request return send ship store transfer upgrade use verify visit"
)
_TIME_WORDS = (
    "apply build cancel change close complete create delete deliver export get import install migrate process "
    "recover register renew repair replace request reset restore return send set ship transfer update upgrade "
    "verify"
)
_PAID, _TAKING_TIME = frozenset(_PAID_WORDS.split()), frozenset(_TIME_WORDS.split())
_HALF = 0.5  # of the words of a question that a sentence has which may answer it
_PURPOSE = re.compile(r"How (?:do|can) I (?P<what>.+)\?")
_LASTS = re.compile(r"How long (?P<does>does|do) (?P<what>.+) take\?")
_COST = re.compile(r"How much (?P<does>does|do) (?P<what>.+) cost\?")


def guide_misses(corpus: Corpus) -> Iterator[Miss]:
    """Costs and times in turn, of what documents tell how to do, or tell the other of."""
    for number, (document, one) in enumerate(
        pair for pair in corpus.asked if pair[1].slot in ("purpose", "means", "duration")
    ):
        for question, answered, missing in _unsaid(one, costs_first=number % 2 == 0):
            if not any(answered.search(text) for text in _near(corpus, document, one, question)):
                note = f"'{document.text[one.start : one.end].strip()}' does not say {missing}: check that nothing does"
                yield Miss(document, question, note, answered)
                break


def _unsaid(one: Asked, *, costs_first: bool) -> Iterator[tuple[str, re.Pattern[str], str]]:
    if purpose := _PURPOSE.fullmatch(one.question):
        verb, both = purpose["what"].split()[0], list[tuple[str, re.Pattern[str], str]]()
        if verb in _PAID:
            both.append((f"How much does it cost to {purpose['what']}?", _COSTS, "what it costs"))
        if verb in _TAKING_TIME:
            both.append((f"How long does it take to {purpose['what']}?", _TIMES, "how long it takes"))
        yield from both if costs_first else reversed(both)
    elif lasts := _LASTS.fullmatch(one.question):
        yield f"How much {lasts['does']} {lasts['what']} cost?", _COSTS, "what it costs"
    elif cost := _COST.fullmatch(one.question):
        yield f"How long {cost['does']} {cost['what']} take?", _TIMES, "how long it takes"


def _near(corpus: Corpus, document: Document, one: Asked, question: str) -> Iterator[str]:
    """The sentences of the document, but for the one that is asked by, and those anywhere that have half of the words."""
    for sentence in corpus.sentences:
        if corpus.documents[sentence.document] is document and not one.start <= sentence.start < one.end:
            yield sentence.text
    yield document.text[one.start : one.end] if one.slot != "duration" else ""
    yield from (
        sentence.text for sentence in corpus.near(question, _HALF) if corpus.documents[sentence.document] is not document
    )
