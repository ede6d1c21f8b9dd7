"""Automatic numbers as they are shown: 3 as `c`, `iii`, `03` or `3rd`, by the names that Office has for the forms.

How far a list has counted is left to the readers.
"""

from __future__ import annotations

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"))
_ROMAN_SMALL = ((9, "ix"), (5, "v"), (4, "iv"), (1, "i"))
_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_ORDINALS = (
    *("zeroth", "first", "second", "third", "fourth", "fifth", "sixth"),
    *("seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
)
_CHICAGO = "*†‡§"
_FORMS = {
    "arabic": "decimal",
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
}
_AROUND = {"Period": ("", "."), "ParenR": ("", ")"), "ParenBoth": ("(", ")"), "Minus": ("- ", " -"), "Plain": ("", "")}


def numeral(number: int, form: str) -> str:
    """A number in a form of Word (`lowerRoman`); in forms that are not known, and beyond their reach, in digits."""
    if form in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        letters = _roman(number)
        return letters.upper() if form[0] == "u" else letters
    if form in ("lowerLetter", "upperLetter") and 0 < number <= 26 * 30:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters.upper() if form[0] == "u" else letters
    if form == "decimalZero":
        return f"{number:02d}"
    if form == "ordinal":
        return f"{number}{_suffix(number)}"
    if form in ("cardinalText", "ordinalText") and 0 <= number <= 12:
        return (_SMALL if form == "cardinalText" else _ORDINALS)[number].capitalize()
    if form == "chicago" and number > 0:
        return _CHICAGO[(number - 1) % 4] * ((number - 1) // 4 + 1)
    return "" if form == "none" else str(number)


def label(scheme: str, number: int) -> str:
    """A number with what stands around it, by a scheme of PowerPoint: `arabicPeriod` is `3.`, `alphaLcParenBoth` `(c)`."""
    for name, form in _FORMS.items():
        if scheme.startswith(name) and (around := _AROUND.get(scheme.removeprefix(name))) is not None:
            return f"{around[0]}{numeral(number, form)}{around[1]}"
    return f"{number}."


def _roman(number: int) -> str:
    out = ""
    for value, letters in (*_ROMAN, *_ROMAN_SMALL):
        while number >= value:
            out, number = out + letters, number - value
    return out


def _suffix(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
