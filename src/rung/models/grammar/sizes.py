"""How long the answers of a schema usually are: by its grammar, before anything is said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from rung.models.grammar.closing import ROOT, Lengths, is_character
from rung.models.grammar.nodes import Alt, Chars, Lit, Node, Raw, Ref, Rep, Seq

STRING = 64  # characters of a string that may be of any length: a name, a short sentence
ITEMS = 3  # of a list that may be of any length
DIGITS = 6  # of a number
_MAX = 4000  # characters: more is no usual answer


@dataclass
class _Usual:
    rules: Mapping[str, Node]
    shortest: Lengths = field(init=False)
    _known: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shortest = Lengths(self.rules)

    def of(self, node: Node) -> float:
        match node:
            case Lit(text):
                return len(text)
            case Raw(_, meaning):
                return self.of(meaning)
            case Chars():
                return 1
            case Ref(name):
                if name not in self._known:
                    self._known[name] = self.shortest.of(node)  # one inside itself is said no further
                    self._known[name] = min(_MAX, self.of(self.rules[name]))
                return self._known[name]
            case Seq(parts):
                return sum(map(self.of, parts))
            case Alt(parts):
                return max(map(self.of, parts), default=math.inf)
            case Rep(item, least, most):
                if item == Chars(((0x30, 0x39),)):
                    return max(least, min(DIGITS, math.inf if most is None else most))
                usual = STRING if is_character(item) else ITEMS - 1
                return self.of(item) * max(least, usual if most is None else min(usual, most))


def shortest_characters(rules: Mapping[str, Node]) -> int:
    """Characters of the shortest answer."""
    return int(min(_MAX, Lengths(rules).of(Ref(ROOT))))


def usual_characters(rules: Mapping[str, Node]) -> int:
    """Characters of an answer with every key, lists of `ITEMS` items, and strings of `STRING` characters where nothing says
    how long they are.

    >>> usual_characters({"root": Alt((Lit("null"), Seq((Lit('"'), Rep(Chars(((97, 122),)), 0, 10), Lit('"')))))})
    12
    """
    return int(min(_MAX, _Usual(rules).of(Ref(ROOT))))
