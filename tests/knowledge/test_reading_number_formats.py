"""Is a number written as a spreadsheet shows it?"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rung.knowledge.readers.number_formats import BUILT_IN, FormatError, general, number_format

ACCOUNTING = '_-* #,##0.00 €_-;-* #,##0.00 €_-;_-* "-"?? €_-;_-@_-'
PHONE = "[<=9999999]###-####;(###) ###-####"


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("General", 12.5, "12.5"),
        ("General", 0.1 + 0.2, "0.3"),
        ("General", 1234567890123, "1234567890123"),
        ("General", 0.00001, "0.00001"),
        ("General", 1.5e17, "1.5E+17"),
        ('General" kg"', 5, "5 kg"),
        ("0%", 1, "100%"),
        ("0.0%", 0.256, "25.6%"),
        ("0 %", 0.5, "50 %"),
        ("#,##0.00", 1234567.891, "1,234,567.89"),
        ("#,##0", -1234, "-1,234"),
        ("#,##0;(#,##0)", -1234, "(1,234)"),
        ("0.00", -0.001, "0.00"),
        ("0", 2.5, "3"),
        ("0.00", 1.005, "1.01"),
        ('#,##0.00 "€"', 1234.5, "1,234.50 €"),
        ("[$€-407] #,##0.00", 5, "€ 5.00"),
        ("$#,##0.00", -3.456, "-$3.46"),
        (ACCOUNTING, -12.5, "-12.50 €"),
        (ACCOUNTING, 0, "- €"),
        ("00000", 42, "00042"),
        ("000-00-0000", 123456789, "123-45-6789"),
        (PHONE, 5551234567, "(555) 123-4567"),
        (PHONE, 5551234, "555-1234"),
        ("0.00E+00", 123456, "1.23E+05"),
        ("##0.0E+0", 123456, "123.5E+3"),
        ("# ?/?", 1.25, "1 1/4"),
        ("# ?/8", 0.5, "4/8"),
        ("#,##0,", 1234567, "1,235"),
        ('0.0,,"M"', 12345678, "12.3M"),
        ("#.##", 0.5, ".5"),
        ("+0.0;-0.0", 3, "+3.0"),
        ('[=1]"yes";[=0]"no";0', 1, "yes"),
        ('[>=1000]#,##0,"K";0', 15, "15"),
        ('[Red][<0]-0.0;[Blue]0.0;"nil"', -2, "-2.0"),
        ('"Q"0', 3, "Q3"),
        ("@", 5, "5"),
        ("0;;;@", -3, ""),
        (";;;", 3, ""),
    ],
)
def test_numbers(code: str, value: float, shown: str) -> None:
    assert number_format(code).text(value) == shown


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("yyyy-mm-dd", 46024, "2026-01-02"),
        ("dd.mm.yyyy", 46024, "02.01.2026"),
        ("d. mmmm yyyy", 46024, "2. January 2026"),
        ("ddd, d mmm yy", 46024, "Fri, 2 Jan 26"),
        ("[$-409]mmmm d, yyyy;@", 46024, "January 2, 2026"),
        ('yyyy"年"m"月"d"日"', 46024, "2026年1月2日"),
        ("m/d/yyyy h:mm", 46024.25, "1/2/2026 6:00"),
        ("h:mm AM/PM", 0.75, "6:00 PM"),
        ("h:mm AM/PM", 0, "12:00 AM"),
        ("hh:mm", 46024 + 7.5 / 24, "07:30"),
        ("h:mm", 0.333333, "8:00"),
        ("mm:ss.0", 63.04 / 86400, "01:03.0"),
        ("[h]:mm", 1.5, "36:00"),
        ("[h]:mm:ss", 100 / 24 + 1 / 86400, "100:00:01"),
        ("[mm]:ss", 0.0625, "90:00"),
        ("[s]", 1.5, "129600"),
        ('[h]"h "mm"m"', 1.51, "36h 14m"),
        ("[h]:mm", -0.25, "-6:00"),
        ("yyyy-mm-dd", 60, "1900-02-29"),
        ("d-mmm", 1, "1-Jan"),
        ("yyyy-mm-dd", -1, "-1"),
        ("yyyy-mm-dd", 1e9, "1000000000"),
    ],
)
def test_dates_times_and_durations(code: str, value: float, shown: str) -> None:
    assert number_format(code).text(value) == shown


def test_dates_of_the_other_beginning_of_time() -> None:
    assert number_format("yyyy-mm-dd").text(46024 - 1462, date1904=True) == "2026-01-02"


def test_texts_have_a_section_of_their_own() -> None:
    assert number_format('0;-0;0;"Mr. "@').of_text("Smith") == "Mr. Smith"
    assert number_format("#,##0.00").of_text("n/a") == "n/a"
    assert number_format(";;;").of_text("secret") == ""


@pytest.mark.parametrize("code", ["ggge", "0;0;0;0;0", "[$-411]ggge年", "0.0[UNKNOWN]"])
def test_what_is_not_understood_is_no_format(code: str) -> None:
    with pytest.raises(FormatError):
        number_format(code)


def test_the_built_in_formats_are_understood() -> None:
    for code in BUILT_IN.values():
        assert number_format(code).text(1234.5)


@example(2.0806633505350878e303, "d")  # its seconds are no number
@example(float("nan"), "yyyy-mm-dd")
@example(float("inf"), "[h]:mm")
@given(st.floats(), st.text(alphabet='0#?.,%/E+-dmyhs[]"@;_* $\\GeneralAP/', max_size=14))
def test_any_number_in_any_format_is_text(value: float, code: str) -> None:
    try:
        form = number_format(code)
    except FormatError:
        return
    assert isinstance(form.text(value), str)
    assert isinstance(form.of_text("x"), str)


@given(st.floats(-1e307, 1e307))
def test_a_number_without_a_format_keeps_fifteen_digits(value: float) -> None:
    assert float(general(value)) == pytest.approx(value, rel=1e-14)
