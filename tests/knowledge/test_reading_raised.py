"""Does raised text become an exponent, a note's mark or plain letters, as a person reads it?"""

from __future__ import annotations

import pytest

from rung.knowledge.readers.raised import lowered, raised


@pytest.mark.parametrize(
    ("before", "mark", "after", "said"),
    [
        ("3 x 10", "6", " litres", "^6"),
        ("about 10", "6", " people", "^6"),
        ("is 10", "-9", ".", "^-9"),
        ("is 10", "\u22129", ".", "^-9"),
        ("2", "32", " bytes", "^32"),
        ("3", "2", " = 9", "^2"),
        ("1.05", "10", " = 1.63", "^10"),
        ("25 m", "2", " and", "^2"),
        ("5 km", "3", "", "^3"),
        ("x", "2", " + y", "^2"),
        ("(a + b)", "2", "", "^2"),
        ("E = mc", "2", "", "^2"),
        ("10", "n", "", "^n"),
        ("x", "n+1", "", "^(n+1)"),
        ("Ca", "2+", " ions", "^2+"),
        ("25", "1", " euro.", " [1]"),
        ("12,50", "2", " euro", " [2]"),
        ("3", "2", " euro", " [2]"),
        ("20", "2", " staff", " [2]"),
        ("5", "a", "", " [a]"),
        ("as shown.", "3", " Next", " [3]"),
        ("tax", "*", "", " [*]"),
        ("tax", "1, 2", "", " [1, 2]"),
        ("sentence", "[4]", "", " [4]"),
        ("(OR Dollars)", "2", "", " [2]"),
        ("", "1", " Plus tax.", "[1]"),
        ("1", "st", " of May", "st"),
        ("le 1", "er", " mai", "er"),
        ("M", "me", " Curie", "me"),
        ("Brand", "TM", "", "\u2122"),
        ("dated with ", "14", "C", "14"),
        ("text", "see there", "", " see there"),
        ("x", "", "", ""),
        ("5", "1", "/2 inches", " 1"),
        ("$19", "99", " only", ".99"),
        ("for 19", "99", " EUR", ".99"),
        ("20", "o", "C", "°"),
        ("1", "o", " de mayo", "o"),
        ("1.000", "1)", " Stück", " [1]"),
    ],
)
def test_raised_text(before: str, mark: str, after: str, said: str) -> None:
    assert raised(before, mark, after) == said


def test_a_mark_at_which_a_note_begins_is_that_notes() -> None:
    assert raised("5", "2", " kg", notes={"2"}) == " [2]"
    assert raised("5", "2", " kg") == "^2"
    assert raised("25 m", "2", "", notes={"2"}) == "^2"
    assert raised("10", "6", "", linked=True) == " [6]"


@pytest.mark.parametrize(
    ("before", "mark", "said"),
    [
        ("H", "2", "2"),
        ("C6H", "12", "12"),
        ("Ca(OH)", "2", "2"),
        ("x", "12", "_12"),
        ("V", "max", "_max"),
        ("log", "10", "_10"),
        ("1/", "2", "2"),
    ],
)
def test_lowered_text(before: str, mark: str, said: str) -> None:
    assert lowered(before, mark) == said
