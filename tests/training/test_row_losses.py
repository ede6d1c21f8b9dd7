"""Is a row's loss the model's own, and does a row of another kind stand out?"""

from __future__ import annotations

import math

import pytest

from rung.commands.lint import odd_rows
from rung.errors import UserError
from rung.models.causal.network import open_llama
from rung.progress import Silent
from rung.records import Example, Message
from rung.training import row_losses
from tests.training.tiny import CONFIG, ByteTokens, TinyModel, chats, token_rows

torch = pytest.importorskip("torch")


def test_each_loss_is_a_mean_per_answer_token_of_the_row_alone() -> None:
    losses = row_losses(chats(5), TinyModel())
    model = open_llama(CONFIG, TinyModel().weights(), where="cpu", dtype=torch.float32).model
    for row, loss in zip(token_rows(5), losses, strict=True):
        logits = model(input_ids=torch.tensor([row.ids])).logits[0, row.prompt - 1 : -1]
        alone = float(torch.nn.functional.cross_entropy(logits, torch.tensor(row.ids[row.prompt :])))
        assert loss == pytest.approx(alone, abs=0.1)  # products in bfloat16 where the CPU has it
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
