"""Is docs/cli.md what the commands say of themselves?"""

from __future__ import annotations

import pytest

from rung.cli.main import FINE, MISSED, STOPPED, YOURS
from tests.docs.commands import OPENING, PAGE, REGENERATE, page, parse


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"docs/cli.md is out of date; write it anew with: {REGENERATE}"


def test_the_exit_codes_are_those_of_the_code() -> None:
    said = next(line for line in OPENING.splitlines() if line.startswith("Exit codes:"))
    assert all(f"{code} " in said for code in (FINE, MISSED, YOURS, STOPPED))


@pytest.mark.parametrize(
    "words", [["compare", "x", "--limt", "3"], ["train"], ["dance", "x"], ["search", "x", "q", "--top", "0"]]
)
def test_a_command_that_does_not_exist_is_caught(words: list[str]) -> None:
    with pytest.raises(ValueError):
        parse(words)
