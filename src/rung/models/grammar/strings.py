"""Strings of a JSON Schema: lengths, patterns, formats and excluded values, alone or together.

A string is written without \\uXXXX: every character but control characters can be written as itself, and that rule alone
doubled the time of a token. It could also write half a surrogate pair, which is no text.
"""

from __future__ import annotations

from dataclasses import dataclass

from rung.models.grammar import automata, patterns
from rung.models.grammar.branches import NOT_IN, Branch, bounds
from rung.models.grammar.dialects import Dialect
from rung.models.grammar.formats import FORMATS, shrunk, unbounded
from rung.models.grammar.nodes import EMPTY, LONGEST, Alt, Chars, Lit, Node, Raw, Rep, Rules, Seq, alt, seq
from rung.models.grammar.patterns import Reading
from rung.models.grammar.ranges import ANY, Ranges, common, holds, of, without
from rung.records import digest

PREAMBLE = 'char ::= [^"\\\\\\x00-\\x1f\\x7f] | "\\\\" ["\\\\/bfnrt]\n'

_FACTORS = (1, 2, 4, 8, 16)  # by which a format is made shorter
Keyword = tuple[str, str]  # (pointer, keyword)

_ESCAPED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\b": "\\b"}
_PLAIN = without(ANY, ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C), (0x7F, 0x7F)))
CHARACTER = Alt((Chars(_PLAIN), Seq((Lit("\\"), Chars(of('"\\/bfnrt'))))))  # what `char` of the preamble means


@dataclass(frozen=True, slots=True)
class Text:
    """What a branch asks of a string."""

    least: int
    most: int | None
    expressions: tuple[tuple[str, str, str], ...]  # (pointer, keyword, pattern or name of a format)
    excluded: tuple[str, ...]


def text_of(branch: Branch, dialect: Dialect) -> Text:
    """The parts of a branch that speak of strings."""
    least, most = bounds(branch, "minLength", "maxLength")
    expressions: list[tuple[str, str, str]] = []
    excluded: list[str] = []
    for part in branch:
        pointer = dialect.pointer(part)
        if "pattern" in part:
            expressions.append((pointer, "pattern", str(part["pattern"])))
        if "format" in part:
            name = str(part["format"])
            expressions.append((pointer, "format", name))
        listed = part.get(NOT_IN)
        excluded += [value for value in listed if isinstance(value, str)] if isinstance(listed, list) else []
    return Text(least, most, tuple(dict.fromkeys(expressions)), tuple(dict.fromkeys(excluded)))


def is_endless(text: Text) -> bool:
    """Whether nothing bounds the length of a string: no upper length, and no expression that has an end."""
    if text.most is not None:
        return False
    for _, keyword, value in text.expressions:
        try:
            if keyword == "format" or _is_bounded(patterns.read_ahead(value).node):
                return False
        except patterns.Unread:
            continue
    return True


def string(text: Text, rules: Rules) -> tuple[Node, list[Keyword]]:
    """A JSON string, and what of it is not held. Of nothing (`Alt`) where no string will do."""
    if text.most is not None and text.most < text.least:
        return Alt(()), []
    read: list[tuple[Keyword, Reading]] = []
    left: list[Keyword] = []
    for pointer, keyword, value in text.expressions:
        try:
            read.append(((pointer, keyword), _expression(keyword, value, text)))
        except patterns.Unread:
            left.append((pointer, keyword))
    inside = _inside(text, read, left, rules)
    return (Alt(()) if inside == Alt(()) else seq('"', inside, '"')), left


def _expression(keyword: str, value: str, text: Text) -> Reading:
    if keyword == "pattern":
        return patterns.read_ahead(value)
    if value not in FORMATS:
        raise patterns.Unread("is a format that is not known")
    if len(text.expressions) == 1 and not text.excluded:
        for factor in _FACTORS:
            reading = patterns.read_ahead(shrunk(value, factor))
            shortest, longest = patterns.lengths(reading.node)
            is_long_enough = shortest >= text.least or text.most is not None
            if is_long_enough and (text.most is None or (longest is not None and longest <= text.most)):
                return reading
    return patterns.read_ahead(unbounded(value))


def _inside(text: Text, read: list[tuple[Keyword, Reading]], left: list[Keyword], rules: Rules) -> Node:
    if not read and not text.excluded:
        return _any(text)
    if len(read) == 1 and not text.excluded and _is_plain(read[0][1]):
        shortest, longest = patterns.lengths(read[0][1].node)
        if text.least <= shortest and (text.most is None or (longest is not None and longest <= text.most)):
            return _in_json(read[0][1].node)
    try:
        all_of = [automata.automaton(node) for _, reading in read for node in (reading.node, *reading.ahead)]
        all_of += [automata.complement(automata.automaton(node)) for _, reading in read for node in reading.never]
        all_of += [automata.avoiding(text.excluded)] if text.excluded else []
        return _spelled(automata.intersection(all_of, text.least, text.most), rules)
    except automata.TooLarge:
        return _in_part(text, read, left, rules)


def _is_plain(reading: Reading) -> bool:
    return not (reading.ahead or reading.never)


def _in_part(text: Text, read: list[tuple[Keyword, Reading]], left: list[Keyword], rules: Rules) -> Node:
    """Not all at once: the last expression is left out or, where there is but one and it has an end, the lengths."""
    if not read:
        left.append(("", "not"))
        return _any(text)
    where, reading = read[-1]
    if len(read) == 1 and _is_bounded(reading.node) and _is_plain(reading):
        left.append((where[0], "minLength" if text.least else "maxLength"))
        return _in_json(reading.node)
    left.append(where)
    return _inside(text, read[:-1], left, rules)


def _is_bounded(node: Node) -> bool:
    return patterns.lengths(node)[1] is not None


def _any(text: Text) -> Node:
    if text.least == 0 and text.most is None:
        return Raw("char*", Rep(CHARACTER, 0, None))
    least, most = min(text.least, LONGEST), None if text.most is None or text.most > LONGEST else text.most
    if (least, most) == (0, 0):
        return EMPTY
    return Raw(f"char{{{least},{'' if most is None else most}}}", Rep(CHARACTER, least, most))


def _in_json(node: Node) -> Node:
    """The same, its characters as they are written inside a JSON string."""
    match node:
        case Chars(ranges):
            return _character(ranges)
        case Seq(parts):
            return seq(*map(_in_json, parts))
        case Alt(parts):
            return alt(map(_in_json, parts))
        case Rep(item, least, most):
            return Rep(_in_json(item), least, most)
        case _:
            return node


def _character(ranges: Ranges) -> Node:
    """One of these characters; of nothing where JSON could write none of them but by its number."""
    if ranges == ANY:
        return Raw("char", CHARACTER)
    plain = common(ranges, _PLAIN)
    ways: list[Node] = [Chars(plain)] if plain else []
    ways += [Lit(written) for character, written in _ESCAPED.items() if holds(ranges, character)]
    if len(plain) == 1 and plain[0][0] == plain[0][1] and len(ways) == 1:
        return Lit(chr(plain[0][0]))
    return alt(ways)


def _spelled(one: automata.Automaton, rules: Rules) -> Node:
    """An automaton as rules, one for each state."""
    if automata.is_empty(one):
        return Alt(())
    begin, states = automata.spelled(one, f"q{digest(repr(one))[:12]}", _character)
    rules.update(states)
    return begin
