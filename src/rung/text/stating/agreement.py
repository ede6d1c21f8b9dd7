"""How far an answer states one of the accepted answers, in [0, 1]: by words alone, without a model.

An answer is right where a sentence of it states an accepted answer: its words stand there together, numbers, units and dates
equal by value, not denied, not outdated, not one of several that are offered, and no other clause answers the question more
closely with something else. Words before and after it cost nothing. Part of an accepted answer, and nothing in the place of
the rest, is worth that part. Long accepted answers are compared by the words that they share. What this sees and does not
see: docs/scores.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rung.text.matching import Reading, figured_f1, has_runs, matches, reading_of
from rung.text.stating import words
from rung.text.stating.clauses import Clause, content, cut, folded_tokens, shared, stem
from rung.text.stating.naming import surname

MAX_TOKENS = 8  # of an accepted answer that is looked for in a sentence; longer ones are said in other words
_LOOSE, _GAP = 6, 2  # tokens between the words of an accepted answer of several words: of a list, of any other
_MOST = 0.6  # of the question's words: a clause that has them answers it
_APART = 0.5  # what all its words are worth where they do not stand together
_BEFORE = 3  # tokens before a number that limit it
_NUMBER = re.compile(r"-?\d")
_YEAR = re.compile(r"1\d{3}|20\d\d")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_RANGE = "–"
_ENDS_SET_ASIDE = re.compile(words.SET_ASIDE.pattern + r"(?: \S+){0,2}$")
_PARENTHESIS = re.compile(r"\s+\([^()]*\)\s*$")
_LEADING = frozenset("the a an in on at by to from with about since of um am im à en el la los las der die das le les".split())


def stated(said: str, answers: Sequence[str], question: str = "") -> float:
    """How far a text states an accepted answer, best over them. `question` tells what is asked for from what is said beside it.

    >>> stated("You can return it within 30 days.", ["30 days"]), stated("14 days, not 30 days.", ["30 days"])
    (1.0, 0.0)
    """
    if matches(said, answers):
        return 1.0
    wanted = tuple(dict.fromkeys((*answers, *(bare for answer in answers if (bare := _PARENTHESIS.sub("", answer)) != answer))))
    return max((_Answer(said, one, wanted, question).score() for one in wanted if one.strip()), default=0.0)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an accepted answer stands: tokens `start` to `end` of a sentence, within its clauses from `first` to `last`."""

    sentence: int
    start: int
    end: int
    first: int
    last: int


class _Answer:
    """One answer, held against one of the accepted ones."""

    def __init__(self, said: str, wanted: str, answers: Sequence[str], question: str) -> None:
        self.said, self.wanted = said, wanted
        self.reading: Reading = reading_of(said, wanted)
        self.tokens = folded_tokens(wanted, self.reading)
        self.asked = content(folded_tokens(question, self.reading))
        self.question = folded_tokens(question, self.reading)
        self.accepted = frozenset(stem(token) for answer in answers for token in folded_tokens(answer, self.reading))
        self.limits = {_limit(folded_tokens(answer, self.reading), 99) for answer in answers}
        self.clauses = cut(said, self.reading)
        self.core = self._core()

    def _core(self) -> tuple[str, ...]:
        start = 0
        while start < len(self.tokens) - 1 and self.tokens[start] in _LEADING:
            start += 1
        return self.tokens[start:]

    def score(self) -> float:
        if len(self.tokens) > MAX_TOKENS or not self.tokens:
            return figured_f1(self.said, [self.wanted])
        if self.core and self.core[0] in words.YES | words.NO and len(self.core) == 1:
            return float(self._polarity())
        places = list(self._places())
        if any(self._holds(place) for place in places):
            return 1.0
        if not places and has_runs(self.wanted):
            return figured_f1(self.said, [self.wanted])
        return 0.0 if places else self._part()

    # Where it stands

    def _places(self) -> Iterator[_Place]:
        for number in dict.fromkeys((clause.sentence, clause.aside) for clause in self.clauses):
            own = [n for n, clause in enumerate(self.clauses) if (clause.sentence, clause.aside) == number]
            yield from self._in_sentence(number[0], own)

    def _in_sentence(self, sentence: int, own: Sequence[int]) -> Iterator[_Place]:
        spread = [(stem(token), n) for n in own for token in self.clauses[n].tokens]
        stems = [token for token, _ in spread]
        core = [stem(token) for token in self.core]
        found = [(at, at + len(core)) for at in range(len(stems) - len(core) + 1) if stems[at : at + len(core)] == core]
        found = [(a, b) for a, b in found if _RANGE not in (*stems[max(a - 1, 0) : a], *stems[b : b + 1])]
        if not found:
            found = self._spread_out(stems)
        if not found:
            text = " ".join(self.clauses[n].text for n in own)
            found = surname(self.wanted, text, stems)
        for start, end in found:
            yield _Place(sentence, start, end, spread[start][1], spread[end - 1][1])

    def _spread_out(self, stems: Sequence[str]) -> list[tuple[int, int]]:
        """The smallest window that has all words of an accepted answer of several: those of a list in any order."""
        wanted = [stem(token) for token in self.core if content((token,))]
        items = bool(words.AND.intersection(self.core)) or "," in self.wanted
        if len(wanted) < 2 or (any(map(_NUMBER.match, wanted)) and len(wanted) < 3):
            return []
        room = len(wanted) + (_LOOSE if items else _GAP)
        found = []
        for start, token in enumerate(stems):
            window = stems[start : start + room]
            if token not in wanted or not {*wanted} <= {*window}:
                continue
            if items or len(wanted) == 2 or _in_order(wanted, window):
                found.append((start, start + max(window.index(one) for one in wanted) + 1))
        return sorted(found, key=lambda span: span[1] - span[0])[:1]

    # Whether what stands there is said

    def _holds(self, place: _Place) -> bool:
        own = [clause for n, clause in enumerate(self.clauses) if place.first <= n <= place.last]
        return not (
            self._denied(place, own)
            or self._outdated(place, own)
            or self._offered(place)
            or self._limited(place)
            or self._of_another(place)
            or self._outdone(place)
        )

    def _line(self, place: _Place) -> list[str]:
        """The tokens of its sentence."""
        aside = self.clauses[place.first].aside
        return [t for c in self.clauses if (c.sentence, c.aside) == (place.sentence, aside) for t in c.tokens]

    def _denied(self, place: _Place, own: Sequence[Clause]) -> bool:
        if words.NEGATORS.intersection((*self.tokens, *self.question)):
            return False
        tokens = [token for clause in own for token in clause.tokens]
        if _ENDS_SET_ASIDE.search(" ".join(self._line(place)[: place.start])):
            return True
        if words.DIRECTIONS.intersection(self._line(place)[max(0, place.start - 2) : place.start]):
            return False  # "not until 1980"
        for at, token in enumerate(tokens):
            if token in words.NEGATORS and not (
                words.LIMITED.intersection(tokens[at : at + 7]) or words.NOT_ONLY.intersection(tokens[at + 1 : at + 2])
            ):
                return True
        return has_runs(self.wanted) and re.search(r"ない|ません|ぬ$", own[-1].text) is not None

    def _outdated(self, place: _Place, own: Sequence[Clause]) -> bool:
        for clause in own:
            if words.DIRECTIONS.intersection(self._line(place)[max(0, place.start - 1) : place.start]):
                continue
            if words.OUTDATED.search(clause.words) and not words.OUTDATED.search(" ".join(self.question)):
                return True
            if words.BELIEVED.search(clause.words):
                after = self.clauses[place.last + 1 : place.last + 2]
                if any(words.TURNS.intersection(other.tokens[:3]) for other in after):
                    return True
        return False

    def _offered(self, place: _Place) -> bool:
        """Whether it is one of several: "14 or 30 days", "Aspirin, ibuprofen and paracetamol"."""
        line = self._line(place)
        before, after = line[max(0, place.start - 2) : place.start], line[place.end : place.end + 4]
        if words.OR.intersection(self.tokens):
            return False
        for n, token in enumerate(after[:3]):
            if token in words.OR and not words.AFTER_OR.intersection(after[n + 1 : n + 3]) and self._is_other(after[n + 1 :]):
                return True
        if "".join(before).endswith(words.FROM_IN_RUNS) or words.OR.intersection(before) or words.EITHER.intersection(line[max(0, place.start - 4) : place.start]):
            return True
        return self._listed(place)

    def _is_other(self, tokens: Sequence[str]) -> bool:
        return any(stem(token) not in self.accepted and stem(token) not in self.asked for token in tokens[:2])

    def _listed(self, place: _Place) -> bool:
        """Whether a sentence is a list of short items, and has as many other ones as those that are accepted."""
        items = [clause for clause in self.clauses if clause.sentence == place.sentence and not clause.aside]
        if len(items) < 2 or any(len(item.tokens) > 4 for item in items):
            return False
        if not content(self.clauses[place.first].tokens) <= self.accepted | self.asked:
            return False
        if items[-1].tokens[0] not in words.AND | words.OR:
            return False
        left = [content(item.tokens) for item in items]
        own = sum(bool(item & self.accepted) for item in left)
        others = sum(bool(item) and not item & self.accepted and not item <= self.asked for item in left)
        return others >= own > 0

    def _limited(self, place: _Place) -> bool:
        """Whether a number is said as a limit, or as the end of a time, that the accepted answer does not have."""
        if not _NUMBER.match(self.core[0]) and not _limit(self.tokens, 99):
            return False
        line = self._line(place)
        at = next((n for n in range(place.start, min(place.end, len(line))) if _NUMBER.match(line[n])), place.start)
        near = line[max(0, at - _BEFORE) : at]
        turned = words.DIRECTIONS.intersection(near[-1:]) and not words.NEGATORS.intersection(line[:at])
        if turned and not words.DIRECTIONS.intersection((*self.tokens, *self.question)):
            return True
        limit = _limit(line, at)
        return limit not in self.limits and not (self.limits == {""} and words.LIMITS_ASKED.intersection(self.question))

    def _of_another(self, place: _Place) -> bool:
        """Whether it is somebody's: "the daughter of Marie Curie"; or of another measure: "four days" for "four"."""
        line = self._line(place)
        before, after = line[max(0, place.start - 2) : place.start], line[place.end : place.end + 1]
        if not words.RELATED.intersection((*self.tokens, *self.question)):
            owned = line[place.end - 1].endswith("s") and not self.core[-1].endswith("s")
            if words.RELATED.intersection(before[:-1]) or (owned and words.RELATED.intersection(after)):
                return True
        if after and _NUMBER.match(self.core[-1]) and words.COUNTED.intersection(self.question):
            return after[0] in words.MEASURES and stem(after[0]) not in self.asked | self.accepted
        return False

    # Whether another clause answers instead

    def _outdone(self, place: _Place) -> bool:
        if self.clauses[place.first].aside:
            return False
        own = [n for n in range(place.first, place.last + 1)]
        mine = max(self._closeness(n) for n in own)
        lesser = self._is_lesser(place)
        for n, clause in enumerate(self.clauses):
            if n in own or clause.aside or self._denies(clause):
                continue
            new = content(clause.tokens) - self.asked - self.accepted
            if not new:
                continue
            theirs = self._closeness(n)
            if self._rivals(clause) and (theirs > mine or (theirs == mine and self._is_first(n, place))):
                return True
            if _NUMBER.match(self.core[0]) or clause.sentence != place.sentence or n > place.first:
                continue
            whole = theirs >= _MOST * len(self.asked) and 2 * mine <= theirs and self._opens(place) and self._beside(clause)
            if (theirs and whole) or (lesser and n == place.first - 1 and len(clause.tokens) <= 6):
                return True
        return False

    def _opens(self, place: _Place) -> bool:
        """Whether its clause is a statement about it, or set against the one before: "and the customer gets a label"."""
        before = sum(len(c.tokens) for c in self.clauses[: place.first] if c.sentence == place.sentence and not c.aside)
        return place.start - before <= 1 or self.clauses[place.first].tokens[0] in words.CONTRAST

    def _is_first(self, n: int, place: _Place) -> bool:
        """Whether of two clauses that are as close to the question the other one comes first: the one with less beside it."""
        theirs, mine = (self._beside(self.clauses[at]) for at in (n, place.first))
        return theirs < mine or (theirs == mine and n < place.first)

    def _beside(self, clause: Clause) -> int:
        new = content(clause.tokens) - self.asked - self.accepted
        return sum(not _NUMBER.match(word) and word not in words.MEASURES for word in new)

    def _denies(self, clause: Clause) -> bool:
        return bool(words.NEGATORS.intersection(clause.tokens))

    def _closeness(self, n: int) -> int:
        return shared(content(self.clauses[n].tokens), self.asked)

    def _is_lesser(self, place: _Place) -> bool:
        """Whether it stands in a relative clause: "Georgia, which borders Florida"."""
        return self.clauses[place.first].tokens[0] in words.RELATIVE

    def _rivals(self, clause: Clause) -> bool:
        """Whether a clause has another number of the accepted one's kind."""
        kind = _kind(self.core, 0)
        if kind is None:
            return False
        known = {*self.tokens, *self.question}
        return any(
            token not in known and stem(token) not in self.accepted and _kind(clause.tokens, n) == kind
            for n, token in enumerate(clause.tokens)
        )

    # What is left

    def _polarity(self) -> bool:
        """Whether a text says yes, or no, as the accepted answer does."""
        wants = self.core[0] in words.YES
        tokens = [token for clause in self.clauses for token in clause.tokens]
        opening = [token for token in tokens[:3] if token in words.YES | words.NO]
        first = self.clauses[0] if self.clauses else None
        if first is None or len({token in words.YES for token in opening}) > 1:
            return False
        if opening and tokens[0] in words.YES | words.NO:
            return (opening[0] in words.YES) == wants
        says_no = self._denies(first)
        return says_no != wants and shared(content(first.tokens), self.asked) > 0

    def _part(self) -> float:
        """The share of an accepted answer that a text has, where it has nothing in the place of the rest; else 0."""
        wanted = content(self.core)
        if len(wanted) < 2 or any(self._denies(clause) for clause in self.clauses):
            return 0.0
        best = 0.0
        for clause in self.clauses:
            has = content(clause.tokens)
            extra = {word for word in has - wanted - self.accepted if not shared(frozenset({word}), self.asked)}
            if not extra and has & wanted - self.asked:
                best = max(best, len(has & wanted) / len(wanted))
        return best if best < 1 else _APART


def _in_order(wanted: Sequence[str], window: Sequence[str]) -> bool:
    left = iter(window)
    return all(one in left for one in wanted)


def _limit(tokens: Sequence[str], at: int) -> str:
    """How the number at a place, or the first one, is limited: "over", "under", or "" where it is not."""
    at = min(at, next((n for n, token in enumerate(tokens) if _NUMBER.match(token)), len(tokens)) if at == 99 else at)
    near = tokens[max(0, at - _BEFORE) : at]
    text = " ".join(near)
    if re.search(r"(?:at least|no (?:fewer|less) than|mindestens|au moins|al menos|por lo menos)$", text):
        return "over"
    if re.search(r"(?:at most|no more than|not more than|up to|hochstens|bis zu|au plus|jusqua|como maximo|hasta)$", text):
        return "under"
    if near[-1:] == ["than"] or near[-1:] == ["als"] or near[-1:] == ["de"] or near[-1:] == ["que"]:
        last = near[-2:-1]
        return "over" if words.THAN_OVER.intersection(last) else "under" if words.THAN_UNDER.intersection(last) else ""
    return "over" if words.OVER.intersection(near[-1:]) else "under" if words.UNDER.intersection(near[-1:]) else ""


def _kind(tokens: Sequence[str], at: int) -> str | None:
    """What a number is a number of: its unit, "date", "year"; "" where nothing says it, None where there is no number."""
    token = tokens[at]
    if not _NUMBER.match(token):
        return None
    if _DATE.fullmatch(token):
        return "date"
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    if _YEAR.fullmatch(token) and following not in words.MEASURES:
        return "year"
    return stem(following) if following in words.MEASURES else ""
