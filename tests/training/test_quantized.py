"""Does QLoRA run, on the CPU as on a GPU: the same rows and recipe in, the same kind of PEFT folder out?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rung.errors import MissingExtra
from rung.training import Recipe, train_generator
from rung.training.bases import base_of
from rung.training.workers import computed
from tests.training.tiny import WIDE, TinyModel, chats, token_rows

torch = pytest.importorskip("torch")
pytest.importorskip("bitsandbytes")
RECIPE = Recipe(
    rank=4, alpha=8, learning_rate=0.02, epochs=2, batch_rows=4, validation=0.2, seed=5, quantize="4bit", device="cpu"
)


@pytest.mark.slow
def test_it_learns_and_its_folder_is_that_of_whole_weights(tmp_path: Path) -> None:
    told: list[str] = []
    train_generator(
        chats(40), TinyModel(), recipe=RECIPE, folder=tmp_path / "four", progress=lambda _n, _of, note: told.append(note)
    )
    plain = Recipe(rank=4, alpha=8, learning_rate=0.02, epochs=2, batch_rows=4, validation=0.2, seed=5)
    train_generator(chats(40), TinyModel(), recipe=plain, folder=tmp_path / "plain")
    four, other = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("four", "plain"))
    assert four["validation_loss"][-1][1] < four["train_loss"][0][1] * 0.8
    assert four["products_in"].startswith("nf4")
    assert four["rows"] == other["rows"]
    assert four["steps"] == other["steps"]
    assert {p.name for p in (tmp_path / "four").iterdir()} == {p.name for p in (tmp_path / "plain").iterdir()}
    config = json.loads((tmp_path / "four" / "adapter_config.json").read_text())
    assert config == json.loads((tmp_path / "plain" / "adapter_config.json").read_text())
    assert len(told) == four["steps"]


def test_its_loss_and_gradients_are_near_those_of_the_whole_weights() -> None:
    rows, base = token_rows(6), base_of(TinyModel())
    whole, four = (base.learner(replace(RECIPE, quantize=bits), rows) for bits in ("none", "4bit"))
    assert torch.equal(four.values, whole.values)  # a seed means the same in both
    assert four.loss(rows) == pytest.approx(whole.loss(rows), rel=0.2)  # NF4 rounds weights by about a tenth
    total, tokens = four.learn(rows, weight=0.5)
    assert total == pytest.approx(four.loss(rows), rel=1e-5)
    assert tokens == computed(rows) < 6 * (max(len(row.ids) for row in rows) - 1), "packed"
    once = four.gradient.clone()
    assert float(once.norm()) > 0
    four.learn(rows, weight=0.5)
    torch.testing.assert_close(four.gradient, 2 * once)  # it adds up, in the flat tensor that the optimiser sees


@pytest.mark.slow
def test_it_runs_in_the_widths_of_real_models() -> None:
    """Kernels of CPUs with AVX-512 take such layers, and no narrower ones: both widths must come to the same."""
    rows, base = token_rows(4), base_of(TinyModel(config=WIDE))
    four = base.learner(RECIPE, rows)
    before = four.loss(rows)
    assert before == pytest.approx(base.learner(replace(RECIPE, quantize="none"), rows).loss(rows), rel=0.2)
    assert four.learn(rows, weight=0.5)[0] == pytest.approx(before, rel=1e-4)
    assert four.loss(rows) == pytest.approx(before, rel=1e-6)  # looking does not change the weights


def test_padding_is_not_looked_at() -> None:
    rows = sorted(token_rows(10), key=lambda row: len(row.ids))
    four = base_of(TinyModel()).learner(RECIPE, rows)
    assert four.loss([rows[0], rows[-1]]) == pytest.approx(four.loss(rows[:1]) + four.loss(rows[-1:]), rel=1e-5)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtra, match=r"pip install 'rung\[qlora\]'"):
        base_of(TinyModel()).check(RECIPE)
