"""Whether another clause of an answer answers the question more closely than the one that has an accepted answer."""

from __future__ import annotations

from collections.abc import Sequence

from rung.text.stating import words
from rung.text.stating.clauses import Clause, stem
from rung.text.stating.expected import Expected
from rung.text.stating.mentions import Mention
from rung.text.stating.quantities import NUMBER, kind

_MOST = 0.6  # of the question's words: a clause that has them and something new answers it
_REPLY = 3  # tokens of a reply before a semicolon: "In Dublin; only the backups are in Frankfurt"
_HEAD = 6  # tokens of what a relative clause may be about: "Georgia, which borders Florida"


class Rivals:
    """The clauses of an answer that say something new, with how close each is to the question."""

    def __init__(self, clauses: Sequence[Clause], target: Expected) -> None:
        self._clauses, self._target = clauses, target
        self._closeness = [clause.shares(target.asked) for clause in clauses]
        self._new = [clause.beyond(target.asked, target.accepted) for clause in clauses]

    def outdo(self, mention: Mention) -> bool:
        """Whether one of them answers in place of the clause at a place."""
        if self._clauses[mention.first].aside:
            return False
        counted = kind(mention.line, mention.start) if kind(self._target.core, 0) is not None else None
        return any(
            self._outdoes(n, mention, counted)
            for n, clause in enumerate(self._clauses)
            if not mention.first <= n <= mention.last and self._new[n] and not clause.aside and not clause.denies
        )

    def _outdoes(self, n: int, mention: Mention, counted: str | None) -> bool:
        theirs, mine = self._closeness[n], max(self._closeness[mention.first : mention.last + 1])
        if self._has_rival(n, counted) and (theirs > mine or (theirs == mine and self._is_first(n, mention))):
            return True
        here, other = self._clauses[mention.first], self._clauses[n]
        if other.sentence != here.sentence or n > mention.first:
            return False
        if here.apart and n == 0 and len(other.tokens) <= _REPLY and self._beside(n) > 0:
            return True
        if counted is not None:
            return False
        if here.tokens[0] in words.RELATIVE and n == mention.first - 1 and len(other.tokens) <= _HEAD:
            return True
        closer = theirs >= max(1, 2 * mine, _MOST * len(self._target.asked))
        return closer and self._beside(n) > 0 and (mention.start - mention.opening <= 1 or here.tokens[0] in words.CONTRAST)

    def _has_rival(self, n: int, counted: str | None) -> bool:
        """Whether a clause has another number of the accepted one's kind."""
        expected = {*self._target.whole, *self._target.question}
        tokens = self._clauses[n].tokens
        return counted is not None and any(
            token not in expected and stem(token) not in self._target.accepted and kind(tokens, at) == counted
            for at, token in enumerate(tokens)
        )

    def _is_first(self, n: int, mention: Mention) -> bool:
        """Of two clauses that are as close to the question: whether the other one says less beside it, or comes first."""
        theirs, mine = self._beside(n), self._beside(mention.first)
        return theirs < mine or (theirs == mine and n < mention.first)

    def _beside(self, n: int) -> int:
        return sum(not NUMBER.match(word) and word not in words.MEASURES for word in self._new[n])
