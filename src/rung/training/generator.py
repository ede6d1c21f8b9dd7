"""The local model learns a behaviour: LoRA on its own served weights, from examples to an artifact.

`train_generator` is the whole. Steps and checkpoints are left to `learning`, the mathematics to `network`, the settings to
`recipe`; whether the tuned model is any better is judged by the verdict, not here.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rung.errors import MissingExtra, UserError
from rung.files.durable import write_whole
from rung.progress import Tick
from rung.records import Example, Json, digest, plain
from rung.training.batches import split
from rung.training.checkpoint import forget
from rung.training.device import find_device
from rung.training.examples import Row, Rows, Tokenizing, rows_of, tokenised
from rung.training.learner import Learner, Written
from rung.training.learning import Learning, Source
from rung.training.quantized import Quantized
from rung.training.recipe import Recipe
from rung.training.replaying import mixed
from rung.training.shape import Shape
from rung.training.sweep import Found, search

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
MANIFEST = "manifest.json"
_FORMAT = 3  # raise it when the same rows and recipe lead to other weights


@runtime_checkable
class Trainable(Protocol):
    """A model whose weights are here."""

    name: str
    config: dict[str, Json]

    @property
    def tokens(self) -> Tokenizing: ...

    @property
    def identity(self) -> str: ...

    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """The weights as served, by their Hugging Face names."""
        ...


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished artifact. Losses are means per answer token, in nats: of the last steps, and of the rows held out.

    `tokens` are those of the rows, every pass counted; a shared beginning counts for every row that has it.
    """

    folder: Path
    rows: int
    too_long: tuple[str, ...]
    steps: int
    tokens: int
    seconds: float
    loss: float
    validation_loss: float | None

    @property
    def tokens_per_second(self) -> float:
        """Tokens of the rows that were learnt from in a second."""
        return self.tokens / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Taught:
    """What is learnt from: the examples, and `general` chats of which a share (the recipe's `replay`) is mixed in."""

    examples: Sequence[Example]
    general: Sequence[Example] = ()


def train_generator(
    examples: Sequence[Example] | Taught,
    model: object,
    *,
    folder: Path,
    recipe: Recipe | None = None,
    sweep: Found | None = None,
    progress: Tick = lambda _done, _all, _note: None,
) -> Trained:
    """Teach the model the examples' last turns; the artifact is a PEFT folder with a `manifest.json`, written last.

    An interrupted call, made again, goes on from its checkpoint and ends with the same weights; a finished artifact is
    merely read. `sweep` is the search that the recipe comes from, for the manifest. `progress` is told (step, steps,
    "loss …, … tokens/s, … left").

    Raises:
        UserError: nothing to learn, nothing that fits, a loss that is no number, no room on the disk or in memory, weights
            out of reach, a device that is not there.
        MissingExtra: torch is not installed.
        Interrupted: Ctrl-C; the checkpoint is written.
    """
    taught = examples if isinstance(examples, Taught) else Taught(examples)
    trainable = _trainable(model)
    recipe = recipe or Recipe.of({}, rows=len(taught.examples))
    rows, learnt, held = _rows(taught, trainable, recipe)
    plain_rows = [(row.ids, row.prompt) for row in (*learnt, *held)]
    of = digest("lora", _FORMAT, trainable.identity, recipe, plain_rows)
    done = _read(folder, of)
    if done is None:
        folder.mkdir(parents=True, exist_ok=True)
        source = Source(folder, of)
        learning = Learning(learnt, held, _learner(trainable, recipe), recipe=recipe, source=source)
        learning.run(progress)
        base: dict[str, Json] = {"name": trainable.name, "identity": trainable.identity}
        for name, content in learning.learner.files(base=base).items():
            write_whole(folder / name, content)
        _seal(rows, learning, {"base": base, **({"search": sweep.entry()} if sweep else {})})
        done = _read(folder, of)
        assert done is not None
    return done


def search_generator(
    examples: Sequence[Example] | Taught,
    model: object,
    *,
    recipe: Recipe,
    progress: Tick = lambda _done, _all, _note: None,
) -> Found:
    """The learning rate and rank that come to the lowest loss on the rows held out, in a short search from this recipe.

    Raises:
        UserError: no rows are held out to judge by; and what `train_generator` raises.
    """
    taught = examples if isinstance(examples, Taught) else Taught(examples)
    trainable = _trainable(model)
    _, learnt, held = _rows(taught, trainable, recipe)
    return search(learnt, held, lambda tried: _learner(trainable, tried), recipe=recipe, progress=progress)


def _trainable(model: object) -> Trainable:
    if not isinstance(model, Trainable):
        raise UserError("this model's weights are out of reach, so it cannot be tuned: name a local model")
    need_torch()
    return model


def need_torch() -> None:
    """Raises `MissingExtra` where torch is not installed."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("train", "training") from error


def _rows(taught: Taught, model: Trainable, recipe: Recipe) -> tuple[Rows, list[Row], list[Row]]:
    """All rows of the examples; those to learn, general ones mixed in; and those held out, which are the examples' alone."""
    rows = rows_of(taught.examples, model.tokens, max_tokens=recipe.max_tokens)
    if rows.too_long:
        log.warning(
            "%d of %d examples are longer than %d tokens and left out",
            len(rows.too_long),
            len(taught.examples),
            recipe.max_tokens,
        )
    learnt, held = split(rows.rows, share=recipe.validation, seed=recipe.seed)
    if not recipe.replay:
        return rows, learnt, held
    general = _general(taught.general, model, recipe)
    if not general:
        log.warning("no general chats are here to be replayed: the model may forget more")
    return rows, mixed(learnt, general, share=recipe.replay, seed=recipe.seed, again=recipe.replays_itself), held


def _general(chats: Sequence[Example], model: Trainable, recipe: Recipe) -> Sequence[Row]:
    """The rows of general chats that fit. Where the model's own are meant, none may fit; of files, one has to."""
    if recipe.replays_itself:
        lengths = [len(row.ids) for row in tokenised(chats, model.tokens)]
        chats = [chat for chat, length in zip(chats, lengths, strict=True) if length <= recipe.max_tokens]
    return rows_of(chats, model.tokens, max_tokens=recipe.max_tokens).rows if chats else ()


def _learner(model: Trainable, recipe: Recipe) -> Learner:
    shape = Shape.of(model.config)
    if recipe.first_layer >= shape.layers:
        raise UserError(f"first_layer is {recipe.first_layer}: the model has layers 0 to {shape.layers - 1}")
    find_device(recipe.device)  # before the weights are read
    if recipe.quantize == "none":
        return Written(model.weights(), shape, recipe)
    return Quantized(model.weights(), model.config, shape, recipe)


def _seal(rows: Rows, learning: Learning, also: Mapping[str, Json]) -> None:
    manifest: dict[str, Json] = {
        "kind": "adapter",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "of": learning.source.of,
        "recipe": plain(learning.recipe),
        "rows": len(rows.rows),
        "rows_digest": digest([(row.ids, row.prompt) for row in rows.rows]),
        "rows_held_out": len(learning.held),
        "rows_replayed": len(learning.rows) + len(learning.held) - len(rows.rows),
        "too_long": list(rows.too_long),
        **_entries(learning),
        "peak_memory_bytes": _peak_memory(),
        **also,
    }
    write_whole(learning.source.folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False).encode())
    forget(learning.source.folder)


def _entries(learning: Learning) -> dict[str, Json]:
    import torch

    now = learning.now
    return {
        "steps": now.step,
        "batch_rows": learning.batch_rows,
        "tokens": now.consumed,
        "tokens_computed": now.computed,
        "tokens_per_second": now.consumed / max(now.seconds, 1e-9),
        "seconds": now.seconds,
        "train_loss": [[step, loss] for step, loss in now.curve],
        "validation_loss": [[step, loss] for step, loss in now.validation],
        "best_validation_loss": now.best if learning.best.numel() else None,
        "notes": list(learning.notes),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": learning.learner.device.type,
        "products_in": learning.learner.products_in,
    }


def kept_loss(manifest: Mapping[str, Json]) -> float | None:
    """The validation loss of the weights that were kept: the best, where the best state was, else the last."""
    best, curve = manifest.get("best_validation_loss"), manifest.get("validation_loss")
    if isinstance(best, (int, float)):
        return float(best)
    point = curve[-1] if isinstance(curve, list) and curve else None
    value = point[1] if isinstance(point, list) else None
    return float(value) if isinstance(value, (int, float)) else None


def _peak_memory() -> int:
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _read(folder: Path, of: str) -> Trained | None:
    """The finished artifact in the folder, if it is of this very training."""
    try:
        parsed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if parsed.get("of") != of:
        return None
    return Trained(
        folder=folder,
        rows=parsed["rows"],
        too_long=tuple(parsed["too_long"]),
        steps=parsed["steps"],
        tokens=parsed["tokens"],
        seconds=parsed["seconds"],
        loss=parsed["train_loss"][-1][1],
        validation_loss=kept_loss(parsed),
    )
