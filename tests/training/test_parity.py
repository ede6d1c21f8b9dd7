"""Is what is served what was trained? Greedy text of OpenVINO with the adapter against the trainer's model, by token.

Two float32 programs add in another order, and the server may round its cache: where the trainer itself holds two tokens for
equally good, to TIE nats, either may be said. Such places are counted, and must be rare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.models.catalog import generator
from rung.models.hosts import gguf_file
from rung.models.local import LocalGenerator
from rung.records import Example, Message
from rung.training import Recipe, train_generator
from rung.training.export import Tuned
from rung.training.parity import check, served_answers

pytestmark = pytest.mark.slow
ROWS = Path(__file__).parents[2] / "examples" / "commands" / "examples" / "train.jsonl"
RECIPE = Recipe(rank=8, alpha=16, learning_rate=2e-3, epochs=1, batch_rows=4, validation=0.0)
PROMPTS, SAID, TIE = 24, 40, 0.01


@pytest.fixture(scope="module")
def model() -> Iterator[LocalGenerator]:
    opened = generator("smollm2-135m-instruct")
    assert isinstance(opened, LocalGenerator)
    yield opened
    opened.close()


def commands(count: int) -> list[Example]:
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()[:count]]
    turns = [tuple(Message(m["role"], m["content"]) for m in row["messages"] if m["role"] != "system") for row in rows]
    return [Example(str(n), (Message("system", "Turn the command into JSON."), *said)) for n, said in enumerate(turns)]


def test_served_text_is_the_trainers(model: LocalGenerator, tmp_path: Path) -> None:
    examples = commands(48 + PROMPTS)
    prompts = [e.messages[:-1] for e in examples[48:]]
    train_generator(examples[:48], model, recipe=RECIPE, folder=tmp_path)
    model.use_adapters({"tuned": tmp_path})
    tuned = Tuned(tmp_path, model, gguf_file(model.name))
    (found,) = check("peft", tmp_path, tuned, prompts, engine=model, digest="tuned", max_tokens=SAID)
    assert len(found.parted) <= 2
    assert all(one.margin is not None and one.margin < TIE for one in found.parted), found
    texts = [[one.text for one in served_answers(model, adapter, prompts, max_tokens=SAID)] for adapter in ("tuned", "")]
    assert sum(a != b for a, b in zip(*texts, strict=True)) >= PROMPTS * 3 // 4
    assert all(text.startswith("{") for text in texts[0])
