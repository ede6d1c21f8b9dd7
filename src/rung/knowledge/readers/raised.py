"""What raised and lowered text says on one line: `10^6`, `m^2`, `H2O`, `x_12`; a note's mark stands apart: `25 [1] euro`.

Pure rules over the text around a mark. Where raised text stands is left to the readers.
"""

from __future__ import annotations

import re
from collections.abc import Container

_NOTE_SIGNS = "*†‡¶#∗⁎※"
_BRACKETED = re.compile(r"[\[(]?\s*([^\[\]()]{1,12})\s*[\])]")  # [1], (1), and 1) as German has it
_MARKS = re.compile(rf"(?:\d{{1,3}}|[a-zA-Z]|[ivxIVX]{{1,5}}|[{_NOTE_SIGNS}]{{1,4}})(?:\s*[,;–-]\s*(?:\d{{1,3}}|[a-zA-Z]))*")
_ORDINALS = frozenset(["st", "nd", "rd", "th", "er", "re", "ère", "e", "ème", "eme", "o", "º", "ª", "ter", "bis"])
_ORDINAL_BASE = re.compile(r"(?:\d|\b[IVXLCDM]+|\b[Nn])\Z")
_JOINED = frozenset("°º'\"′″ª")
_TRADE = {"tm": "™", "(tm)": "™", "sm": "℠", "®": "®", "(r)": "®", "©": "©", "™": "™"}
_SIGNED = re.compile(r"[+\-−–±]\s?(?:\d+(?:[.,/]\d+)?|[a-zA-Z])\Z|\d*[+\-−–]\Z")  # of 10^-9, Ca^2+
_VARIABLES = frozenset("nmkxyzijtTN")  # letters that are exponents; a, b, c … are marks of notes
_TEN = re.compile(r"(?:[x×·⋅*∙]|\\times)\s*10\Z")
_POWER_BASE = re.compile(r"(?:\A|[^\d.,])(?:10|2)\Z")
_ONE_DIGIT = re.compile(r"(?:\A|[^\d.,])[2-9]\Z")
_NUMBER = re.compile(r"\d\Z")
_UNIT = re.compile(
    r"(?:\A|[^a-zA-Z])(?:[kcdmµμnh]?m|in|ft|yd|mi|s|sec|px|inch(?:es)?|feet|foot|yards?|miles?|\w*met(?:er|re)s?)\Z"
)
# x, (a + b), = mc: one letter alone, an expression in brackets, a product on the right of an equation.
_VARIABLE = re.compile(
    r"(?:\A|[^a-zA-Z\d])[a-zA-Zα-ωΑ-Ω]\Z|[(\[{](?![^()]*[a-zA-Z]{3})[^()\[\]{}]{1,30}[)\]}]\Z|=\s*[a-zA-Z]{1,3}\Z"
)
_EXPRESSION = re.compile(r"(?=.*[+\-−–*/=()])[\w.+\-−–*/=() ]{2,24}\Z")
_OPERATOR_BEHIND = re.compile(r"\s*[=+×·⋅/^−≈<>]")
_OPERATOR_BEFORE = re.compile(r"[=+×·⋅/(^−≈]\s*[\d.,]+\Z")
_MONEY = re.compile(r"\s*(?:[€$£¥%]|euros?\b|EUR\b|USD\b|GBP\b|CHF\b|dollars?\b|pounds?\b|per ?cent\b)", re.IGNORECASE)
_BAR = re.compile(r"[/⁄]\s*\d")
_PRICE = re.compile(r"[€$£¥]\s?\d{1,5}\Z")
_WHOLE = re.compile(r"(?:\A|[^\d.,])\d{1,5}\Z")
_HOUR = re.compile(r"(?:\A|[^\d.,:])(?:[01]?\d|2[0-4])\Z")
_OF_CLOCK = re.compile(
    r"\s*(?:Uhr|h|hrs?|heures?|o.clock|[ap]\.?m\.?|[AP]\.?M\.?|Std)\b|\s*(?:[-–—]|bis|to|until|und)\s*\d{1,2}\s?(?:[0-5]\d)?\b"
    r"(?![.,\d])"
)
_BEFORE_CLOCK = re.compile(r"\d:?[0-5]\d\s*(?:[-–—]|bis|to|until)\s*\d{1,2}\Z|\b(?:um|at|ab|à)\s+\d{1,2}\Z", re.IGNORECASE)
_DEGREES = re.compile(r"\s?[CF](?![a-zA-Z])")
_ISOTOPE = re.compile(r"[A-Z][a-z]?(?![a-zA-Z])")
_FORMULA = re.compile(
    r"(?:[A-Z][a-z]?|[)\]])\d*\Z"
)  # ends an element or a group of a chemical formula, as far as can be seen


def raised(before: str, mark: str, after: str = "", *, linked: bool = False, notes: Container[str] = frozenset()) -> str:
    """What raised text says, with the space that keeps it apart where it is a note's mark.

    Args:
        before: the text on its left, as much as there is in the block; "" at its beginning.
        mark: the raised text.
        after: the text on its right.
        linked: whether it leads to a note, or is one's mark by its markup.
        notes: the marks at which notes of the same document begin: such a mark behind a number is that note's.
    """
    mark = " ".join(mark.split())
    if not mark:
        return ""
    inner = _BRACKETED.fullmatch(mark)
    if linked or (inner and _MARKS.fullmatch(inner[1].strip())):
        return _apart(before, inner[1].strip() if inner else mark)
    if mark.lower() in _TRADE:
        return _TRADE[mark.lower()]
    if mark == "o" and before[-1:].isdigit() and _DEGREES.match(after):
        return "°"
    if mark in _JOINED or (mark not in notes and _is_ordinal(before, mark)):
        return mark
    left = before.rstrip()
    if mark.isdigit() and (plain := _within_number(before, mark, after, notes)):
        return plain
    if mark.isdigit() and left and before[-1:] in " (" and _ISOTOPE.match(after):
        return mark  # 14C
    if left and _is_power(left, mark, after, notes):
        power = mark.replace("−", "-").replace("–", "-").replace(" ", "") if _SIGNED.match(mark) else mark
        return f"^{power}" if mark.isalnum() or _SIGNED.match(mark) else f"^({mark})"
    if _MARKS.fullmatch(mark):
        return _apart(before, mark)
    return mark if not left or (left[-1].isalpha() and " " not in mark) else f" {mark}"


def lowered(before: str, mark: str) -> str:
    """What lowered text says: joined in chemical formulas (`H2O`), else behind `_` (`x_12`, `V_max`)."""
    mark = " ".join(mark.split())
    if (
        not mark
        or not before.strip()
        or before[-1].isspace()
        or before[-1] in "/⁄"
        or (mark.isdigit() and _FORMULA.search(before))
    ):
        return mark
    return mark and (f"_{mark}" if mark.isalnum() else f"_({mark})")


def _within_number(before: str, mark: str, after: str, notes: Container[str]) -> str:
    """Raised digits that are part of a number: those above the bar of a fraction, minutes, and the cents of a price."""
    if _BAR.match(after):
        return f" {mark}" if before[-1:].isdigit() else mark
    clock = len(mark) == 2 and mark < "60" and mark not in notes and _HOUR.search(before)
    if clock and (_OF_CLOCK.match(after) or _BEFORE_CLOCK.search(before)):
        return f":{mark}"
    if len(mark) == 2 and mark[0] == "0" and _WHOLE.search(before):
        return f".{mark}"  # no note has such a mark
    priced = _PRICE.search(before) or (_WHOLE.search(before) and _MONEY.match(after))
    return f".{mark}" if len(mark) == 2 and priced and mark not in notes else ""


def _is_ordinal(before: str, mark: str) -> bool:
    if mark == "a":
        return before.endswith(".") and before[-2:-1].isdigit()  # 1.ª, as Spanish has it; 5ᵃ is a note's mark
    return mark.lower() in _ORDINALS and bool(_ORDINAL_BASE.search(before))


def _is_power(left: str, mark: str, after: str, notes: Container[str]) -> bool:
    """Whether raised text is an exponent, by what it is and by what it stands on."""
    if _SIGNED.match(mark) or (_TEN.search(left) and mark.isdigit()):
        return True
    if mark in ("2", "3") and _UNIT.search(left):
        return True
    if mark in notes:
        return False
    if _EXPRESSION.match(mark) or mark in _VARIABLES:
        return bool(_NUMBER.search(left) or _VARIABLE.search(left))
    if not mark.isdigit() or mark == "1":
        return False
    if _VARIABLE.search(left):
        return len(mark) < 3
    if not _NUMBER.search(left):
        return False
    counted = bool(_OPERATOR_BEHIND.match(after) or _OPERATOR_BEFORE.search(left))
    return counted or bool(_POWER_BASE.search(left)) or (bool(_ONE_DIGIT.search(left)) and not _MONEY.match(after))


def _apart(before: str, mark: str) -> str:
    """A note's mark in brackets, behind a space where something stands before it."""
    return f" [{mark}]" if before and not before[-1].isspace() else f"[{mark}]"
