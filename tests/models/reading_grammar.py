"""A grammar as the engine reads it, for the tests: which texts it says, and some of them at random."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from functools import lru_cache

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|[()|*?+]|[A-Za-z_]\w*|\s+')
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)", re.DOTALL)
_READ_ON = re.compile(r"\\x[0-9a-f]{2}[0-9a-fA-F]|[\x80-\xff][0-9a-fA-F]")  # what the engine would misread

Tree = tuple[object, ...]


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) > 1 else m[1], text)


@dataclass
class Grammar:
    """Rules by name, read from text."""

    text: str
    rules: dict[str, Tree] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for line in self.text.strip().split("\n"):
            name, _, body = line.partition(" ::= ")
            assert name not in self.rules, f"{name} twice"
            tokens = _TOKEN.findall(body)
            assert "".join(tokens) == body, f"not read: {body}"
            tokens = [token for token in tokens if not token.isspace()]
            tree, end = self._choice(tokens, 0)
            assert end == len(tokens), body
            self.rules[name] = tree

    def _choice(self, tokens: list[str], at: int) -> tuple[Tree, int]:
        ways = []
        while True:
            way, at = self._sequence(tokens, at)
            ways.append(way)
            if at < len(tokens) and tokens[at] == "|":
                at += 1
                continue
            return ("alt", *ways), at

    def _sequence(self, tokens: list[str], at: int) -> tuple[Tree, int]:
        parts: list[Tree] = []
        while at < len(tokens) and tokens[at] not in "|)":
            part, at = self._one(tokens, at)
            parts.append(part)
        assert parts, "an empty alternative"
        return ("seq", *parts), at

    def _one(self, tokens: list[str], at: int) -> tuple[Tree, int]:
        token = tokens[at]
        at += 1
        if token == "(":
            part, at = self._choice(tokens, at)
            assert tokens[at] == ")"
            at += 1
        elif token[0] == '"':
            assert not _READ_ON.search(token), token
            part = ("lit", _plain(token[1:-1]))
        elif token[0] == "[":
            assert not _READ_ON.search(token.replace("\\\\", "")) or token.startswith("[^"), token
            part = ("class", token)
        else:
            part = ("ref", token)
        if at < len(tokens) and tokens[at][0] in "*+?{":
            least, most = _times(tokens[at])
            part, at = ("rep", part, least, most), at + 1
        return part, at

    def accepts(self, text: str) -> bool:
        """Whether the grammar says this text."""
        kept: dict[tuple[int, int], frozenset[int]] = {}

        def ends(tree: Tree, at: int) -> frozenset[int]:
            key = (id(tree), at)
            if key not in kept:
                kept[key] = frozenset()
                kept[key] = frozenset(found(tree, at))
            return kept[key]

        def found(tree: Tree, at: int) -> set[int]:
            match tree:
                case ("lit", str(said)):
                    return {at + len(said)} if text.startswith(said, at) else set()
                case ("class", str(said)):
                    return {at + 1} if at < len(text) and _class(said).fullmatch(text[at]) else set()
                case ("ref", str(name)):
                    return set(ends(self.rules[name], at))
                case ("alt", *ways):
                    return set().union(*(ends(way, at) for way in ways))  # type: ignore[arg-type]
                case ("seq", *parts):
                    here = {at}
                    for part in parts:
                        here = set().union(*(ends(part, one) for one in here))  # type: ignore[arg-type]
                    return here
                case ("rep", part, int(least), most):
                    here, reached, times = {at}, {at} if not least else set(), 0
                    while here and (most is None or times < most):  # type: ignore[operator]
                        here = set().union(*(ends(part, one) for one in here)) - (reached if times >= least else set())  # type: ignore[arg-type]
                        times += 1
                        reached |= here if times >= least else set()
                    return reached
            raise AssertionError(tree)

        return len(text) in ends(self.rules["root"], 0)

    def say(self, dice: random.Random, most: int = 400) -> str | None:
        """A text of the grammar, None where it became too long."""
        out: list[str] = []
        depth = 0

        def write(tree: Tree) -> None:
            nonlocal depth
            depth += 1
            if sum(map(len, out)) > most or depth > 600:
                raise OverflowError
            match tree:
                case ("lit", str(said)):
                    out.append(said)
                case ("class", str(said)):
                    out.append(_member(said, dice))
                case ("ref", str(name)):
                    write(self.rules[name])
                case ("alt", *ways):
                    write(dice.choice(ways))  # type: ignore[arg-type]
                case ("seq", *parts):
                    for part in parts:
                        write(part)  # type: ignore[arg-type]
                case ("rep", part, int(least), upper):
                    high = min(least + 3, upper) if isinstance(upper, int) else least + 3
                    for _ in range(dice.choice([least, least, high, dice.randint(least, high)])):
                        write(part)  # type: ignore[arg-type]
            depth -= 1

        try:
            write(self.rules["root"])
        except OverflowError:
            return None
        return "".join(out)


def _times(token: str) -> tuple[int, int | None]:
    if token in "*+?":
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[token]
    low, comma, high = token[1:-1].partition(",")
    return int(low or 0), int(high) if high else None if comma else int(low)


@lru_cache(maxsize=4096)
def _class(said: str) -> re.Pattern[str]:
    return re.compile(said, re.DOTALL)


@lru_cache(maxsize=4096)
def _members(said: str) -> tuple[str, ...]:
    some = [*map(chr, range(0x20, 0x7F)), *"\n\t éñÿŁ世\u2028😀\ud7ff\ue000\U0010ffff\x80\x00"]
    return tuple(c for c in some if _class(said).fullmatch(c))


def _member(said: str, dice: random.Random) -> str:
    members = _members(said)
    if members:
        return dice.choice(members)
    inside = re.match(r"\[\\([uU])([0-9a-f]+)", said)
    assert inside, said
    return chr(int(inside[2], 16))
