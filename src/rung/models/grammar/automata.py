"""Texts that must meet several rules at once (patterns, lengths, values that they may not be), as one automaton.

States are numbered from 0, where it begins. An automaton may have several ways on for one character.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from rung.models.grammar.nodes import EMPTY, Alt, Chars, Lit, Node, Raw, Ref, Rep, Rules, Seq, alt, seq
from rung.models.grammar.ranges import ANY, Ranges, common, of, union, without

MAX_STATES = 300  # a state costs the engine some ms
_MOST = 6000  # states of one that is made, with those that read nothing


class TooLarge(Exception):
    """The automaton would have more states than the engine can take in."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """`edges[state]`: characters, and the state that they lead to."""

    edges: tuple[tuple[tuple[Ranges, int], ...], ...]
    accepting: frozenset[int]


class _States:
    """States by what they read, and by where they go without reading (Thompson 1968), each part in front of what follows it.

    A rule in front of the same state is the same states: rules that end in others, as an automaton that was written as rules
    does, stay as few as they are, and may go round.
    """

    def __init__(self, rule: Callable[[str], Node]) -> None:
        self.reads: list[tuple[Ranges, int] | None] = []
        self.skips: list[list[int]] = []
        self._rule = rule
        self._begun: dict[tuple[str, int], int] = {}
        self._left: list[tuple[int, str, int]] = []

    def add(self, reads: tuple[Ranges, int] | None = None) -> int:
        if len(self.skips) >= _MOST:
            raise TooLarge
        self.reads.append(reads)
        self.skips.append([])
        return len(self.skips) - 1

    def whole(self, node: Node) -> int:
        """The state where a text begins; its end is state 0."""
        start = self.before(node, self.add())
        while self._left:
            begin, name, end = self._left.pop()
            self.skips[begin].append(self.before(self._rule(name), end))
        return start

    def before(self, node: Node, end: int) -> int:
        """The state from which a node leads to another state."""
        match node:
            case Chars(ranges):
                return self.add((ranges, end))
            case Lit(text):
                for character in reversed(text):
                    end = self.add((of(character), end))
                return end
            case Raw(_, meaning):
                return self.before(meaning, end)
            case Ref(name):
                if (name, end) not in self._begun:
                    self._begun[name, end] = self.add()
                    self._left.append((self._begun[name, end], name, end))
                return self._begun[name, end]
            case Seq(parts):
                for part in reversed(parts):
                    end = self.before(part, end)
                return end
            case Alt(parts):
                start = self.add()
                self.skips[start] += [self.before(part, end) for part in parts]
                return start
            case Rep(item, least, most):
                start = self.repeated(item, end) if most is None else self.at_most(item, most - least, end)
                for _ in range(least):
                    start = self.before(item, start)
                return start

    def repeated(self, item: Node, end: int) -> int:
        start = self.add()
        self.skips[start] += [end, self.before(item, start)]
        return start

    def at_most(self, item: Node, times: int, end: int) -> int:
        start = end
        for _ in range(times):
            following, start = start, self.add()
            self.skips[start] += [end, self.before(item, following)]
        return start

    def reached(self, state: int) -> list[int]:
        """The states that read, and the end, that are reached from a state without reading."""
        seen, todo = {state}, [state]
        while todo:
            new = set(self.skips[todo.pop()]) - seen
            seen |= new
            todo += new
        return sorted(one for one in seen if one == 0 or self.reads[one])


def _no_rule(name: str) -> Node:
    raise KeyError(name)


def automaton(node: Node, rule: Callable[[str], Node] = _no_rule) -> Automaton:
    """The automaton of a node, and of the rules that it refers to: `rule` gives one by its name.

    Raises:
        TooLarge: it repeats too much, or its rules hold themselves elsewhere than at their end.
    """
    states = _States(rule)
    number = {states.whole(node): 0}
    todo, edges, accepting = list(number), [], set()
    for state in todo:
        ways: list[tuple[Ranges, int]] = []
        for one in states.reached(state):
            if (reads := states.reads[one]) is None:
                accepting.add(number[state])
                continue
            if reads[1] not in number:
                number[reads[1]] = len(number)
                todo.append(reads[1])
            ways.append((reads[0], number[reads[1]]))
        edges.append(tuple(ways))
    return Automaton(tuple(edges), frozenset(accepting))


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
    """All texts that an automaton does not accept.

    Raises:
        TooLarge: as `determined`.
    """
    same = determined(one)
    return Automaton(same.edges, frozenset(range(len(same.edges))) - same.accepting)


def determined(one: Automaton) -> Automaton:
    """The same texts with one way on for each character: by the sets of states that it may be in.

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
    return Automaton(tuple(edges), frozenset(n for states, n in number.items() if states & one.accepting))


def intersection(automata: Sequence[Automaton], least: int = 0, most: int | None = None) -> Automaton:
    """What all of these accept, of `least` to `most` characters: one way on for each, and no state that leads nowhere.

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
    one = determined(_trimmed(edges, accepting))
    trimmed = _trimmed(one.edges, one.accepting)
    if len(trimmed.edges) > MAX_STATES:
        raise TooLarge
    return trimmed


def spelled(one: Automaton, name: str, character: Callable[[Ranges], Node] = Chars) -> tuple[Node, Rules]:
    """An automaton as rules, one for each state that leads on, and the node that begins it.

    No rule says nothing: where a text may end or go on, both ways are written. With rules that may say nothing, and with
    several ways on for one character, the engine of openvino-genai 2026.4.1 let texts end that may not.

    Args:
        name: what the names of the rules begin with.
        character: one character of a set, as it is written.
    """
    rules: Rules = {}
    for state, ways in enumerate(one.edges):
        steps: list[Node] = []
        for ranges, following in ways:
            if following in one.accepting:
                steps.append(character(ranges))
            if one.edges[following]:
                steps.append(seq(character(ranges), Ref(f"{name}x{following}")))
        if steps:
            rules[f"{name}x{state}"] = alt(steps)
    begin: list[Node] = [Ref(f"{name}x0")] if one.edges[0] else []
    return alt([*begin, *([EMPTY] if 0 in one.accepting else [])]), rules


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


def _trimmed(edges: Sequence[Sequence[tuple[Ranges, int]]], accepting: Set[int]) -> Automaton:
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
