"""Which replies are instructions, and which are none?"""

from __future__ import annotations

import pytest

from rung.strategies.optimising import LONGEST, instruction_of

TASK = "Answer customers."


@pytest.mark.parametrize(
    ("reply", "instruction"),
    [
        ("<instruction>Name the colour.</instruction>", "Name the colour."),
        ("Sure!\n<INSTRUCTION>\nName the colour.\n</INSTRUCTION>\nI hope it helps.", "Name the colour."),
        ("Name the colour.", "Name the colour."),
        ('"Name the colour."', "Name the colour."),
        ("New instruction: Name the colour.", "Name the colour."),
        ("**Instruction:** Name the colour.", "Name the colour."),
        ("```text\nName the colour.\n```", "Name the colour."),
        ("<instruction>Name the colour.", "Name the colour."),
        ("<instruction>If you do not know, say: I don't know.</instruction>", "If you do not know, say: I don't know."),
        ("回答颜色的名称，并且只回答颜色。", "回答颜色的名称，并且只回答颜色。"),
        *((reply, "") for reply in ("", " \n", "?!", "I don't know.", TASK, f"<instruction>{TASK}</instruction>", "ok")),
        ("a b " * LONGEST, ""),
    ],
)
def test_what_a_reply_holds(reply: str, instruction: str) -> None:
    assert instruction_of(reply, TASK) == instruction
