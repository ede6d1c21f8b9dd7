"""Where a full stop ends a sentence, and where it is that of an ordinal, a date or an abbreviation."""

from __future__ import annotations

import pytest

from rung.text.sentences import sentences


@pytest.mark.parametrize(
    "text",
    [
        "Am 12. März 2025.",
        "12. März 2025 (Mittwoch)",
        "Di., 30. September 2025",
        "Der Stichtag ist der 31. Dezember.",
        "vom 1. Jan. bis 24. Dez. 2024",
        "The office opens on 12. May 2024.",
        "Im 19. Jahrhundert war es so.",
        "Das Büro ist im 3. Stock links.",
        "Straße des 17. Juni 135",
        "In der Str. des 17. Juni.",
        "Das war der 4. Antrag.",
        "Im 1. Halbjahr und im 2. Quartal.",
        "Use v. 2.1 of it.",
    ],
)
def test_an_ordinal_ends_no_sentence(text: str) -> None:
    assert [text[a:b] for a, b in sentences(text)] == [text]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Es liegt im 3. Stock.", "Der Lift fährt."),
        ("Kinder zahlen ab 12.", "Der Rest ist frei."),
        ("Es sind 30.", "Das reicht."),
        ("It costs 12.", "May I pay later?"),
        ("I am 12.", "Next year I am 13."),
        ("Das war im Jahr 1999.", "Mai war warm."),
        ("Es gilt bis zum 12.", "Danach nicht."),
    ],
)
def test_a_number_does(first: str, second: str) -> None:
    text = f"{first} {second}"
    assert [text[a:b] for a, b in sentences(text)] == [first, second]
