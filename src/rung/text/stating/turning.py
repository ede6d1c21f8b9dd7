"""What turns an accepted answer that stands in a sentence into something else: a denial, the past, other offers, a limit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from rung.text.matching import has_runs
from rung.text.stating import words
from rung.text.stating.clauses import Clause, content, stem
from rung.text.stating.expected import Expected
from rung.text.stating.placing import Place
from rung.text.stating.quantities import BEFORE, NUMBER, Limit, first_number, limit

_SET_ASIDE_BEFORE = re.compile(words.SET_ASIDE.pattern + r"(?: \S+){0,2}$")
_NOT_IN_JAPANESE = re.compile(r"ない|ません|ぬ$")
_SCOPE = 7  # tokens behind a negator, of which one may make a limit of it
_ITEM_TOKENS = 4  # of an item in a list


def denied(place: Place, own: Sequence[Clause], wanted: Expected) -> bool:
    """Whether its clauses deny it, or set it aside: "not 30 days", "rather than 30 days"; not "not more than 30 days"."""
    if words.NEGATORS.intersection((*wanted.whole, *wanted.question)):
        return False
    if _SET_ASIDE_BEFORE.search(" ".join(place.line[: place.start])):
        return True
    if words.DIRECTIONS.intersection(place.before(2)):
        return False  # "not until 1980"
    tokens = [token for clause in own for token in clause.tokens]
    for at, token in enumerate(tokens):
        if token in words.NEGATORS and not _limits(tokens[at + 1 : at + _SCOPE]):
            return True
    return has_runs(wanted.text) and _NOT_IN_JAPANESE.search(own[-1].text) is not None


def _limits(tokens: Sequence[str]) -> bool:
    """Whether what follows a negator makes a limit of it, or more: "not exceed", "no more than", "not only"."""
    compared = any(one in words.COMPARED and other in words.THAN for one, other in pairwise(tokens))
    return compared or bool(words.LIMITED.intersection(tokens) or words.NOT_ONLY.intersection(tokens[:1]))


def outdated(place: Place, own: Sequence[Clause], following: Sequence[Clause], wanted: Expected) -> bool:
    """Whether it was so once, or is only believed: "used to be 30 days", "many say Canberra, but …"."""
    if words.DIRECTIONS.intersection(place.before(1)):
        return False
    asks_for_the_past = words.OUTDATED.search(" ".join(wanted.question)) is not None
    if not asks_for_the_past and any(words.OUTDATED.search(clause.joined) for clause in own):
        return True
    turned = any(words.TURNS.intersection(clause.tokens[:3]) for clause in following)
    return turned and any(words.BELIEVED.search(clause.joined) for clause in own)


def offered(place: Place, clauses: Sequence[Clause], wanted: Expected) -> bool:
    """Whether it is one of several: "14 or 30 days", "Aspirin, ibuprofen and paracetamol"."""
    if words.OR.intersection(wanted.whole):
        return False
    if wanted.other_option.intersection(map(stem, place.line[: place.start])):
        return True
    after = place.after(4)
    for n, token in enumerate(after[:3]):
        known = wanted.accepted | (frozenset() if wanted.other_option else wanted.asked)
        names_another = any(stem(one) not in known for one in after[n + 1 : n + 3])
        if token in words.OR and names_another and not words.AFTER_OR.intersection(after[n + 1 : n + 3]):
            return True
    if words.OR.intersection(place.before(2)) or words.EITHER.intersection(place.before(4)):
        return True
    return "".join(place.before(2)).endswith(words.FROM_IN_RUNS) or _listed(place, clauses, wanted)


def _listed(place: Place, clauses: Sequence[Clause], wanted: Expected) -> bool:
    """Whether a sentence is a list of short items, and has as many other ones as those that are accepted."""
    sentence = clauses[place.first].sentence
    items = [clause for clause in clauses if clause.sentence == sentence and not clause.aside]
    if len(items) < 2 or items[-1].tokens[0] not in words.AND | words.OR or any(len(i.tokens) > _ITEM_TOKENS for i in items):
        return False
    bare = all(token not in words.FILLER - words.AND - words.OR for item in items for token in item.tokens)
    if not bare or not clauses[place.first].content <= wanted.accepted:
        return False
    own = sum(bool(item.content & wanted.accepted) for item in items)
    others = sum(
        bool(item.content) and not item.content & wanted.accepted and not item.content <= wanted.asked for item in items
    )
    return others >= own > 0


def is_otherwise_limited(place: Place, wanted: Expected) -> bool:
    """Whether a number is said as a limit, or as an end of a time, that no accepted answer has."""
    if not NUMBER.match(wanted.core[0]) and not limit(wanted.whole, first_number(wanted.whole)).way:
        return False
    at = place.start + (first_number(place.line[place.start : place.end]) or 0)
    near = place.line[max(0, at - BEFORE) : at]
    turned = words.DIRECTIONS.intersection(near[-1:]) and not words.NEGATORS.intersection(place.line[:at])
    if turned and not words.DIRECTIONS.intersection((*wanted.whole, *wanted.question)):
        return True
    said = limit(place.line, at)
    if said.way and words.NEGATORS.intersection(place.line[max(0, at - _SCOPE) : at]):
        said = Limit({"over": "under", "under": "over"}[said.way])
    asked = wanted.question
    if (said.way == "under" and words.LEAST_ASKED.intersection(asked)) or (
        said.way == "over" and words.MOST_ASKED.intersection(asked)
    ):
        return True
    free = wanted.limits == {""} and (not said.strict or words.LIMITS_ASKED.intersection(wanted.question))
    return said.way not in wanted.limits and not free


def is_anothers(place: Place, wanted: Expected) -> bool:
    """Whether it only says whose somebody is ("the daughter of Marie Curie"), or counts something else ("four days")."""
    after = place.after(1)
    if not words.RELATED.intersection((*wanted.whole, *wanted.question)):
        owns = place.line[place.end - 1].endswith("s") and not wanted.core[-1].endswith("s")
        if words.RELATED.intersection(place.before(2)[:-1]) or (owns and words.RELATED.intersection(after)):
            return True
    if not (after and NUMBER.match(wanted.core[-1]) and words.COUNTED.intersection(wanted.question)):
        return False
    return after[0] in words.MEASURES and not content(after) <= wanted.asked | wanted.accepted
