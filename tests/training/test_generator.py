"""From examples to an artifact: does it learn, repeat itself, survive what may happen, and say what went wrong?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rung.errors import Interrupted, MissingExtra, UserError
from rung.records import Json
from rung.training import Recipe, train_generator
from rung.training.checkpoint import CHECKPOINT
from rung.training.generator import has_begun
from tests.killing import killed
from tests.training.tiny import RECIPE, TinyModel, chats

pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
ALONE = """
import sys
from pathlib import Path
from tests.training.tiny import RECIPE, TinyModel, chats
from rung.training import train_generator
train_generator(chats(40), TinyModel(), recipe=RECIPE, folder=Path(sys.argv[1]))
"""


def weights(folder: Path) -> bytes:
    return (folder / "adapter_model.safetensors").read_bytes()


@pytest.mark.slow
def test_it_learns_and_says_how(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    trained = train_generator(
        chats(40), TinyModel(), recipe=RECIPE, folder=tmp_path, progress=lambda n, of, note: told.append((n, of, note))
    )
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert trained.steps == 36  # 36 rows to learn, 4 held out
    assert [n for n, _, _ in told] == list(range(1, 37))
    assert "loss" in told[0][2]
    assert "tokens/s" in told[0][2]
    assert "left" in told[0][2]
    first, last = manifest["train_loss"][0][1], manifest["train_loss"][-1][1]
    assert last < first * 0.6
    assert trained.loss == last
    assert len(manifest["validation_loss"]) == 4
    assert manifest["validation_loss"][-1][1] < manifest["validation_loss"][0][1]
    assert manifest["base"] == {"name": "tiny", "identity": "tiny:0"}
    assert manifest["recipe"]["rank"] == 4
    assert manifest["rows"] == 40
    assert manifest["tokens"] > manifest["tokens_computed"]  # the shared beginning was computed once a batch
    assert manifest["peak_memory_bytes"] > 1e7
    assert not (tmp_path / CHECKPOINT).exists()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_others(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        recipe = Recipe.of({"rank": 4, "epochs": 2}, rows=30, seed=seed)
        train_generator(chats(30), TinyModel(), recipe=recipe, folder=tmp_path / name)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


@pytest.mark.slow
def test_a_finished_artifact_is_read_not_made_again(tmp_path: Path) -> None:
    first = train_generator(chats(30), TinyModel(), recipe=RECIPE, folder=tmp_path)
    stamp = (tmp_path / "adapter_model.safetensors").stat().st_mtime_ns
    assert train_generator(chats(30), TinyModel(), recipe=RECIPE, folder=tmp_path) == first
    assert (tmp_path / "adapter_model.safetensors").stat().st_mtime_ns == stamp
    other = train_generator(chats(31), TinyModel(), recipe=RECIPE, folder=tmp_path)
    assert other.rows == 31


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 17])
def test_ctrl_c_keeps_what_was_learnt(at: int, tmp_path: Path) -> None:
    def press(step: int, _of: int, _note: str) -> None:
        if step == at:
            raise KeyboardInterrupt

    lazy = Recipe(rank=4, epochs=2, batch_rows=4, checkpoint_seconds=3600, validation=0.1, patience=1)
    train_generator(chats(40), TinyModel(), recipe=lazy, folder=tmp_path / "whole")
    with pytest.raises(Interrupted, match=f"step {at} of 18"):
        train_generator(chats(40), TinyModel(), recipe=lazy, folder=tmp_path / "broken", progress=press)
    assert (tmp_path / "broken" / CHECKPOINT).exists()
    assert has_begun(tmp_path / "broken")
    assert not has_begun(tmp_path / "whole")
    seen: list[int] = []
    train_generator(
        chats(40), TinyModel(), recipe=lazy, folder=tmp_path / "broken", progress=lambda n, _o, _t: seen.append(n)
    )
    assert seen[:1] == [at + 1]
    assert weights(tmp_path / "whole") == weights(tmp_path / "broken")
    told = [json.loads((tmp_path / f / "manifest.json").read_text()) for f in ("whole", "broken")]
    assert told[0]["train_loss"] == told[1]["train_loss"]
    assert told[0]["validation_loss"] == told[1]["validation_loss"]


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    train_generator(chats(40), TinyModel(), recipe=RECIPE, folder=tmp_path / "whole")
    broken = tmp_path / "broken"
    command = [sys.executable, "-c", ALONE, str(broken)]
    kills = sum(killed(command, broken / CHECKPOINT, patience, cwd=ROOT) for patience in (0.0, 0.1))
    assert kills
    train_generator(chats(40), TinyModel(), recipe=RECIPE, folder=broken)
    assert weights(tmp_path / "whole") == weights(broken)
    assert not (broken / CHECKPOINT).exists()


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    """A file may not grow past 1 kB: the real error of a real write."""
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n" + ALONE
    (tmp_path / CHECKPOINT).write_bytes(b"the last one")
    done = subprocess.run(
        [sys.executable, "-B", "-c", limited, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "UserError" in done.stderr
    assert "cannot be written (File too large): make room" in done.stderr
    assert (tmp_path / CHECKPOINT).read_bytes() == b"the last one"
    assert sorted(p.name for p in tmp_path.iterdir()) == [CHECKPOINT]


@pytest.mark.slow
def test_a_checkpoint_that_is_none_or_of_another_run_is_not_used(tmp_path: Path) -> None:
    def press(step: int, _of: int, _note: str) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        train_generator(chats(39), TinyModel(), recipe=RECIPE, folder=tmp_path, progress=press)
    seen: list[int] = []
    train_generator(chats(40), TinyModel(), recipe=RECIPE, folder=tmp_path, progress=lambda n, _o, _t: seen.append(n))
    assert seen[0] == 1


class BrokenModel(TinyModel):
    """One of its weights is no number."""

    def weights(self) -> dict[str, np.typing.NDArray[np.float32]]:
        found = super().weights()
        found["model.layers.1.mlp.up_proj.weight"][0, 0] = float("nan")
        return found


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the loss is no number at step 1 of .*: lower learning_rate \(now 0.02\)"):
        train_generator(chats(20), BrokenModel(), recipe=RECIPE, folder=tmp_path)


@pytest.mark.slow
def test_training_that_gets_no_better_stops_with_the_best(tmp_path: Path) -> None:
    hasty = Recipe(rank=4, alpha=64, learning_rate=0.1, epochs=40, batch_rows=4, validation=0.2, patience=2)
    train_generator(chats(40), TinyModel(), recipe=hasty, folder=tmp_path)
    told = json.loads((tmp_path / "manifest.json").read_text())
    losses = [loss for _, loss in told["validation_loss"]]
    assert len(losses) < 40
    assert min(losses) == losses[-3]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"first_layer": 3}, "first_layer is 3: the model has layers 0 to 2"),
        ({"max_tokens": 16}, "all 20 examples are longer"),
    ],
)
def test_what_cannot_be_trained_is_said(change: dict[str, Json], says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        train_generator(chats(20), TinyModel(), recipe=Recipe.of(change, rows=20), folder=tmp_path)


def test_a_model_without_weights_and_no_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="out of reach"):
        train_generator(chats(3), object(), folder=tmp_path)
    with pytest.raises(UserError, match="nothing to train on"):
        train_generator([], TinyModel(), folder=tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_without_torch_the_extra_is_named(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['torch'] = None\n" + ALONE
    done = subprocess.run(
        [sys.executable, "-c", blocked, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert MissingExtra.__name__ in done.stderr
    assert "pip install 'rung[train]'" in done.stderr
