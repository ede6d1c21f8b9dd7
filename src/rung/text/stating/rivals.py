"""Whether another clause of an answer answers the question more closely than the one that has an accepted answer."""

from __future__ import annotations

from collections.abc import Sequence

from rung.text.stating import words
from rung.text.stating.clauses import Clause, stem
from rung.text.stating.expected import Expected
from rung.text.stating.placing import Place
from rung.text.stating.quantities import NUMBER, kind

_MOST = 0.6  # of the question's words: a clause that has them and something new answers it
_REPLY = 3  # tokens of a reply before a semicolon: "In Dublin; only the backups are in Frankfurt"
_HEAD = 6  # tokens of what a relative clause may be about: "Georgia, which borders Florida"


class Rivals:
    """The clauses of an answer that say something new, with how close each is to the question."""

    def __init__(self, clauses: Sequence[Clause], wanted: Expected) -> None:
        self._clauses, self._wanted = clauses, wanted
        self._closeness = [clause.shares(wanted.asked) for clause in clauses]
        self._new = [clause.beyond(wanted.asked, wanted.accepted) for clause in clauses]

    def outdo(self, place: Place) -> bool:
        """Whether one of them answers in place of the clause at a place."""
        if self._clauses[place.first].aside:
            return False
        counted = kind(place.line, place.start) if kind(self._wanted.core, 0) is not None else None
        return any(
            self._outdoes(n, place, counted)
            for n, clause in enumerate(self._clauses)
            if not place.first <= n <= place.last and self._new[n] and not clause.aside and not clause.denies
        )

    def _outdoes(self, n: int, place: Place, counted: str | None) -> bool:
        theirs, mine = self._closeness[n], max(self._closeness[place.first : place.last + 1])
        if self._has_rival(n, counted) and (theirs > mine or (theirs == mine and self._is_first(n, place))):
            return True
        here, other = self._clauses[place.first], self._clauses[n]
        if other.sentence != here.sentence or n > place.first:
            return False
        if here.apart and n == 0 and len(other.tokens) <= _REPLY and self._beside(n) > 0:
            return True
        if counted is not None:
            return False
        if here.tokens[0] in words.RELATIVE and n == place.first - 1 and len(other.tokens) <= _HEAD:
            return True
        closer = theirs >= max(1, 2 * mine, _MOST * len(self._wanted.asked))
        return closer and self._beside(n) > 0 and (place.start - place.opening <= 1 or here.tokens[0] in words.CONTRAST)

    def _has_rival(self, n: int, counted: str | None) -> bool:
        """Whether a clause has another number of the accepted one's kind."""
        known = {*self._wanted.whole, *self._wanted.question}
        tokens = self._clauses[n].tokens
        return counted is not None and any(
            token not in known and stem(token) not in self._wanted.accepted and kind(tokens, at) == counted
            for at, token in enumerate(tokens)
        )

    def _is_first(self, n: int, place: Place) -> bool:
        """Of two clauses that are as close to the question: whether the other one says less beside it, or comes first."""
        theirs, mine = self._beside(n), self._beside(place.first)
        return theirs < mine or (theirs == mine and n < place.first)

    def _beside(self, n: int) -> int:
        return sum(not NUMBER.match(word) and word not in words.MEASURES for word in self._new[n])
