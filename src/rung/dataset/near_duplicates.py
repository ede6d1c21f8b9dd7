"""Texts so alike that learning both teaches no more than one: only small words or a slip may differ.

What differs is weighed: a word of meaning counts 1, a small word less; a negation or a number may not differ at all. Two
short questions with another noun are different questions, however alike they look; a slip of the pen or a "please" makes no
difference. Small words are known for English; in other languages all but the shortest words count in full, which is the
careful side. Finding the pairs worth comparing is left to `minhash`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from rung.text.matching import LETTER, UNSPACED, WORD

_WORD = re.compile(rf"{WORD}(?:['’](?:(?![{UNSPACED}]){LETTER})+)*")
_SIGN = re.compile(r"[<>=+*/%^|&!~]")
_SPACE = re.compile(r"\s+")
_EDGES = " .,;:!?\"'`…·-–—()[]{}*_"
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "`": "'", "–": "-", "—": "-", "\u00a0": " "})
_POLITE_WORDS = "please thanks thank hi hello hey dear kindly just really also very so well ok okay um uh oh"
_POLITE = frozenset(_POLITE_WORDS.split())
_SMALL_WORDS = (
    "a an the this that these those my your his her its our their i you he she it we they me him us them im im "
    "ive ive id id ill ill youre its is are am was were be been being do does did doing have has had having will "
    "would shall should can could may might must of in on at to from by for with about as into onto over under "
    "and or but if then than there here what which who whom whose when where why how whats hows wheres whos some "
    "any all get got need want like know tell show give let make up out"
)
_SMALL = frozenset(_SMALL_WORDS.split())
_NEGATIONS_WORDS = "yes no not never none nothing without cannot cant cant dont dont doesnt didnt isnt wasnt wont"
_NEGATIONS = frozenset(_NEGATIONS_WORDS.split())
_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand "
    "million first second third half double twice monday tuesday wednesday thursday friday saturday sunday"
)
_NUMBERS = frozenset(_NUMBER_WORDS.split())
_SUFFIXES = frozenset({"", "s", "es", "ed", "d", "ing", "ly", "er"})
MEANING, SMALL, SHORT, POLITE, NEGATION, NUMBER = 1.0, 0.3, 0.5, 0.1, 1.5, 2.0
SLIP = 0.25
SHARE = 0.15  # of the shorter text's weight that may differ
BARELY = 0.9  # weight that may differ where nothing that has a meaning may
MIN_WORDS = 6  # of an output that may be worded in two ways
MAX_WEIGHT, MAX_SHARE = 3.0, 0.05  # but never more than so much weight, or this share of a long text


def normal(text: str) -> str:
    """A text with case, white space, quotation marks and marks at its ends aside: equal texts differ in nothing else.

    >>> normal("  Is Express\\n dear? ") == normal("is express dear")
    True
    """
    folded = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    folded = _SPACE.sub(" ", folded)
    return folded.strip(_EDGES) or folded.strip()


def words(normalised: str) -> list[str]:
    """The words of a normalised text, apostrophes aside; each character of a script without spaces is one."""
    return [word.replace("'", "") for word in _WORD.findall(normalised)]


@lru_cache(maxsize=1 << 17)
def weight(word: str) -> float:
    """How much a word says."""
    if word in _NEGATIONS:
        return NEGATION
    if word in _POLITE:
        return POLITE
    if word in _SMALL:
        return SMALL
    if word in _NUMBERS or any(c.isdigit() for c in word):
        return NUMBER
    return SHORT if len(word) <= 2 and word.isascii() else MEANING


class Read:
    """A normalised text, its words counted and weighed once for many comparisons."""

    __slots__ = ("counts", "total", "words")

    def __init__(self, normalised: str) -> None:
        self.words = words(normalised)
        self.counts = Counter(self.words)
        self.total = sum(weight(word) * n for word, n in self.counts.items())


def near(one: Read, other: Read, *, most: float = MAX_WEIGHT) -> bool:
    """Whether two texts say the same but for small words, endings and slips. `most`: weight that may differ in any.

    >>> near(Read("how do i reset my password"), Read("how can i reset my password please"))
    True
    >>> near(Read("how do i reset my password"), Read("how do i reset my pin"))
    False
    """
    lighter = min(one.total, other.total)
    room = min(SHARE * lighter, max(most, MAX_SHARE * lighter) if most == MAX_WEIGHT else most)
    if abs(one.total - other.total) > room + SLIP * len(one.words):
        return False
    missing, added = _less(one.counts, other.counts), _less(other.counts, one.counts)
    if not missing and not added:
        return _order_alike(one.words, other.words)
    if any(weight(w) > MEANING for side in (missing, added) for w in side):
        return False  # another number, or a "not": another question, however long it is
    if max(sum(min(weight(w), SLIP) * n for w, n in side.items()) for side in (missing, added)) > room:
        return False
    slips = _take_slips(missing, added)
    return max(sum(weight(w) * n for w, n in side.items()) for side in (missing, added)) + SLIP * slips <= room


def _less(one: Counter[str], other: Counter[str]) -> dict[str, int]:
    return {word: n - m for word, n in one.items() if n > (m := other.get(word, 0))}


def same_answer(one: str, other: str) -> bool:
    """Whether two outputs that differ say the same: a short one, or one with other signs (< for >), never does."""
    left, right = Read(one), Read(other)
    if min(len(left.words), len(right.words)) < MIN_WORDS or Counter(_SIGN.findall(one)) != Counter(_SIGN.findall(other)):
        return False
    return near(left, right, most=BARELY)


def _order_alike(one: list[str], other: list[str]) -> bool:
    """Whether the same words stand nearly in the same order: "from Paris to Rome" is not "from Rome to Paris"."""
    moved = sum(weight(a) for a, b in zip(one, other, strict=True) if a != b)
    return moved <= SHARE * sum(map(weight, one))


def _take_slips(missing: dict[str, int], added: dict[str, int]) -> int:
    """Take out the words that are one another's misspelling or other form; how many there were."""
    slips = 0
    for word in list(missing):
        twin = next((other for other in added if is_slip(word, other)), None)
        if twin is not None:
            slips += 1
            for side, name in ((missing, word), (added, twin)):
                side[name] -= 1
                if side[name] <= 0:
                    del side[name]
    return slips


def is_slip(one: str, other: str) -> bool:
    """Whether two words are forms of one word, or one is the other with a slip in the middle or at the end.

    Short words, numbers and beginnings must be equal: "pin" is no "pan", "activate" no "deactivate".
    """
    if min(len(one), len(other)) < 3 or one[0] != other[0] or any(c.isdigit() for c in one + other):
        return False
    common = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    if common >= 3 and one[common:] in _SUFFIXES and other[common:] in _SUFFIXES:
        return True
    return min(len(one), len(other)) >= 5 and _one_edit(one, other)


def _one_edit(one: str, other: str) -> bool:
    """Whether one character was left out, put in, changed, or two neighbours stand the other way round."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
