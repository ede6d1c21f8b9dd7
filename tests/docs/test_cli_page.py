"""Is docs/cli.md what the commands say of themselves?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung import errors
from rung.cli.main import FINE, MISSED, STOPPED, YOURS
from rung.errors import CODES, UserError
from tests.docs.commands import OPENING, PAGE, REGENERATE, page, parse


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"docs/cli.md is out of date; write it anew with: {REGENERATE}"


def test_the_exit_codes_are_those_of_the_code() -> None:
    said = next(line for line in OPENING.splitlines() if line.startswith("Exit codes:"))
    assert all(f"{code} " in said for code in (FINE, MISSED, YOURS, STOPPED))


def kinds(of: type[UserError]) -> Iterator[str]:
    yield of.kind
    for one in of.__subclasses__():
        yield from kinds(one)


def literal_codes(path: Path) -> Iterator[str]:
    """The `code="…"` of every error that is raised or shown in this module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Error", "_fail", "_as_json")):
            given = (word.value for word in node.keywords if word.arg == "code")
            yield from (str(value.value) for value in given if isinstance(value, ast.Constant))


def test_the_codes_of_errors_are_those_that_the_page_lists() -> None:
    source = Path(errors.__file__).parent
    modules = [path for path in source.rglob("*.py") if path.parent.name != "serving"]  # its codes are OpenAI's
    used = {*kinds(UserError), *(code for path in modules for code in literal_codes(path))}
    assert {"not_allowed", "server", "usage"} <= used
    assert used == set(CODES)
    assert all(f"| `{code}` | {what} |" in OPENING for code, what in CODES.items())


@pytest.mark.parametrize(
    "words", [["compare", "x", "--limt", "3"], ["train"], ["dance", "x"], ["search", "x", "q", "--top", "0"]]
)
def test_a_command_that_does_not_exist_is_caught(words: list[str]) -> None:
    with pytest.raises(ValueError):
        parse(words)
