"""Is a row's loss the model's own, and does a row of another kind stand out?"""

from __future__ import annotations

import math

import pytest

from rung.commands.lint import odd_rows
from rung.errors import UserError
from rung.progress import Silent
from rung.records import Example, Message
from rung.training import row_losses
from rung.training.lora import Adapters
from rung.training.network import Network
from rung.training.packing import pack
from rung.training.shape import Shape
from tests.training.tiny import CONFIG, ByteTokens, TinyModel, chats, token_rows


def test_each_loss_is_a_mean_per_answer_token_of_the_row_alone() -> None:
    import torch

    losses = row_losses(chats(5), TinyModel())
    shape = Shape.of(CONFIG)
    weights = {name: torch.from_numpy(w) for name, w in TinyModel().weights().items()}
    network = Network(weights, shape, Adapters(shape, rank=4, alpha=8, first=0, seed=3))
    rows = token_rows(5)
    together = network.loss(pack(rows)) / sum(len(row.ids) - row.prompt for row in rows)
    lengths = [len(row.ids) - row.prompt for row in rows]
    mean = sum(loss * n for loss, n in zip(losses, lengths, strict=True)) / sum(lengths)
    assert mean == pytest.approx(together, abs=0.02)  # products in bfloat16 where the CPU has it
    assert all(math.isfinite(loss) for loss in losses)
    assert len(set(losses)) == 5


def test_progress_is_told_and_other_models_are_refused() -> None:
    told: list[tuple[int, int]] = []
    row_losses(chats(3), TinyModel(), progress=lambda done, total, _note: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(UserError, match="weights are out of reach"):
        row_losses([Example("e", (Message("user", "a"), Message("assistant", "b")))], ByteTokens())


def test_a_row_whose_answer_is_unlike_the_others_is_named() -> None:
    def chat(place: str, said: str) -> Example:
        return Example(place, (Message("user", "How many?"), Message("assistant", said)), place=place)

    answers = [chat(f"rows.jsonl:{n}", letter * 3) for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz", 1)]
    losses = row_losses(answers, TinyModel())
    ordered = [answer for _, answer in sorted(zip(losses, answers, strict=True), key=lambda pair: pair[0])]
    usual, unusual = ordered[0], ordered[-1]
    assert max(losses) - min(losses) > 0.5
    rows = [chat(f"rows.jsonl:{n}", usual.output) for n in range(1, 20)] + [chat("rows.jsonl:99", unusual.output)]
    (found,) = odd_rows(rows, TinyModel(), Silent())
    assert found[0] == "rows.jsonl:99"
    assert "nats per answer token" in found[1]
