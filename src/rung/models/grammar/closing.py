"""Brings a text that was cut in the middle to an end that its grammar allows: what is open is closed, what is needed said.

`opened` reads a text by the grammar's rules and gives what is left to say; `tight` narrows that to what has to be said, so
that a model fills in what is required in a few tokens; `shortest` says it without a model. Texts are read by keeping every
stack of what may follow (the grammar is read from the left and never begins a rule with itself).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from rung.models.grammar.nodes import EMPTY, Alt, Chars, Lit, Node, Raw, Ref, Rep, Rules, Seq, alt, characters, refers, seq
from rung.models.grammar.ranges import holds
from rung.models.grammar.strings import CHARACTER

ROOT = "root"
FILLED = 48  # characters that are left to a string which is still to be said
_MAX_STACKS = 2000
_PLAIN = "0a-_ "  # of the characters that would do, these first


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """What follows: `node`, then what `rest` says. Equal stacks are one object (see `_Stacks`)."""

    node: Node
    rest: _Stack | None


@dataclass
class _Stacks:
    """Makes stacks, each once, so that they are told apart by identity."""

    shared: dict[tuple[Node, int], _Stack] = field(default_factory=dict)

    def push(self, node: Node, rest: _Stack | None) -> _Stack:
        key = (node, id(rest))
        if key not in self.shared:
            self.shared[key] = _Stack(node, rest)
        return self.shared[key]


@dataclass
class Lengths:
    """The fewest characters that each rule, and each node, can say; infinite where it never ends.

    >>> Lengths({"root": Alt((Lit("null"), Seq((Lit('"'), Rep(Lit("a"), 2, None), Lit('"')))))}).of(Ref("root"))
    4
    """

    rules: Mapping[str, Node]
    _lengths: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        users: dict[str, set[str]] = {name: set() for name in self.rules}
        for name, node in self.rules.items():
            for other in refers(node) & users.keys():
                users[other].add(name)
        waiting: dict[str, None] = dict.fromkeys(reversed(list(self.rules)))
        while waiting:
            name = next(iter(waiting))
            del waiting[name]
            length = self.of(self.rules[name])
            if length < self._lengths.get(name, math.inf):
                self._lengths[name] = length
                waiting |= dict.fromkeys(users[name])

    def of(self, node: Node) -> float:
        """The fewest characters of a node."""
        return characters(node, rule=self._of_rule, choice=_fewest, repetition=_needed)

    def _of_rule(self, name: str) -> float:
        return self._lengths.get(name, math.inf)


def _fewest(lengths: Iterable[float]) -> float:
    return min(lengths, default=math.inf)


def _needed(repetition: Rep, of_item: Callable[[], float]) -> float:
    return repetition.least * of_item() if repetition.least else 0


def shortest(node: Node, rules: Mapping[str, Node], lengths: Lengths) -> str:
    """The shortest text of a node; of equals the first."""
    pieces: list[str] = []
    waiting = [node]
    while waiting:
        match waiting.pop():
            case Lit(text):
                pieces.append(text)
            case Raw(_, meaning):
                waiting.append(meaning)
            case Chars(ranges):
                pieces.append(next((c for c in _PLAIN if holds(ranges, c)), chr(ranges[0][0])))
            case Ref(name):
                waiting.append(rules[name])
            case Seq(parts):
                waiting += reversed(parts)
            case Alt(parts):
                waiting.append(min(parts, key=lengths.of))
            case Rep(item, least):
                waiting += [item] * least
    return "".join(pieces)


def opened(text: str, rules: Rules, lengths: Lengths) -> tuple[Node, ...] | None:
    """What is left to say after a text: nodes in their order, of all readings the one that can end soonest.

    None where the grammar does not begin so, or may be read in too many ways.
    """
    stacks = _Stacks()
    open_: dict[int, _Stack | None] = {}
    _into(open_, [stacks.push(Ref(ROOT), None)], rules, stacks)
    for character in text:
        after: list[_Stack | None] = []
        for stack in open_.values():
            if stack is not None and (left := _read(stack.node, character)) is not None:
                after.append(stacks.push(left, stack.rest) if left != EMPTY else stack.rest)
        open_ = {}
        _into(open_, after, rules, stacks)
        if not open_ or len(open_) > _MAX_STACKS:
            return None
    ways = [_listed(stack) for stack in open_.values()]
    return min(ways, key=lambda nodes: sum(map(lengths.of, nodes)))


def _read(node: Node, character: str) -> Node | None:
    """What is left of a literal or of a set of characters behind this one; None where it is another."""
    if isinstance(node, Lit):
        return (Lit(node.text[1:]) if len(node.text) > 1 else EMPTY) if node.text[0] == character else None
    return EMPTY if isinstance(node, Chars) and holds(node.ranges, character) else None


def _into(open_: dict[int, _Stack | None], added: Iterable[_Stack | None], rules: Rules, stacks: _Stacks) -> None:
    """Adds stacks, each opened until a character is on top of it, or nothing is left."""
    todo, seen = list(added), set[int]()
    while todo:
        stack = todo.pop()
        if id(stack) in seen:
            continue
        seen.add(id(stack))
        if stack is None:
            open_[id(None)] = None
            continue
        rest = stack.rest
        match stack.node:
            case Raw(_, meaning):
                todo.append(stacks.push(meaning, rest))
            case Ref(name):
                todo.append(stacks.push(rules[name], rest))
            case Seq(parts):
                for part in reversed(parts):
                    rest = stacks.push(part, rest)
                todo.append(rest)
            case Alt(parts):
                todo += [stacks.push(part, rest) for part in parts]
            case Rep(item, least, most):
                if not least:
                    todo.append(rest)
                if most != 0:
                    again = Rep(item, max(0, least - 1), None if most is None else most - 1)
                    todo.append(stacks.push(item, stacks.push(again, rest)))
            case Lit(""):
                todo.append(rest)
            case _:
                open_[id(stack)] = stack


def _listed(stack: _Stack | None) -> tuple[Node, ...]:
    nodes: list[Node] = []
    while stack is not None:
        nodes.append(stack.node)
        stack = stack.rest
    return tuple(nodes)


def tight(left: tuple[Node, ...], rules: Rules, lengths: Lengths) -> Rules:
    """The rules of a grammar that says what is left and little more: the string that is open ends, lists and optional keys
    that are not needed stay out, strings that are still to be said have at most `FILLED` characters, values of a choice
    stay to be chosen from."""
    tightened = _Tight(rules, lengths)
    first = next((n for n, node in enumerate(left) if tightened.lengths.of(node)), len(left))
    root = seq(*(tightened.of(node) for node in left[first:]))
    tightened.write()
    return {ROOT: root, **tightened.written}


@dataclass
class _Tight:
    rules: Rules
    lengths: Lengths
    written: Rules = field(default_factory=dict)
    _waiting: dict[str, None] = field(default_factory=dict)  # rules that were referred to

    def write(self) -> None:
        """The rules that are referred to, and those that they refer to."""
        while self._waiting:
            name, _ = self._waiting.popitem()
            self.written[f"{name}t"] = self.of(self.rules[name])

    def of(self, node: Node) -> Node:
        match node:
            case Raw(_, meaning):
                return node if meaning == CHARACTER else self.of(meaning)
            case Ref(name):
                if f"{name}t" not in self.written:
                    self._waiting[name] = None
                return Ref(f"{name}t")
            case Seq(parts):
                return seq(*map(self.of, parts))
            case Alt(parts):
                if any(refers(_meant(part)) for part in parts):
                    return self.of(min(parts, key=self.lengths.of))
                return alt(map(self.of, parts))
            case Rep(item, least, most):
                return self._repeated(item, least, most)
            case _:
                return node

    def _repeated(self, item: Node, least: int, most: int | None) -> Node:
        if item == CHARACTER:
            item = Raw("char", CHARACTER)
        if most == 1 and not refers(_meant(item)):  # a sign, a fraction
            return Rep(self.of(item), least, most)
        if not is_character(item):
            return Rep(self.of(item), least, least) if least else EMPTY
        high = max(least, FILLED)
        return Rep(self.of(item), least, high if most is None else min(most, high))


def _meant(node: Node) -> Node:
    return _meant(node.meaning) if isinstance(node, Raw) else node


def is_character(node: Node) -> bool:
    """Whether it is one character of a string, as it is or escaped."""
    match _meant(node):
        case Chars():
            return True
        case Lit(text):
            return len(text) <= 2
        case Alt(parts):
            return all(map(is_character, parts))
        case Seq((Lit(text), Chars())):
            return text == "\\"
        case _:
            return False


def rest_of(text: str, rules: Rules) -> Rules | None:
    """The grammar of what has to be said behind a text that was cut, as `tight` makes it; None where nothing is left to
    say, or the text is none of the grammar's."""
    lengths = Lengths(rules)
    left = opened(text, rules, lengths)
    return None if not left else tight(left, rules, lengths)


def end_of(text: str, rules: Rules) -> str:
    """The shortest end of a text that was cut; "" where there is nothing to add, or the text is none of the grammar's."""
    lengths = Lengths(rules)
    return "".join(shortest(node, rules, lengths) for node in opened(text, rules, lengths) or ())
