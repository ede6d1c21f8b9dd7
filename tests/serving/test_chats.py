"""Whose chats are taken, where who answers reads no instruction."""

from __future__ import annotations

import pytest

from rung.models.scripted import ScriptedGenerator
from rung.pipeline.pinned_strategy import PinnedStrategy
from rung.records import StrategySpec
from rung.serving.chats import Turn, chat_of
from rung.serving.deployments import Deployment
from rung.serving.refusal import NotAnswered
from rung.strategies.registry import make_strategy


def deployment(rung: str) -> Deployment:
    strategy = make_strategy(StrategySpec("prompt"))
    return Deployment(
        "label", PinnedStrategy(rung, strategy, ("scripted",), spec=StrategySpec(rung)), {}, ScriptedGenerator()
    )


@pytest.mark.parametrize("rung", ["classifier", "router"])
def test_an_instruction_is_refused_where_nobody_reads_it(rung: str) -> None:
    turns = [Turn(role="system", content="Be short."), Turn(role="user", content="Nine?")]
    with pytest.raises(NotAnswered, match="reads no instruction") as refused:
        chat_of(turns, deployment(rung))
    assert refused.value.param == "messages[0].role"
    assert chat_of(turns[1:], deployment(rung)).instruction == ""
    assert chat_of(turns, deployment("rag")).instruction == "Be short."


def test_an_instruction_counts_as_part_of_what_the_model_is_shown() -> None:
    with pytest.raises(NotAnswered) as refused:
        chat_of([Turn(role="system", content="word " * 100_000), Turn(role="user", content="Nine?")], deployment("rag"))
    assert refused.value.code == "context_length_exceeded"
