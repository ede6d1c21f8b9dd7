"""Regular expressions as JSON Schema means them (ECMA-262), read into nodes of a grammar.

Where ECMA-262 and Python's `re`, by which answers are checked, differ, what is read is what both allow: \\d, \\w and \\s are
ASCII's, and what they exclude is kept from other digits, letters and spaces. Of what must not be (`[^…]`, `(?!…)`), all is
read that either allows. Of look-around, what looks ahead from the very beginning is read (`^(?=.*\\d)(?!.*\\.\\.)…`): texts
are of several expressions then, and of none of others. References to groups, word boundaries and Unicode properties are not
read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rung.models.grammar.nodes import Alt, Chars, Node, Rep, Seq, alt, seq
from rung.models.grammar.ranges import ANY, Ranges, common, of, union, without

MAX_REPEATS = 4096  # repetitions of one part


class Unread(Exception):
    """This cannot be read as part of a grammar; the message names what it is."""


_DIGITS = of("0123456789")
_WORD = union(((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)), of("_"))
_SPACE = of(" \t\n\r\f\v")
_ODD_SPACES = union(
    ((0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    of("\u202f\u205f\u3000\ufeff"),
    ((0x1C, 0x1F),),
)
_ASCII: Ranges = ((0, 0x7F),)
_LATIN: Ranges = ((0xA1, 0xB1), (0xB4, 0xB8), (0xBA, 0xBB), (0xBF, 0x24F))  # neither digits nor spaces to anybody
_CLASSES = {
    "d": _DIGITS,
    "w": _WORD,
    "s": _SPACE,
    "D": without(union(_ASCII, _LATIN), _DIGITS),
    "W": without(_ASCII, _WORD),
    "S": without(ANY, union(_SPACE, _ODD_SPACES)),
}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_OPPOSITE = {"d": "D", "w": "W", "s": "S", "D": "d", "W": "w", "S": "s"}
_DOT = without(ANY, of("\n\r\u2028\u2029"))
_ANY_DOT = without(ANY, of("\n"))  # Python's
_COUNT = re.compile(r"\{(\d+)(,(\d*))?\}")
_NO_LEAST = re.compile(r"\{,\d+\}")
_START, _END = object(), object()  # ^ and $


@dataclass(frozen=True, slots=True)
class Reading:
    """The whole texts in which a pattern matches: those of `node` and of each of `ahead`, and of none of `never`."""

    node: Node
    ahead: tuple[Node, ...] = ()
    never: tuple[Node, ...] = ()


def read(pattern: str) -> Node:
    """A pattern that may match anywhere in a text, as the whole texts in which it does.

    Raises:
        Unread: it uses what no grammar can hold, or looks ahead, or is no regular expression.
    """
    reading = read_ahead(pattern)
    if reading.ahead or reading.never:
        raise Unread("looks ahead")
    return reading.node


def read_ahead(pattern: str) -> Reading:
    """A pattern that may look ahead from its beginning.

    Raises:
        Unread: it uses what no grammar can hold, or is no regular expression.
    """
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise Unread(f"is no regular expression ({error})") from error
    reader = _Reader(pattern)
    choices = reader.choices()
    if reader.at < len(pattern):
        raise Unread("has a ) too many")
    if len(choices) != 1 or choices[0][:1] != [_START]:
        return Reading(alt(_anywhere(parts) for parts in choices))
    parts = choices[0][1:]
    looks: list[_Look] = []
    while parts and isinstance(look := parts[0], _Look):
        looks.append(look)
        parts = parts[1:]
    ahead, never = ([_ahead(look) for look in looks if look.must is must] for must in (True, False))
    return Reading(_anywhere([_START, *parts]), tuple(ahead), tuple(never))


def _ahead(look: _Look) -> Node:
    """The whole texts that begin as something that looks ahead from their beginning wants."""
    from_there = ([_START, *(parts[1:] if parts[:1] == [_START] else parts)] for parts in look.choices)
    return alt(_anywhere(parts, widely=not look.must) for parts in from_there)


def denied(pattern: str) -> str:
    """The pattern of all texts in which this one does not match; itself unreadable where this one is."""
    try:
        ways = _alternatives(pattern)
    except Unread:
        return rf"^(?![\s\S]*(?:{pattern}))"
    return "^" + "".join(f"(?!{way[1:]})" if way.startswith("^") else rf"(?![\s\S]*{way})" for way in ways)


def _alternatives(pattern: str) -> list[str]:
    """What stands between the bars of a pattern that are in no group."""
    reader, ways = _Reader(pattern), [""]
    while reader.at < len(pattern):
        begin = reader.at
        if reader.take("|"):
            ways.append("")
        else:
            reader.repeated(reader.one())
            ways[-1] += pattern[begin : reader.at]
    return ways


_Part = object  # a Node, or an anchor


def _anywhere(parts: list[_Part], *, widely: bool = False) -> Node:
    """One alternative of a pattern with what may stand before and behind it.

    Args:
        widely: whether the end of a text may have a line's end behind it, as it may in Python.
    """
    while len(parts) == 1 and isinstance(parts[0], _Group) and not isinstance(parts[0], _Look):
        group = parts[0]
        if len(group.choices) == 1:
            parts = group.choices[0]
        else:
            return alt(_anywhere(choice, widely=widely) for choice in group.choices)
    before = Rep(Chars(ANY), 0, None)
    start, end = bool(parts) and parts[0] is _START, bool(parts) and parts[-1] is _END
    inside = parts[1 if start else 0 : len(parts) - 1 if end and len(parts) > int(start) else len(parts)]
    behind = (Rep(Chars(of("\n")), 0, 1),) if widely else ()
    return seq(*(() if start else (before,)), *map(_plain, inside), *(behind if end else (before,)))


class _Group:
    """The alternatives of a group."""

    def __init__(self, choices: list[list[_Part]]) -> None:
        self.choices = choices


class _Look(_Group):
    """What is looked for ahead, without being taken; `must`: whether it must be there, or must not."""

    def __init__(self, choices: list[list[_Part]], *, must: bool) -> None:
        super().__init__(choices)
        self.must = must


def _plain(part: _Part) -> Node:
    """A part inside a pattern, where an anchor has no sense."""
    if part is _START or part is _END:
        raise Unread("has an anchor (^ or $) in the middle")
    if isinstance(part, _Look):
        raise Unread("looks ahead in the middle")
    if isinstance(part, _Group):
        return alt(seq(*map(_plain, choice)) for choice in part.choices)
    assert isinstance(part, (Chars, Seq, Alt, Rep))
    return part


class _Reader:
    """Reads a pattern from left to right. `widely`: whether a class is all that Python or ECMA-262 has in it, not what both
    have."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at, self.widely = pattern, 0, False

    def next(self) -> str:
        """The next character, "" at the end."""
        return self.pattern[self.at : self.at + 1]

    def take(self, text: str) -> bool:
        """Whether this comes next; then it is taken."""
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def choices(self) -> list[list[_Part]]:
        """Alternatives, up to a ) or the end."""
        parts: list[list[_Part]] = [[]]
        while self.next() and self.next() != ")":
            if self.take("|"):
                parts.append([])
            else:
                parts[-1].append(self.repeated(self.one()))
        return parts

    def one(self) -> _Part:
        """One character, class, group or anchor."""
        if self.take("^"):
            return _START
        if self.take("$"):
            return _END
        if self.take("."):
            return Chars(_ANY_DOT if self.widely else _DOT)
        if self.take("["):
            return Chars(self.bracket())
        if self.take("("):
            return self.group()
        if self.take("\\"):
            return Chars(self.escaped(in_class=False))
        self.at += 1
        return Chars(of(self.pattern[self.at - 1]))

    def group(self) -> _Part:
        for mark, must in (("?=", True), ("?!", False)):
            if self.take(mark):
                with self.turned(not must):
                    return _Look(self.inside(), must=must)
        if self.take("?"):
            named = re.compile(r"P?<[A-Za-z_]\w*>").match(self.pattern, self.at)
            if named:
                self.at = named.end()
            elif not self.take(":"):
                raise Unread("looks behind, or sets flags")
        return _Group(self.inside())

    @contextmanager
    def turned(self, really: bool) -> Iterator[None]:
        """Of what is read here, the opposite is meant."""
        self.widely ^= really
        yield
        self.widely ^= really

    def inside(self) -> list[list[_Part]]:
        """The alternatives of a group, and its )."""
        choices = self.choices()
        if not self.take(")"):
            raise Unread("lacks a )")
        return choices

    def repeated(self, part: _Part) -> _Part:
        """A part with the quantifiers behind it; greedy or lazy is the same to a grammar."""
        upper: int | None
        if _NO_LEAST.match(self.pattern, self.at):
            raise Unread("counts without a least number, which is text to ECMA-262 and a count to Python")
        count = _COUNT.match(self.pattern, self.at)
        if self.take("*"):
            least, upper = 0, None
        elif self.take("+"):
            least, upper = 1, None
        elif self.take("?"):
            least, upper = 0, 1
        elif count:
            self.at = count.end()
            least = int(count[1])
            upper = least if count[2] is None else int(count[3]) if count[3] else None
        else:
            return part
        if max(least, upper or 0) > MAX_REPEATS:
            raise Unread(f"repeats more than {MAX_REPEATS} times")
        if self.next() == "+":
            raise Unread("has a possessive quantifier")
        self.take("?")
        return Rep(_plain(part), least, upper)

    def bracket(self) -> Ranges:
        """A class, behind its [."""
        negated = self.take("^")
        with self.turned(negated):
            ranges = self.members()
        return without(ANY, ranges) if negated else common(ranges, ANY)

    def members(self) -> Ranges:
        """What a class names, and its ]."""
        ranges: Ranges = ()
        first = True
        while first or self.next() != "]":
            if not self.next():
                raise Unread("lacks a ]")
            first = False
            low = self.member()
            if self.pattern[self.at : self.at + 1] == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.member()
                if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or high[0][0] != high[0][1]:
                    raise Unread("has a range between classes")
                ranges = union(ranges, ((low[0][0], high[0][0]),))
            else:
                ranges = union(ranges, low)
        self.at += 1
        return ranges

    def member(self) -> Ranges:
        if self.take("\\"):
            return self.escaped(in_class=True)
        self.at += 1
        return of(self.pattern[self.at - 1])

    def escaped(self, *, in_class: bool) -> Ranges:
        """What stands behind a backslash."""
        character = self.next()
        self.at += 1
        if character in _CLASSES:
            return without(ANY, _CLASSES[_OPPOSITE[character]]) if self.widely else _CLASSES[character]
        if character in _CONTROLS:
            return of(_CONTROLS[character])
        if character == "b" and in_class:
            return of("\b")
        for letter, digits in (("x", 2), ("u", 4)):
            number = self.pattern[self.at : self.at + digits]
            if character == letter and re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", number):
                self.at += digits
                return common(of(chr(int(number, 16))), ANY)
        if character.isalnum() or not character:
            raise Unread(f"uses \\{character}")
        return of(character)


def lengths(node: Node) -> tuple[int, int | None]:
    """The fewest and the most characters of what a node says; None: without end. The node is of characters alone."""
    match node:
        case Seq(parts):
            inner = [lengths(part) for part in parts]
            return sum(low for low, _ in inner), _sum([high for _, high in inner])
        case Alt(parts):
            inner = [lengths(part) for part in parts]
            highs = [high for _, high in inner]
            return min(low for low, _ in inner), None if None in highs else max(h for h in highs if h is not None)
        case Rep(item, least, most):
            low, high = lengths(item)
            return low * least, 0 if high == 0 else None if high is None or most is None else high * most
        case _:
            return 1, 1


def _sum(highs: list[int | None]) -> int | None:
    finite = [high for high in highs if high is not None]
    return None if len(finite) < len(highs) else sum(finite)
