"""Is what is served what was trained? Greedy text of OpenVINO with the adapter against the trainer's own, token for token.

Two float32 programs add in another order, and the server may round its cache: where the trainer itself holds two tokens for
equally good, to TIE nats, either may be said. Such places are counted, and must be rare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.models.catalog import generator
from rung.models.local import LocalGenerator
from rung.records import Example, Message
from rung.records.steps import Generate, GenerateResult, Request
from rung.training import Recipe, train_generator
from rung.training.examples import Row
from rung.training.greedy import greedy
from rung.training.lora import WEIGHTS, Adapters
from rung.training.network import Network
from rung.training.packing import pack
from rung.training.shape import Shape

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


def served(model: LocalGenerator, prompts: list[tuple[Message, ...]], *, adapter: str) -> list[str]:
    found = dict(model.run([Request(Generate(p, adapter=adapter, max_tokens=SAID)) for p in prompts]))
    results = [found[n] for n in range(len(prompts))]
    assert all(isinstance(r, GenerateResult) for r in results), results
    return [r.text for r in results if isinstance(r, GenerateResult)]


def tuned_network(model: LocalGenerator, folder: Path) -> Network:
    import torch
    from safetensors.torch import load_file

    adapters = Adapters(Shape.of(model.config), rank=RECIPE.rank, alpha=RECIPE.alpha, first=0, seed=0)
    adapters.load(load_file(folder / WEIGHTS))
    weights = {name: torch.from_numpy(w) for name, w in model.weights().items()}
    return Network(weights, Shape.of(model.config), adapters)


def margin(network: Network, prompt: list[int], ours: list[int], theirs: list[int]) -> float:
    """By how many nats the network prefers its own token where the two answers part."""
    apart = next(n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
    before = (*prompt, *ours[:apart])
    one, other = (network.loss(pack([Row((*before, said[apart]), len(before))])) for said in (ours, theirs))
    return other - one


def test_served_text_is_the_trainers(model: LocalGenerator, tmp_path: Path) -> None:
    examples = commands(48 + PROMPTS)
    prompts = [e.messages[:-1] for e in examples[48:]]
    train_generator(examples[:48], model, recipe=RECIPE, folder=tmp_path)
    model.use_adapters({"tuned": tmp_path})
    tuned, untuned = served(model, prompts, adapter="tuned"), served(model, prompts, adapter="")
    network, end = tuned_network(model, tmp_path), model.tokens.end_id
    ids = model.tokens.encode([model.tokens.render(p) for p in prompts])
    ours = greedy(network, ids, end=end, max_tokens=SAID)
    parted = [n for n in range(PROMPTS) if model.tokens.decode(ours[n]) != tuned[n]]
    theirs = dict(zip(parted, model.tokens.encode([tuned[n] for n in parted]), strict=True))
    assert len(parted) <= 2
    assert all(margin(network, ids[n], [*ours[n], end], [*theirs[n], end]) < TIE for n in parted)
    assert sum(a != b for a, b in zip(tuned, untuned, strict=True)) >= PROMPTS * 3 // 4
    assert all(text.startswith("{") for text in tuned)
