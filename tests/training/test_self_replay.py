"""What a model says by itself: the prompts, what is kept of the answers, what ships."""

from __future__ import annotations

import pytest

from rung.dataset import read_examples
from rung.records import Message
from rung.records.steps import Generate, GenerateResult
from rung.training.following import follows
from rung.training.probing import read_probe
from rung.training.self_replay import (
    MAX_TOKENS,
    MOST,
    SHIPPED,
    Asked,
    answered_by_itself,
    chats_for,
    general_prompts,
    prompts_for,
    shipped,
)


def test_prompts_differ_and_none_is_of_the_probe_that_measures_forgetting() -> None:
    prompts = general_prompts()
    texts = {prompt.text for prompt in prompts}
    assert len(texts) == len(prompts) > 1000
    assert len({str(prompt.check) for prompt in prompts[:60]}) > 8  # the first ones are of many forms
    probe = read_probe()
    asked = {i.prompt for i in probe.instructions} | {m.content for e in probe.examples for m in e.messages}
    assert not texts & asked
    assert general_prompts() == prompts


@pytest.mark.parametrize(
    ("text", "tokens", "stays"),
    [
        ("1. Rivers flow.\n2. They are wet.\n3. They end.", 20, True),
        ("Rivers flow, and are wet.", 20, False),
        ("1. Rivers flow.\n2. They are wet.\n3. They", MAX_TOKENS, False),
    ],
)
def test_an_answer_stays_that_ends_and_keeps_its_form(text: str, tokens: int, stays: bool) -> None:
    asked = Asked("Give three facts about rivers as a numbered list.", {"kind": "numbered", "least": 3})
    conversation = answered_by_itself(asked)
    step = next(conversation)
    assert isinstance(step, Generate)
    assert step.messages == (Message("user", asked.text),)
    assert (step.temperature, step.adapter) == (0, "")
    with pytest.raises(StopIteration) as stop:
        conversation.send(GenerateResult(text, 10, tokens))
    chat = stop.value.value
    assert (chat is not None) is stays
    assert chat is None or chat.output == text


def test_what_ships_was_said_to_these_prompts_and_keeps_their_forms() -> None:
    checks = {prompt.text: prompt.check for prompt in general_prompts()}
    chats = list(read_examples(SHIPPED, []))
    assert len(chats) > 150
    for chat in chats:
        assert follows(chat.output, checks[chat.messages[0].content]), chat.id
    assert shipped("smollm2-135m-instruct") == SHIPPED
    assert shipped("gguf:other.gguf") is None


def test_how_many_are_needed() -> None:
    assert chats_for(90, 0.1) == 10
    assert chats_for(10**6, 0.1) == MOST
    assert prompts_for(10) == 28
    assert prompts_for(1) == 8
