"""What of a model's text is its answer: whole, and while it grows in pieces of any size."""

from __future__ import annotations

import pytest

from rung.models.reasoning import Listening, spoken

ANSWERS = [
    ("nine", "nine"),
    ("\u200bnine\u00a0\n", "nine"),
    ("\ufeff \u2060nine", "nine"),
    ("<think>\nSeven? No, nine.\n</think>\n\nnine", "nine"),
    ("\n<THINK>a</THINK>nine", "nine"),
    ("<think></think>\n\nnine", "nine"),
    ("<think>a</think><think>b</think>nine", "nine"),
    ("<thought>a</thought>nine", "nine"),
    ("[THINK]a[/THINK]nine", "nine"),
    ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>nine<|END_RESPONSE|>", "nine"),
    ("Well: <think>seven?</think>nine", "Well: nine"),
    ("<|channel|>final<|message|>nine", "nine"),
    ("<|channel|>analysis<|message|>Seven?<|end|><|start|>assistant<|channel|>final<|message|>nine<|return|>", "nine"),
    ("analysis<|message|>Seven?<|end|><|start|>assistant<|channel|>final<|message|>nine", "nine"),
    ('<|channel|>final <|constrain|>json<|message|>{"a": 1}', '{"a": 1}'),
    ("analysisThe user asks how many.assistantfinalnine", "nine"),
    ("nine<|im_end|>", "nine"),
    ("nine</s>\n", "nine"),
    # not marks, and not reasoning
    ("Use the `<think>` tag; `</think>` ends it.", "Use the `<think>` tag; `</think>` ends it."),
    ("The <think> tag opens a block.", "The <think> tag opens a block."),
    ("Channels are written <|channel|> there.", "Channels are written <|channel|> there."),
    ("analysis of the sample", "analysis of the sample"),
    ("a < b, [1] and <p>text</p>", "a < b, [1] and <p>text</p>"),
    ('{"think": "<think>"}', '{"think": "<think>"}'),
    ("", ""),
]
NOTHING = ["<think>Seven? No,", "<think>", "<|channel|>analysis<|message|>Seven?", "[THINK]a", "<think>a</think><think>b"]


@pytest.mark.parametrize(("said", "answer"), ANSWERS)
def test_the_answer_is_what_stands_outside_of_reasoning(said: str, answer: str) -> None:
    assert spoken(said).text == answer
    assert not spoken(said).open


@pytest.mark.parametrize("said", NOTHING)
def test_reasoning_that_never_ends_is_no_answer(said: str) -> None:
    assert spoken(said).text == ""
    assert spoken(said).open


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize("said", [*(said for said, _ in ANSWERS), *NOTHING])
def test_pieces_that_are_shown_make_the_answer(said: str, size: int) -> None:
    listening = Listening()
    shown = [listening.hear(said[at : at + size]) for at in range(0, len(said), size)]
    rest, found = listening.end()
    assert "".join(shown) + rest == found.text == spoken(said).text


def test_an_answer_is_shown_while_it_grows() -> None:
    listening = Listening()
    assert [listening.hear(piece) for piece in ("Hel", "lo ", "wor", "ld [1]", ".")] == ["Hel", "lo", " wor", "ld [1]", "."]


@pytest.mark.parametrize("said", ["Seven? No.\n</think>\n\nnine", "Seven? No.</think>\nnine"])
def test_a_closing_mark_that_nothing_opened_ends_reasoning(said: str) -> None:
    """Templates that open the block in the prompt; what was shown before the mark came was too much."""
    assert spoken(said).text == "nine"
    listening = Listening()
    for letter in said:
        listening.hear(letter)
    assert listening.end()[1].text == "nine"
