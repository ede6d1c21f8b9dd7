r"""Formulas that old Word documents hold as EQ fields, on one line: `\f(3;4)` is `3/4`, `\r(3;x)` is `x^(1/3)`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rung.knowledge.readers.equations import grouped

_SWITCH = re.compile(r"\\([a-zA-Z]+)(-?\d*)")
_BETWEEN = re.compile(r"[ ]*(?=[\\(])")
_BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_SIGNS = {"su": "Σ", "pr": "Π"}  # of \i; else an integral
_DEEPEST = 20


@dataclass(slots=True)
class _Reader:
    """A field's instruction, read from `at` on."""

    text: str
    at: int = 0
    depth: int = 0
    marks: str = field(init=False)

    def __post_init__(self) -> None:
        self.marks = ";" if ";" in self.text else ","  # what stands between arguments depends on the language

    def part(self, *, inside: bool) -> str:
        """What is said up to the end, or inside brackets up to the end of an argument."""
        out, opened = "", 0
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "\\":
                out += self._switch()
                continue
            if inside and not opened and (letter == ")" or letter in self.marks):
                break
            opened += (letter == "(") - (letter == ")" and opened > 0)
            out += letter
            self.at += 1
        return out

    def _switch(self) -> str:
        """A switch with its options and arguments; a sign behind a bar that is none."""
        match = _SWITCH.match(self.text, self.at)
        if match is None or self.depth >= _DEEPEST:
            self.at += 2
            return self.text[self.at - 1 : self.at]
        name, options, signs = match[1].lower(), list[str](), ""
        while match is not None:
            options.append(match[1].lower())
            self.at = match.end()
            if options[-1] in ("bc", "lc", "rc", "fc", "vc") and self.text[self.at : self.at + 1] == "\\":
                signs += self.text[self.at + 1 : self.at + 2]
                self.at += 2
            space = _BETWEEN.match(self.text, self.at)
            self.at = space.end() if space else self.at
            match = _SWITCH.match(self.text, self.at)
        return _written(name, options[1:], signs, self._arguments())

    def _arguments(self) -> list[str]:
        if self.text[self.at : self.at + 1] != "(":
            return []
        self.depth += 1
        arguments: list[str] = []
        while self.at < len(self.text) and (not arguments or self.text[self.at] in self.marks):
            self.at += 1
            arguments.append(self.part(inside=True).strip())
        self.at += 1
        self.depth -= 1
        return arguments


def eq_text(instruction: str) -> str:
    """What a field's instruction, without the word EQ, shows."""
    return " ".join(_Reader(instruction).part(inside=False).split())


def _written(name: str, options: list[str], signs: str, parts: list[str]) -> str:
    first = parts[0] if parts else ""
    if name == "f" and len(parts) == 2:
        return f"{grouped(first)}/{grouped(parts[1])}"
    if name == "r" and parts:
        return f"{grouped(parts[-1])}^(1/{first})" if len(parts) == 2 and first else f"√{grouped(parts[-1])}"
    if name == "s" and parts:
        return "".join(f"{'_' if 'do' in options else '^'}{grouped(part)}" for part in parts if part)
    if name == "b":
        left = signs[:1] or "("
        right = signs[1:] or _BRACKETS.get(left, left)
        return f"{left}{first}{right}"
    if name == "i" and len(parts) == 3:
        sign = next((_SIGNS[option] for option in options if option in _SIGNS), "∫")
        return f"{sign}_{grouped(first)}^{grouped(parts[1])} {parts[2]}"
    return (", " if name in ("a", "l") else "").join(filter(None, parts))
