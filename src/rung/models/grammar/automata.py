"""Texts that must meet several rules at once (patterns, lengths, values that they may not be), as one automaton.

States are numbered from 0, where it begins. An automaton may have several ways on for one character.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.models.grammar.nodes import Alt, Chars, Node, Rep, Seq
from rung.models.grammar.ranges import ANY, Ranges, common, of, union, without

MAX_STATES = 300  # a state costs the engine some ms
_MAX_POSITIONS = 1500


class TooLarge(Exception):
    """The automaton would have more states than the engine can take in."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """`edges[state]`: characters, and the state that they lead to."""

    edges: tuple[tuple[tuple[Ranges, int], ...], ...]
    accepting: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an expression by its positions (Glushkov 1961)."""

    empty: bool
    first: frozenset[int]
    last: frozenset[int]


class _Positions:
    def __init__(self) -> None:
        self.characters: list[Ranges] = []
        self.follow: list[set[int]] = []

    def of(self, node: Node) -> _Part:
        match node:
            case Chars(ranges):
                if len(self.characters) >= _MAX_POSITIONS:
                    raise TooLarge
                self.characters.append(ranges)
                self.follow.append(set())
                only = frozenset({len(self.characters) - 1})
                return _Part(False, only, only)
            case Seq(parts):
                return self.sequence([self.of(part) for part in parts])
            case Alt(parts):
                inner = [self.of(part) for part in parts]
                firsts, lasts = (frozenset().union(*(getattr(p, side) for p in inner)) for side in ("first", "last"))
                return _Part(any(p.empty for p in inner), firsts, lasts)
            case Rep(item, least, most):
                return self.repetition(item, least, most)
            case _:
                raise TypeError(node)

    def sequence(self, parts: Sequence[_Part]) -> _Part:
        whole = _Part(True, frozenset(), frozenset())
        for part in parts:
            for position in whole.last:
                self.follow[position] |= part.first
            first = whole.first | part.first if whole.empty else whole.first
            last = whole.last | part.last if part.empty else part.last
            whole = _Part(whole.empty and part.empty, first, last)
        return whole

    def repetition(self, item: Node, least: int, most: int | None) -> _Part:
        needed = [self.of(item) for _ in range(least)]
        if most is None:
            again = self.of(item)
            for position in again.last:
                self.follow[position] |= again.first
            return self.sequence([*needed, _Part(True, again.first, again.last)])
        further = [self.of(item) for _ in range(most - least)]
        return self.sequence([*needed, *(_Part(True, part.first, part.last) for part in further)])


def automaton(node: Node) -> Automaton:
    """The automaton of a node that is of characters alone.

    Raises:
        TooLarge: it repeats too much.
    """
    positions = _Positions()
    whole = positions.of(node)
    starts = [whole.first, *positions.follow]
    edges = tuple(tuple((positions.characters[at], at + 1) for at in sorted(ways)) for ways in starts)
    return Automaton(edges, frozenset(at + 1 for at in whole.last) | (frozenset({0}) if whole.empty else frozenset()))


def avoiding(texts: Sequence[str]) -> Automaton:
    """All texts but these."""
    prefixes = sorted({text[:end] for text in texts for end in range(len(text) + 1)})
    number = {prefix: state + 1 for state, prefix in enumerate(p for p in prefixes if p)} | {"": 0}
    free = len(number)
    ways: list[dict[str, int]] = [{} for _ in range(free + 1)]
    for prefix, state in number.items():
        if prefix:
            ways[number[prefix[:-1]]][prefix[-1]] = state
    edges = [(*((of(c), state) for c, state in on.items()), (without(ANY, of("".join(on))), free)) for on in ways]
    return Automaton(tuple(edges), frozenset(range(free + 1)) - {number[text] for text in texts})


def complement(one: Automaton) -> Automaton:
    """All texts that an automaton does not accept: by the sets of states that it may be in.

    Raises:
        TooLarge: there are too many such sets.
    """
    number = {frozenset({0}): 0}
    todo = list(number)
    edges: list[tuple[tuple[Ranges, int], ...]] = []
    for states in todo:
        ways: list[tuple[Ranges, frozenset[int]]] = [(ANY, frozenset())]
        for characters, following in (edge for state in states for edge in one.edges[state]):
            ways = [
                (part, reached | more)
                for ranges, reached in ways
                for part, more in ((common(ranges, characters), {following}), (without(ranges, characters), set()))
                if part
            ]
        merged: dict[frozenset[int], Ranges] = {}
        for ranges, reached in ways:
            merged[reached] = union(merged.get(reached, ()), ranges)
        for reached in merged.keys() - number.keys():
            number[reached] = len(number)
            todo.append(reached)
        if len(number) > 20 * MAX_STATES:
            raise TooLarge
        edges.append(tuple((ranges, number[reached]) for reached, ranges in merged.items()))
    return Automaton(tuple(edges), frozenset(n for states, n in number.items() if not states & one.accepting))


def intersection(automata: Sequence[Automaton], least: int = 0, most: int | None = None) -> Automaton:
    """What all of these accept, of `least` to `most` characters; without states that lead nowhere.

    Raises:
        TooLarge: it has more than `MAX_STATES` states.
    """
    counted = least if most is None else most
    start = (0, *(0 for _ in automata))
    number = {start: 0}
    edges: list[list[tuple[Ranges, int]]] = []
    todo, at = [start], 0
    while at < len(todo):
        length, *states = todo[at]
        at += 1
        ways: dict[tuple[int, ...], Ranges] = {}
        if most is None or length < most:
            for characters, following in _together([one.edges[state] for one, state in zip(automata, states, strict=True)]):
                key = (min(length + 1, counted), *following)
                ways[key] = union(ways.get(key, ()), characters)
        for key in ways:
            if key not in number:
                number[key] = len(number)
                todo.append(key)
        if len(number) > 20 * MAX_STATES:
            raise TooLarge
        edges.append([(characters, number[key]) for key, characters in ways.items()])
    accepting = {
        number[key]
        for key in number
        if key[0] >= least and all(s in one.accepting for one, s in zip(automata, key[1:], strict=True))
    }
    trimmed = _trimmed(edges, accepting)
    if len(trimmed.edges) > MAX_STATES:
        raise TooLarge
    return trimmed


def is_empty(one: Automaton) -> bool:
    """Whether it accepts nothing."""
    return not one.accepting


def _together(sides: Sequence[Sequence[tuple[Ranges, int]]]) -> list[tuple[Ranges, tuple[int, ...]]]:
    joint: list[tuple[Ranges, tuple[int, ...]]] = [(ANY, ())]
    for side in sides:
        joint = [
            (shared, (*states, state))
            for characters, states in joint
            for more, state in side
            if (shared := common(characters, more))
        ]
    return joint


def _trimmed(edges: list[list[tuple[Ranges, int]]], accepting: set[int]) -> Automaton:
    """Only the states from which an end can be reached (all of them can be reached); the first one always."""
    before: list[set[int]] = [set() for _ in edges]
    for state, ways in enumerate(edges):
        for _, following in ways:
            before[following].add(state)
    alive, todo = set(accepting), list(accepting)
    while todo:
        for state in before[todo.pop()] - alive:
            alive.add(state)
            todo.append(state)
    live = [0, *sorted(alive - {0})]
    number = {state: index for index, state in enumerate(live)}
    ways_of = tuple(tuple((c, number[s]) for c, s in edges[state] if s in alive) for state in live)
    return Automaton(ways_of, frozenset(number[state] for state in accepting))
