"""What a grammar is made of, and how the engine reads it: literals, characters, sequences, choices, repetitions, rules.

What a schema means is left to the other files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rung.models.grammar.ranges import Ranges, written

# The engine (openvino-genai 2026.4.1) writes a control character or a letter of U+0080 to U+00FF as \xNN and reads it again
# with the hexadecimal digits that follow: "ña" would be U+0F1A. From one terminal into the next it does not read on.
_READ_ON = re.compile(r"(?<=[\x00-\x1f\x7f-\xff])(?=[0-9a-fA-F])")


@dataclass(frozen=True, slots=True)
class Lit:
    """A text as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Raw:
    """A piece of grammar in the form that the engine reads fastest, which may refer to the preamble; and what it means."""

    text: str
    meaning: Node


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Ref:
    """A rule by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other; of nothing: the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """One of these; of nothing: what cannot be said."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Rep:
    """`item` at least `least` times, at most `most` (None: without end)."""

    item: Node
    least: int
    most: int | None


Node = Lit | Raw | Chars | Ref | Seq | Alt | Rep
Rules = dict[str, Node]
EMPTY = Seq(())
LONGEST = 4096  # repetitions that the engine compiles in good time


def seq(*parts: Node | str) -> Node:
    """A sequence; texts are literals."""
    joined: list[Node] = []
    for part in parts:
        node = Lit(part) if isinstance(part, str) else part
        if isinstance(node, Seq):
            joined.extend(node.parts)
        elif node == Lit(""):
            continue
        elif isinstance(node, Lit) and joined and isinstance(joined[-1], Lit):
            joined[-1] = Lit(joined[-1].text + node.text)
        else:
            joined.append(node)
    return joined[0] if len(joined) == 1 else Seq(tuple(joined))


def alt(parts: Iterable[Node]) -> Node:
    """A choice, each alternative once; of none: what cannot be said."""
    once = tuple(dict.fromkeys(inner for part in parts for inner in (part.parts if isinstance(part, Alt) else (part,))))
    return once[0] if len(once) == 1 else Alt(once)


def several(item: Node, least: int, most: int | None) -> Node:
    """`item` at least `least` times, at most `most` (None: without end), ", " between them."""
    if most == 0:
        return EMPTY
    inside = seq(item, Rep(seq(", ", item), max(0, least - 1), None if most is None else most - 1))
    return inside if least else alt([inside, EMPTY])


def literal(text: str) -> str:
    """A text as terminals of the grammar: one, or several where one would be misread."""
    return " ".join(f'"{"".join(map(_escaped, part))}"' for part in _READ_ON.split(text))


def rendered(node: Node) -> str:
    """A node as the engine reads it."""
    match node:
        case Lit(text):
            return literal(text)
        case Raw(text, _):
            return text
        case Ref(name):
            return name
        case Chars(ranges):
            return written(ranges)
        case Seq(parts):
            return " ".join(_inner(part) for part in parts) if parts else '""'
        case Alt(parts):
            return " | ".join(map(rendered, parts))
        case Rep(item, least, most):
            return f"{_inner(item, whole=True)}{_times(least, most)}"


def refers(node: Node) -> set[str]:
    """Names of the rules that a node refers to."""
    match node:
        case Ref(name):
            return {name}
        case Seq(parts) | Alt(parts):
            return set().union(*map(refers, parts))
        case Rep(item):
            return refers(item)
        case _:
            return set()


def characters(
    node: Node,
    *,
    rule: Callable[[str], float],
    choice: Callable[[Iterable[float]], float],
    repetition: Callable[[Rep, Callable[[], float]], float],
) -> float:
    """How many characters a node says, by what the rules, choices and repetitions in it say.

    Args:
        node: to be measured.
        rule: of a rule, by its name.
        choice: of a choice, from what its alternatives say.
        repetition: of a repetition; the second argument gives what its item says.
    """

    def of(one: Node) -> float:
        match one:
            case Lit(text):
                return len(text)
            case Raw(_, meaning):
                return of(meaning)
            case Chars():
                return 1
            case Ref(name):
                return rule(name)
            case Seq(parts):
                return sum(map(of, parts))
            case Alt(parts):
                return choice(map(of, parts))
            case Rep(item):
                return repetition(one, lambda: of(item))

    return of(node)


def pruned(rules: Rules) -> Rules:
    """The rules without what never comes to an end, or says nothing at all; rules of nothing else are left out."""
    dead = endless(rules)
    if not dead and not any(map(_has_nothing, rules.values())):
        return dict(rules)
    return {name: alive for name, node in rules.items() if name not in dead and (alive := _without(node, dead)) is not None}


def _has_nothing(node: Node) -> bool:
    match node:
        case Seq(parts) | Alt(parts):
            return (not parts and isinstance(node, Alt)) or any(map(_has_nothing, parts))
        case Rep(item):
            return _has_nothing(item)
        case _:
            return False


def _without(node: Node, dead: set[str]) -> Node | None:
    match node:
        case Ref(name):
            return None if name in dead else node
        case Seq(parts):
            alive = [_without(part, dead) for part in parts]
            return None if None in alive else seq(*(part for part in alive if part is not None))
        case Alt(parts):
            left = [part for one in parts if (part := _without(one, dead)) is not None]
            return alt(left) if left else None
        case Rep(item, least, most):
            inner = _without(item, dead)
            return Rep(inner, least, most) if inner is not None else None if least else EMPTY
        case _:
            return node


def endless(rules: Rules) -> set[str]:
    """The rules that never come to an end, or say nothing at all."""
    ends: set[str] = set()

    def can_end(node: Node) -> bool:
        match node:
            case Ref(name):
                return name in ends or name not in rules
            case Seq(parts):
                return all(map(can_end, parts))
            case Alt(parts):
                return any(map(can_end, parts))
            case Rep(item, least):
                return not least or can_end(item)
            case _:
                return True

    left = list(rules)
    while True:
        before = len(ends)
        for name in left:
            if can_end(rules[name]):
                ends.add(name)
        if len(ends) == before:
            return set(left)
        left = [name for name in reversed(left) if name not in ends]  # chains run either way


def _inner(node: Node, *, whole: bool = False) -> str:
    """A node inside another: in parentheses where it needs them; `whole`: it must be one term."""
    text = rendered(node)
    if (
        isinstance(node, Alt)
        or (whole and isinstance(node, Seq | Raw | Rep))
        or (whole and isinstance(node, Lit) and '" "' in text)
    ):
        return f"({text})"
    return text


def _times(least: int, most: int | None) -> str:
    if (least, most) in ((0, None), (1, None), (0, 1)):
        return {(0, None): "*", (1, None): "+", (0, 1): "?"}[least, most]
    return f"{{{least}}}" if least == most else f"{{{least},{'' if most is None else most}}}"


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if ord(character) < 32 or ord(character) == 127:
        return f"\\x{ord(character):02x}"
    return character
