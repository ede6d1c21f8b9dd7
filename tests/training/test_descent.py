"""One loop for all trainings: it goes on from where it was stopped, keeps the best, and answers memory that ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from rung.errors import BudgetEnded, Interrupted, UserError  # noqa: E402
from rung.training.checkpoint import Source, load  # noqa: E402
from rung.training.descent import NoNumber  # noqa: E402
from rung.training.stepping import Objective, Stepping  # noqa: E402

STEPS, A_PASS = 12, 4
Learn = Callable[[int, int], float]


@dataclass(frozen=True)
class Brisk:
    """What the loop needs of a recipe; a checkpoint is due after every step."""

    learning_rate: float = 0.1
    warmup: float = 0.0
    clip: float = 10.0
    checkpoint_seconds: float = 0.0


def quiet(_step: int, _of: int, _note: str | None = None) -> None:
    """Nobody listens."""


class Bowl:
    """Down to 1 in each of three directions; held out is the way to `held`. `room`: tokens that the memory holds at once."""

    def __init__(self, held: float | None = 1.0, room: int = 100_000) -> None:
        self.values, self.gradient = torch.zeros(3), torch.zeros(3)
        self.held, self.room, self.asked = held, room, list[int]()

    def _holds(self, tokens: int) -> None:
        self.asked.append(tokens)
        if tokens > self.room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    def learn(self, _step: int, tokens: int) -> float:
        self.gradient.add_(2 * (self.values - 1))  # what was added before memory ran out must not stay
        self._holds(tokens)
        return float(((self.values - 1) ** 2).sum())

    def look(self, tokens: int) -> float | None:
        self._holds(tokens // 4)
        return None if self.held is None else float(((self.values - self.held) ** 2).sum())

    def stepping(
        self, folder: Path, *, learn: Learn | None = None, validate: Callable[[int], float | None] | None = None
    ) -> Stepping:
        folder.mkdir(exist_ok=True)
        return Stepping(
            Objective(self.values, self.gradient, learn or self.learn, validate or self.look),
            steps=STEPS,
            a_pass=A_PASS,
            pace=Brisk(),
            source=Source(folder, "of"),
            most_tokens=8192,
        )


@pytest.mark.parametrize("raised", [KeyboardInterrupt, BudgetEnded("no money left")])
def test_a_training_that_was_stopped_goes_on_to_the_same_values(tmp_path: Path, raised: BaseException) -> None:
    def stop(step: int, _of: int, _note: str | None = None) -> None:
        if step == 5:
            raise raised

    whole, broken, rest = Bowl(), Bowl(), Bowl()
    whole.stepping(tmp_path / "whole").run(quiet)
    with pytest.raises((Interrupted, BudgetEnded), match=r"stopped at step 5 of 12: .* goes on from there|no money"):
        broken.stepping(tmp_path / "broken").run(stop)
    stepping = rest.stepping(tmp_path / "broken")
    assert stepping.now.step == 5
    done = stepping.run(quiet)
    assert torch.equal(rest.values, whole.values)
    assert [step for step, _ in done.validation] == [4, 8, 12]


def test_half_a_step_is_no_checkpoint(tmp_path: Path) -> None:
    """The values have moved and nobody has looked: what was written last is what is gone on from."""
    bowl = Bowl()

    def pressed(_tokens: int) -> float:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="stopped at step 4 of 12: the same command goes on from its last checkpoint"):
        bowl.stepping(tmp_path, validate=pressed).run(quiet)
    saved = load(tmp_path, of="of")
    assert saved is not None
    assert saved[1].step == 3


@pytest.mark.parametrize(("held", "kept"), [(1.0, None), (0.0, 4), (None, None)])
def test_the_best_pass_is_what_is_left(tmp_path: Path, held: float | None, kept: int | None) -> None:
    bowl, after = Bowl(held), dict[int, Any]()

    def note(step: int, _of: int, _note: str | None = None) -> None:
        after[step] = bowl.values.clone()

    bowl.stepping(tmp_path).run(note)
    assert torch.equal(bowl.values, after[kept or STEPS])


def test_memory_that_ends_is_answered_and_comes_to_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole, narrow = Bowl(), Bowl(room=3000)
    for name, bowl in (("whole", whole), ("narrow", narrow)):
        bowl.stepping(tmp_path / name).run(quiet)
    assert [record.args for record in caplog.records] == [(4096,), (2048,)]
    assert torch.equal(narrow.values, whole.values)


def test_memory_that_ends_where_one_looks_is_answered_as_well(tmp_path: Path) -> None:
    wide, tight = Bowl(), Bowl(room=1000)
    stepping = wide.stepping(tmp_path, validate=tight.look)
    stepping.run(quiet)
    assert tight.asked[:3] == [2048, 1024, 512]
    assert len(stepping.now.validation) == 3


def test_memory_that_is_too_small_and_other_errors_are_said(tmp_path: Path) -> None:
    says = r"memory is too small to train with parts of 256 tokens: close other programs, .* \(DefaultCPUAllocator: can't"
    with pytest.raises(UserError, match=says):
        Bowl(room=10).stepping(tmp_path).run(quiet)

    def broken(_step: int, _tokens: int) -> float:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot"):
        Bowl().stepping(tmp_path, learn=broken).run(quiet)
    with pytest.raises(NoNumber, match=r"the loss is no number at step 1 of 12: lower learning_rate \(now 0\.1\)"):
        Bowl().stepping(tmp_path, learn=lambda _step, _tokens: float("nan")).run(quiet)
