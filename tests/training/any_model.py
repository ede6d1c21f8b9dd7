"""A tiny model of an architecture, opened by the torch engine, and a recipe by which it learns a few chats by heart."""

from __future__ import annotations

from pathlib import Path

from rung.models.causal.generator import TransformersGenerator
from rung.records import Example, Message
from rung.training import Recipe
from tests.models.tiny_models import tiny_model

BY_HEART = Recipe(
    rank=8, alpha=32, learning_rate=0.01, epochs=50, batch_rows=4, validation=0.0, replay=0.0, checkpoint_seconds=0,
    device="cpu", precision="float32", seed=5,
)  # fmt: skip


def opened(folder: Path, name: str, *, seed: int = 0) -> TransformersGenerator:
    """The tiny model in `folder`, made where it is not there."""
    if not folder.exists():
        tiny_model(folder, name, seed=seed)
    return TransformersGenerator(folder, name=name)


def lessons(count: int = 6) -> list[Example]:
    """Chats of different lengths; the last turn is what is learnt."""
    words = ["one two", "three", "a small world", "five", "six seven eight", "ten"]
    return [
        Example(
            f"e{n}",
            (
                Message("system", "Say it."),
                Message("user", f"{'word ' * (n % 4 * 3 + 1)}{n}"),
                Message("assistant", words[n % len(words)]),
            ),
            place=f"examples.jsonl:{n + 1}",
        )
        for n in range(count)
    ]
