"""What happens when memory runs out? The step is computed in smaller parts, comes to the same, and it is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from rung.errors import UserError
from rung.models.precision import multiplies_bfloat16
from rung.training import Recipe, train_generator
from rung.training.examples import Row
from rung.training.learner import Written
from rung.training.learning import Learning, Source
from rung.training.network import Network
from rung.training.shape import Shape
from tests.training.tiny import CONFIG, RECIPE, TinyModel, chats, token_rows

torch = pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
SHAPE = Shape.of(CONFIG)
LIMITED = """
import ctypes, gc, json, resource, sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
from rung.errors import UserError
from rung.records import Example, Message
from rung.training import Recipe, train_generator
from tests.training.tiny import WIDE, TinyModel
rows = [Example(str(n), (Message("user", f"{n} " + "x" * 90), Message("assistant", "word " * 4))) for n in range(16)]
recipe = Recipe(rank=4, epochs=1, batch_rows=16, validation=0.0, precision=sys.argv[2])
folder = Path(sys.argv[1])
train_generator(rows[:2], TinyModel(config=WIDE), recipe=replace(recipe, batch_rows=1), folder=folder / "warm")
trim = ctypes.CDLL(None).malloc_trim
for room in range(150, 0, -15):
    gc.collect()
    trim(0)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room * 1_000_000, resource.RLIM_INFINITY))
    try:
        train_generator(rows, TinyModel(config=WIDE), recipe=recipe, folder=folder / str(room))
    except UserError as error:
        print("refused", room, error)
        continue
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if notes := json.loads((folder / str(room) / "manifest.json").read_text())["notes"]:
        print("halved", room, notes)
        break
"""


class Scarce(Written):
    """A memory that holds no more than so many tokens at once."""

    room = 10**9

    def learn(self, rows: Sequence[Row], *, weight: float, network: Network | None = None) -> tuple[float, int]:
        total, tokens = super().learn(
            rows, weight=weight, network=network
        )  # it fails late: half a gradient has been added by then
        if tokens > self.room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4194304 bytes")
        return total, tokens


def learnt(room: int, folder: Path, precision: Literal["float32", "bfloat16"] = "float32") -> Learning:
    recipe = Recipe(
        rank=4, alpha=8, learning_rate=0.02, epochs=1, batch_rows=8, validation=0.0, device="cpu", precision=precision
    )
    learner = Scarce(TinyModel().weights(), SHAPE, recipe)
    learner.room = room
    learning = Learning(token_rows(24), (), learner, recipe=recipe, source=Source(folder, "of"))
    learning.run(lambda _n, _of, _note: None)
    return learning


@pytest.mark.slow
def test_smaller_parts_come_to_the_same_weights_and_it_is_said(tmp_path: Path) -> None:
    whole, parts = learnt(10**9, tmp_path), learnt(110, tmp_path)
    assert not whole.notes
    assert parts.most < whole.most
    assert "out of memory at step 1: from there on at most" in parts.notes[0]
    torch.testing.assert_close(whole.learner.values, parts.learner.values, rtol=1e-3, atol=1e-5)
    assert [loss for _, loss in whole.now.curve] == pytest.approx([loss for _, loss in parts.now.curve], rel=1e-4)
    assert parts.now.computed > whole.now.computed  # the shared beginning is computed for each part


def test_side_by_side_parts_come_after_another_before_they_are_made_smaller(tmp_path: Path, two_threads: None) -> None:
    whole, parts = learnt(10**9, tmp_path), learnt(110, tmp_path)
    assert not whole.notes
    assert "one part of a step is computed after another" in parts.notes[0]
    assert "from there on at most" in parts.notes[1]
    torch.testing.assert_close(whole.learner.values, parts.learner.values, rtol=1e-3, atol=1e-5)
    with pytest.raises(UserError, match=r"the memory does not hold one row of \d+ tokens"):
        learnt(3, tmp_path / "less")


@pytest.mark.slow
def test_in_bfloat16_smaller_parts_come_near_it(tmp_path: Path) -> None:
    """Sums of other lengths round otherwise: eight bits of mantissa, three steps."""
    whole, parts = learnt(10**9, tmp_path, "bfloat16"), learnt(110, tmp_path, "bfloat16")
    assert parts.notes
    assert [loss for _, loss in whole.now.curve] == pytest.approx([loss for _, loss in parts.now.curve], rel=0.01)


@pytest.mark.slow
def test_a_memory_that_does_not_hold_one_row_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the memory does not hold one row of \d+ tokens: lower max_tokens"):
        learnt(3, tmp_path)


def test_other_errors_are_not_taken_for_it(tmp_path: Path) -> None:
    class Broken(Written):
        def learn(self, rows: Sequence[Row], *, weight: float, network: Network | None = None) -> tuple[float, int]:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    learning = Learning(
        token_rows(8), (), Broken(TinyModel().weights(), SHAPE, RECIPE), recipe=RECIPE, source=Source(tmp_path, "of")
    )
    with pytest.raises(RuntimeError, match="shapes cannot"):
        learning.run(lambda _n, _of, _note: None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "precision",
    [
        "float32",
        pytest.param("bfloat16", marks=pytest.mark.skipif(not multiplies_bfloat16(), reason="emulated here: minutes")),
    ],
)
def test_a_process_that_may_not_grow_halves_its_parts_and_goes_on(tmp_path: Path, precision: str) -> None:
    """The machine's own limit, and torch's own error."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), precision],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )
    assert "halved" in done.stdout, done.stdout + done.stderr[-2000:]
    assert "at most" in done.stdout
    assert "out of memory at step" in done.stderr


def test_what_was_said_is_kept_with_the_artifact(tmp_path: Path) -> None:
    train_generator(chats(20), TinyModel(), recipe=RECIPE, folder=tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["notes"] == []
