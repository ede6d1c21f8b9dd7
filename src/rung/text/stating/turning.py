"""What turns an accepted answer that stands in a sentence into something else: a denial, the past, other offers, a limit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from rung.text.matching import has_runs
from rung.text.stating import words
from rung.text.stating.clauses import Clause, content, stem
from rung.text.stating.expected import Expected
from rung.text.stating.mentions import Mention
from rung.text.stating.quantities import BEFORE, DATE, NUMBER, Limit, first_number, limit

_SET_ASIDE_BEFORE = re.compile(words.SET_ASIDE.pattern + r"(?: \S+){0,2}$")
_NOT_IN_JAPANESE = re.compile(r"ない|ません|ぬ$")
_SCOPE = 7  # tokens behind a negator, of which one may make a limit of it
_ITEM_TOKENS = 4  # of an item in a list


def denied(mention: Mention, own: Sequence[Clause], target: Expected) -> bool:
    """Whether its clauses deny it, or set it aside: "not 30 days", "rather than 30 days"; not "not more than 30 days"."""
    if words.NEGATORS.intersection((*target.whole, *target.question)):
        return False
    if _SET_ASIDE_BEFORE.search(" ".join(mention.line[: mention.start])):
        return True
    if words.DIRECTIONS.intersection(mention.before(2)):
        return False  # "not until 1980"
    tokens = [token for clause in own for token in clause.tokens]
    for at, token in enumerate(tokens):
        if token in words.NEGATORS and not _limits(tokens[at + 1 : at + _SCOPE]):
            return True
    return has_runs(target.text) and _NOT_IN_JAPANESE.search(own[-1].text) is not None


def _limits(tokens: Sequence[str]) -> bool:
    """Whether what follows a negator makes a limit of it, or more: "not exceed", "no more than", "not only"."""
    compared = any(one in words.COMPARED and other in words.THAN for one, other in pairwise(tokens))
    return compared or bool(words.LIMITED.intersection(tokens) or words.NOT_ONLY.intersection(tokens[:1]))


def outdated(mention: Mention, own: Sequence[Clause], following: Sequence[Clause], target: Expected) -> bool:
    """Whether it was so once, or is only believed: "used to be 30 days", "many say Canberra, but …"."""
    if words.DIRECTIONS.intersection(mention.before(1)):
        return False
    asks_for_the_past = words.OUTDATED.search(" ".join(target.question)) is not None
    if not asks_for_the_past and any(words.OUTDATED.search(clause.joined) for clause in own):
        return True
    turned = any(words.TURNS.intersection(clause.tokens[:3]) for clause in following)
    return turned and any(words.BELIEVED.search(clause.joined) for clause in own)


def offered(mention: Mention, clauses: Sequence[Clause], target: Expected) -> bool:
    """Whether it is one of several: "14 or 30 days", "Aspirin, ibuprofen and paracetamol"."""
    if words.OR.intersection(target.whole):
        return False
    if target.other_option.intersection(map(stem, mention.line[: mention.start])):
        return True
    after = mention.after(4)
    for n, token in enumerate(after[:3]):
        accepted = target.accepted | (frozenset() if target.other_option else target.asked)
        names_another = any(stem(one) not in accepted for one in after[n + 1 : n + 3])
        if token in words.OR and names_another and not words.AFTER_OR.intersection(after[n + 1 : n + 3]):
            return True
    if words.OR.intersection(mention.before(2)) or words.EITHER.intersection(mention.before(4)):
        return True
    return "".join(mention.before(2)).endswith(words.FROM_IN_RUNS) or _listed(mention, clauses, target)


def _listed(mention: Mention, clauses: Sequence[Clause], target: Expected) -> bool:
    """Whether a sentence is a list of short items, and has as many other ones as those that are accepted."""
    sentence = clauses[mention.first].sentence
    items = [clause for clause in clauses if clause.sentence == sentence and not clause.aside]
    if len(items) < 2 or items[-1].tokens[0] not in words.AND | words.OR or any(len(i.tokens) > _ITEM_TOKENS for i in items):
        return False
    bare = all(token not in words.FILLER - words.AND - words.OR for item in items for token in item.tokens)
    if not bare or not clauses[mention.first].content <= target.accepted:
        return False
    own = sum(bool(item.content & target.accepted) for item in items)
    others = sum(
        bool(item.content) and not item.content & target.accepted and not item.content <= target.asked for item in items
    )
    return others >= own > 0


def is_otherwise_limited(mention: Mention, target: Expected) -> bool:
    """Whether a number is said as a limit, or as an end of a time, that no accepted answer has."""
    if not NUMBER.match(target.core[0]) and not limit(target.whole, first_number(target.whole)).way:
        return False
    at = mention.start + (first_number(mention.line[mention.start : mention.end]) or 0)
    near = mention.line[max(0, at - BEFORE) : at]
    last = next((token for token in reversed(near) if token not in words.ARTICLES), "")  # "vor dem 1. Mai"
    turned = last in words.DIRECTIONS and not words.NEGATORS.intersection(mention.line[:at])
    if turned and not words.DIRECTIONS.intersection((*target.whole, *target.question)):
        return True
    bound = limit(mention.line, at)
    if near[-1:] and near[-1] in target.question and DATE.fullmatch(mention.line[at]):
        return False  # "ab wann?", "ab 12. März 2025"
    if bound.way and words.NEGATORS.intersection(mention.line[max(0, at - _SCOPE) : at]):
        bound = Limit({"over": "under", "under": "over"}[bound.way])
    asked = target.question
    if (bound.way == "under" and words.LEAST_ASKED.intersection(asked)) or (
        bound.way == "over" and words.MOST_ASKED.intersection(asked)
    ):
        return True
    free = target.limits == {""} and (not bound.strict or words.LIMITS_ASKED.intersection(target.question))
    return bound.way not in target.limits and not free


def is_anothers(mention: Mention, target: Expected) -> bool:
    """Whether it only says whose somebody is ("the daughter of Marie Curie"), or counts something else ("four days")."""
    after = mention.after(1)
    if not words.RELATED.intersection((*target.whole, *target.question)):
        owns = mention.line[mention.end - 1].endswith("s") and not target.core[-1].endswith("s")
        if words.RELATED.intersection(mention.before(2)[:-1]) or (owns and words.RELATED.intersection(after)):
            return True
    if not (after and NUMBER.match(target.core[-1]) and words.COUNTED.intersection(target.question)):
        return False
    return after[0] in words.MEASURES and not content(after) <= target.asked | target.accepted
