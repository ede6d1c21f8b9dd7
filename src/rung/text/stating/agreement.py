"""How far an answer states one of the accepted answers, in [0, 1]: by words alone, without a model.

An answer is right where a sentence of it states an accepted answer: its words stand there together, numbers, units and dates
equal by value, not denied, not outdated, not one of several that are offered, and no other clause answers the question more
closely with something else. Words before and after it cost nothing. Part of an accepted answer, with nothing in the place of
the rest, is worth that part. Long accepted answers are compared by the words that they share. How often this is wrong:
docs/scores.md, `benchmarks/matching.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby, islice

from rung.text.matching import figured_f1, has_runs, matches, reading_of
from rung.text.stating import words
from rung.text.stating.clauses import Clause, content, cut
from rung.text.stating.expected import Expected, expected
from rung.text.stating.mentions import Mention, mentions
from rung.text.stating.rivals import Rivals
from rung.text.stating.turning import denied, is_anothers, is_otherwise_limited, offered, outdated

MAX_TOKENS = 8  # of an accepted answer that is looked for in a sentence; longer ones are said in other words
MAX_CHARACTERS = 8_000  # of an answer that are looked at
_MAX_MENTIONS = 50
_SHORT_REPLY = 3  # tokens: "Unfortunately not."
_APART = 0.5  # what all words of an accepted answer are worth where they do not stand together
_PARENTHESIS = re.compile(r"\s+\([^()]*\)\s*$")


def stated(text: str, answers: Sequence[str], question: str = "") -> float:
    """How far a text states an accepted answer, best over them. `question` tells what is asked from what is said beside it.

    >>> stated("You can return it within 30 days.", ["30 days"]), stated("14 days, not 30 days.", ["30 days"])
    (1.0, 0.0)
    """
    if matches(text, answers):
        return 1.0
    bare = (_PARENTHESIS.sub("", answer) for answer in answers)
    accepted = [answer for answer in dict.fromkeys((*answers, *bare)) if answer.strip()]
    return max((_stated(text[:MAX_CHARACTERS], one, accepted, question) for one in accepted), default=0.0)


def _stated(text: str, answer: str, answers: Sequence[str], question: str) -> float:
    reading = reading_of(text, answer)
    target = expected(answer, answers, question, reading)
    if not target.core or len(target.whole) > MAX_TOKENS:
        return figured_f1(text, [answer])
    clauses = cut(text, reading)
    if len(target.core) == 1 and target.core[0] in words.YES | words.NO:
        return float(_polarity(clauses, target))
    found_mentions = list(islice(mentions(clauses, target), _MAX_MENTIONS))
    if not found_mentions:
        return figured_f1(text, [answer]) if has_runs(answer) else _part(clauses, target)
    rivals = Rivals(clauses, target)
    return float(any(_is_stated(mention, clauses, target) and not rivals.outdo(mention) for mention in found_mentions))


def _is_stated(mention: Mention, clauses: Sequence[Clause], target: Expected) -> bool:
    own = clauses[mention.first : mention.last + 1]
    return not (
        denied(mention, own, target)
        or outdated(mention, own, clauses[mention.last + 1 : mention.last + 2], target)
        or offered(mention, clauses, target)
        or is_otherwise_limited(mention, target)
        or is_anothers(mention, target)
    )


def _polarity(clauses: Sequence[Clause], target: Expected) -> bool:
    """Whether a text says yes, or no, as the accepted answer does."""
    wants_yes = target.core[0] in words.YES
    tokens = [token for clause in clauses for token in clause.tokens]
    opening = [token in words.YES for token in tokens[:3] if token in words.YES | words.NO]
    if not clauses or len({*opening}) > 1:
        return False
    forbids = bool(words.FORBIDDING.intersection(clauses[0].tokens)) and not words.FORBIDDING & target.asked
    denies = clauses[0].denies != forbids
    turned = words.NEGATORS.intersection(tokens[1:_SHORT_REPLY])  # "Absolutely not.", "Natürlich nicht."
    if opening and tokens[0] in words.YES and turned and (len(tokens) <= _SHORT_REPLY or tokens[1] in turned):
        return not wants_yes
    if tokens[:2] in (["no", "problem"], ["kein", "problem"]):
        return wants_yes
    if opening and tokens[0] in words.YES | words.NO:
        return opening[0] == wants_yes
    if denies and len(tokens) <= _SHORT_REPLY:
        return not wants_yes
    return denies != wants_yes and clauses[0].shares(target.asked) > 0


def _part(clauses: Sequence[Clause], target: Expected) -> float:
    """The share of an accepted answer that a text has, where it has nothing in the place of the rest; else 0."""
    some = content(target.core)
    if len(some) < 2 or any(words.NEGATORS.intersection(clause.tokens) for clause in clauses):
        return 0.0
    best = 0.0
    for _, sentence in groupby(clauses, key=lambda clause: clause.sentence):
        own = list(sentence)
        has = frozenset().union(*(clause.content for clause in own)) & some
        if has - target.asked and not any(clause.beyond(target.asked, target.accepted) for clause in own):
            best = max(best, len(has) / len(some))
    return best if best < 1 else _APART
