"""Does the text work behind the examples cut sentences where they end? Needs no data."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "example_text.py"


@pytest.fixture(scope="module")
def text_work() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_text", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "wanted",
    [
        ["It began in 1973.", "It ended in 1974."],
        ["Mr. Smith met Dr. Jones in St. Louis.", "They ate."],
        ["The U.S. Senate voted.", 'He said "No."', "Then he left."],
        ["Cells (e.g. T cells) do this, cf. Fig. two.", "Others (i.e. NK cells) do not!"],
        ["It peaked at 3.5 million barrels.", "It fell."],
        ["Is it so?", "(Yes.)", "“Quite so.”", "9 men agree."],
        ["William E. Simon spoke."],
    ],
)
def test_sentences_end_where_they_end(text_work: ModuleType, wanted: list[str]) -> None:
    text = " ".join(wanted)
    assert [text[start:end] for start, end in text_work.sentences(text)] == wanted


@pytest.mark.parametrize(
    ("sentence", "clean"),
    [
        ("The treaty was signed in 1993.", True),
        ("revolted against royal authority.", False),
        ("Between 1621 and 1629. revolted against it.", False),
        ("A form of vitamin D. Not only that.", False),
        ('He said "No.', False),
        ("It was (he said so.", False),
        ("It has no end", False),
        ("", False),
    ],
)
def test_only_sure_sentences_are_used(text_work: ModuleType, sentence: str, clean: bool) -> None:
    assert text_work.is_clean(sentence) is clean


def test_tidy_text_knows_where_its_characters_came_from(text_work: ModuleType) -> None:
    source = "It fell.[citation needed]  It rose again.\n\nFour [sic] times. "
    text, kept = text_work.tidy(source)
    assert text == "It fell. It rose again. Four [sic] times."
    assert all(source[origin] == char or source[origin].isspace() for origin, char in zip(kept, text, strict=True))
    assert kept == tuple(sorted(kept))


def test_near_texts_are_refused(text_work: ModuleType) -> None:
    seen = text_work.Seen(0.7)
    seen.add("Play the new album by Queen")
    assert seen.near("play the new album by queen!")
    assert seen.near("Play the new albums by Queen")
    assert not seen.near("Book a table for two in Rome")
