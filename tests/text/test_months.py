"""Every name of a month, wherever texts are read: in dates by their value, and where a sentence does not end."""

from __future__ import annotations

import pytest

from rung.text.matching.dates import dated, is_day_first
from rung.text.months import ENGLISH, MONTHS, Month, capitals
from rung.text.sentences import sentences

NUMBERED = list(enumerate(MONTHS, start=1))
SHORT = {
    *("Jan", "Jän", "Feb", "Mar", "Mär", "Mrz", "Apr", "Jun", "Jul", "Aug", "Sep", "Sept"),
    *("Oct", "Okt", "Nov", "Dec", "Dez"),
}
GERMAN = [
    *("Januar", "Jänner", "Februar", "Feber", "März", "April", "Mai", "Juni", "Juli", "August"),
    *("September", "Oktober", "November", "Dezember"),
]


def count(text: str) -> int:
    return len(sentences(text))


@pytest.mark.parametrize(("number", "month"), NUMBERED)
def test_a_date_in_words_is_read_by_every_name(number: int, month: Month) -> None:
    for name in month.names:
        assert dated(f"on 3 {name} 2024").split() == ["on", f"2024-{number}-3"], name
        assert is_day_first(f"3 {name}") == (name not in f"{month.english} {month.short_english}".split()), name


def test_a_day_before_its_month_ends_no_sentence() -> None:
    for name in [*GERMAN, *ENGLISH]:
        goes_on = f"Es war am 12. {name}, als er kam."
        assert count(goes_on) == 1, name
    for short in SHORT:
        assert count(f"Es war am 12. {short}. 2024, als er kam.") == 1, short
        assert count(f"It was on {short}. 12 in the end.") == 1, short


def test_a_month_that_is_a_word_begins_a_sentence() -> None:
    assert count("It was no. 12. May we go on?") == 2
    assert count("It was no. 12. March on!") == 2


def test_names_are_capitals_of_one_list() -> None:
    assert capitals(month.german for month in MONTHS).split("|") == GERMAN
    assert ENGLISH[0] + ENGLISH[11] == "JanuaryDecember"
