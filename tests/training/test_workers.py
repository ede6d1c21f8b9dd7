"""Parts of a batch, computed side by side: is everything learnt once, and the same however often it is done?"""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from rung.errors import Interrupted  # noqa: E402
from rung.training.bases import base_of  # noqa: E402
from rung.training.batches import pieces  # noqa: E402
from rung.training.checkpoint import Source  # noqa: E402
from rung.training.examples import Row  # noqa: E402
from rung.training.learning import Learning  # noqa: E402
from rung.training.workers import MOST, Workers, computed, shares  # noqa: E402
from tests.training.tiny import RECIPE, TinyModel, token_rows  # noqa: E402


@pytest.mark.parametrize("count", [1, 2, 3, 5, 16])
@pytest.mark.parametrize("workers", [2, 3, MOST])
def test_every_row_is_dealt_once_and_nobody_has_much_more_than_another(count: int, workers: int) -> None:
    rows = token_rows(count)
    dealt = shares([rows[: count // 2], rows[count // 2 :]] if count > 3 else [rows], workers)
    assert sorted(map(id, (row for mine in dealt for part in mine for row in part))) == sorted(map(id, rows))
    assert len(dealt) == (workers if count >= workers else 1)
    if count == 16:
        loads = [sum(map(computed, mine)) for mine in dealt]
        assert max(loads) <= 1.7 * min(loads)


@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("count", [4, 8, 9, 32])
def test_rows_of_one_length_keep_every_worker_busy(count: int, workers: int) -> None:
    rows = [Row(tuple(range(100)) + (n + 200,) * 20, 110) for n in range(count)]
    for parts in ([rows], [rows[: count // 2], rows[count // 2 :]]):
        dealt = shares(parts, workers)
        assert len(dealt) == workers
        assert all(dealt)


@pytest.mark.parametrize(("threads", "count"), [(1, 1), (2, 2), (3, 3), (5, 4), (6, 3), (7, 3), (8, 4), (16, 4)])
def test_few_threads_are_left_idle(threads: int, count: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    assert Workers.fitting() == count
    torch.set_num_threads(before)


def test_a_training_that_was_stopped_ends_with_the_same_bytes(two_threads: None, tmp_path: Path) -> None:
    def learning(name: str) -> Learning:
        learner = base_of(TinyModel()).learner(RECIPE, token_rows(40))
        assert learner.workers is not None
        return Learning(token_rows(40), token_rows(4), learner, recipe=RECIPE, source=Source(tmp_path / name, "of"))

    def quiet(_step: int, _of: int, _note: str | None = None) -> None:
        """Nobody listens."""

    def stop(step: int, _of: int, _note: str | None = None) -> None:
        if step == 13:
            raise KeyboardInterrupt

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = learning("a")
    whole.run(quiet)
    with pytest.raises(Interrupted):
        learning("b").run(stop)
    rest = learning("b")
    assert rest.now.step > 10
    rest.run(quiet)
    assert torch.equal(rest.learner.values, whole.learner.values)


def test_side_by_side_is_the_same_gradient_every_time(two_threads: None) -> None:
    rows = token_rows(13)
    parts = list(pieces(rows, most=200))
    learner = base_of(TinyModel()).learner(RECIPE, rows)
    assert learner.workers is not None
    learner.values.add_(0.01)  # B begins at zero, and A without a gradient
    whole = learner.learn_parts(parts, weight=0.5)
    side_by_side = learner.gradient.clone()
    learner.gradient.zero_()
    assert learner.learn_parts(parts, weight=0.5) == whole
    assert torch.equal(learner.gradient, side_by_side)
    learner.gradient.zero_()
    alone = [learner.learn(part, weight=0.5) for part in parts]
    assert sum(loss for loss, _ in alone) == pytest.approx(whole[0], rel=1e-5)
    torch.testing.assert_close(learner.gradient, side_by_side, rtol=1e-3, atol=1e-5)


def test_an_error_of_one_part_is_raised_when_all_have_ended(two_threads: None) -> None:
    ended: list[int] = []

    def breaks() -> int:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        Workers(2).each([breaks, lambda: len(ended.append(1) or ended)])  # type: ignore[func-returns-value]
    assert ended == [1]
    assert torch.get_num_threads() == 2
