"""How long the answers of a schema usually are: by its grammar, before anything is said."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rung.models.grammar.closing import ROOT, Lengths, is_character
from rung.models.grammar.nodes import Chars, Node, Ref, Rep, characters, refers

STRING = 64  # characters of a string that may be of any length: a name, a short sentence
ITEMS = 3  # of a list that may be of any length
DIGITS = 6  # of a number
_MAX = 4000  # characters: more is no usual answer


@dataclass
class _Usual:
    rules: Mapping[str, Node]
    shortest: Lengths = field(init=False)
    _computed: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shortest = Lengths(self.rules)
        for name in _innermost_first(self.rules):
            self._computed[name] = min(_MAX, self.of(self.rules[name]))

    def of(self, node: Node) -> float:
        return characters(node, rule=self._of_rule, choice=_most, repetition=_usually)

    def _of_rule(self, name: str) -> float:
        if name not in self._computed:
            return self.shortest.of(Ref(name))  # one inside itself is said no further
        return self._computed[name]


def _innermost_first(rules: Mapping[str, Node]) -> Iterator[str]:
    """Every rule behind those that it refers to; of those that contain each other, whichever is met first comes last.

    No recursion: the properties of an object are a chain of rules as long as the object.
    """
    met = {ROOT}
    waiting = [(ROOT, iter(refers(rules[ROOT])))]
    while waiting:
        name, inner = waiting[-1]
        following = next((other for other in inner if other not in met and other in rules), None)
        if following is None:
            waiting.pop()
            yield name
        else:
            met.add(following)
            waiting.append((following, iter(refers(rules[following]))))


def _most(lengths: Iterable[float]) -> float:
    return max(lengths, default=math.inf)


def _usually(repetition: Rep, of_item: Callable[[], float]) -> float:
    most = math.inf if repetition.most is None else repetition.most
    if repetition.item == Chars(((0x30, 0x39),)):
        return max(repetition.least, min(DIGITS, most))
    usual = STRING if is_character(repetition.item) else ITEMS - 1
    return of_item() * max(repetition.least, min(usual, most))


def shortest_characters(rules: Mapping[str, Node]) -> int:
    """Characters of the shortest answer."""
    return int(min(_MAX, Lengths(rules).of(Ref(ROOT))))


def usual_characters(rules: Mapping[str, Node]) -> int:
    """Characters of an answer with every key, lists of `ITEMS` items, and strings of `STRING` characters where nothing says
    how long they are.

    >>> from rung.models.grammar.nodes import Alt, Lit, Seq
    >>> usual_characters({"root": Alt((Lit("null"), Seq((Lit('"'), Rep(Chars(((97, 122),)), 0, 10), Lit('"')))))})
    12
    """
    return int(min(_MAX, _Usual(rules).of(Ref(ROOT))))
