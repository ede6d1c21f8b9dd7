"""Sets of characters, as ascending ranges of code points that do not touch, and how a grammar writes them."""

from __future__ import annotations

from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]

LAST = 0x10FFFF
_HALVES = (0xD800, 0xDFFF)  # of pairs in UTF-16: no characters


def union(*sets: Iterable[tuple[int, int]]) -> Ranges:
    """All characters of these sets."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for one in sets for pair in one):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def inverse(ranges: Ranges) -> Ranges:
    """All other characters."""
    gaps, start = [], 0
    for low, high in ranges:
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= LAST:
        gaps.append((start, LAST))
    return tuple(gaps)


def common(one: Ranges, other: Ranges) -> Ranges:
    """The characters of both."""
    shared = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return tuple(sorted((low, high) for low, high in shared if low <= high))


def without(one: Ranges, other: Ranges) -> Ranges:
    """The characters of one and not of the other."""
    return common(one, inverse(other))


def of(characters: str) -> Ranges:
    """Single characters."""
    return union((ord(c), ord(c)) for c in characters)


ANY: Ranges = inverse((_HALVES,))


def holds(ranges: Ranges, character: str) -> bool:
    """Whether a character is in a set."""
    return any(low <= ord(character) <= high for low, high in ranges)


def written(ranges: Ranges) -> str:
    """A class of the grammar. Ascending, so that no hexadecimal digit stands behind a letter of U+0080 to U+00FF."""
    return "[" + "".join(_code(low) if low == high else f"{_code(low)}-{_code(high)}" for low, high in ranges) + "]"


def _code(code: int) -> str:
    if chr(code) in "]^\\-[":
        return "\\" + chr(code)
    if 0x21 <= code <= 0x7E or code == 0x20:
        return chr(code)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
