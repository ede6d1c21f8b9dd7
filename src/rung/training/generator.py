"""How does the local model learn a behaviour? LoRA on its own served weights, from examples to an artifact.

`train_generator` is the whole. Steps and checkpoints are left to `learning`, the mathematics to `network`, the settings to
`recipe`; whether the tuned model is any better is judged by the verdict, not here.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rung.errors import MissingExtra, UserError
from rung.progress import Tick
from rung.records import Example, Json, digest, plain
from rung.training.checkpoint import forget, write_whole
from rung.training.examples import Rows, Tokenizing, rows_of
from rung.training.learning import Learning, Source
from rung.training.recipe import Recipe
from rung.training.shape import Shape

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
MANIFEST = "manifest.json"
_FORMAT = 2  # raise it when the same rows and recipe lead to other weights


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


def train_generator(
    examples: Sequence[Example],
    model: object,
    *,
    folder: Path,
    recipe: Recipe | None = None,
    progress: Tick = lambda _done, _all, _note: None,
) -> Trained:
    """Teach the model the examples' last turns; the artifact is a PEFT folder with a `manifest.json`, which is written last.

    An interrupted call, made again, goes on from its checkpoint and ends with the same weights; a finished artifact is
    merely read. `progress` is told (step, steps, "loss …, … tokens/s, … left").

    Raises:
        UserError: nothing to learn, nothing that fits, a loss that is no number, no room on the disk, weights out of reach.
        MissingExtra: torch is not installed.
        Interrupted: Ctrl-C; the checkpoint is written.
    """
    if not isinstance(model, Trainable):
        raise UserError("this model's weights are out of reach, so it cannot be tuned: name a local model")
    recipe = recipe or Recipe.of({}, rows=len(examples))
    _need_torch()
    made = rows_of(examples, model.tokens, max_tokens=recipe.max_tokens)
    if made.too_long:
        log.warning(
            "%d of %d examples are longer than %d tokens and left out", len(made.too_long), len(examples), recipe.max_tokens
        )
    of = digest("lora", _FORMAT, model.identity, recipe, [(row.ids, row.prompt) for row in made.rows])
    done = _read(folder, of)
    if done is None:
        folder.mkdir(parents=True, exist_ok=True)
        _train(made, model, recipe, Source(folder, of), progress)
        done = _read(folder, of)
        assert done is not None
    return done


def _need_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("train", "training") from error


def _train(made: Rows, model: Trainable, recipe: Recipe, source: Source, progress: Tick) -> None:
    learning = Learning(made.rows, model.weights(), Shape.of(model.config), recipe=recipe, source=source, dtype=fast_type())
    learning.carry(progress)
    base: dict[str, Json] = {"name": model.name, "identity": model.identity}
    for name, content in learning.adapters.files(base=base).items():
        write_whole(source.folder / name, content)
    manifest = {"kind": "adapter", "of": source.of, "base": base, "recipe": plain(recipe), **_told(made, learning)}
    write_whole(source.folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False).encode())
    forget(source.folder)


def _told(made: Rows, learning: Learning) -> dict[str, Json]:
    import torch

    now = learning.now
    return {
        "rows": len(made.rows),
        "rows_digest": digest([(row.ids, row.prompt) for row in made.rows]),
        "rows_held_out": len(learning.held),
        "too_long": list(made.too_long),
        "steps": now.step,
        "tokens": now.consumed,
        "tokens_computed": now.computed,
        "tokens_per_second": now.consumed / max(now.seconds, 1e-9),
        "seconds": now.seconds,
        "train_loss": [[step, loss] for step, loss in now.curve],
        "validation_loss": [[step, loss] for step, loss in now.validation],
        "peak_memory_bytes": _peak_memory(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "products_in": str(learning.network.dtype).removeprefix("torch."),
    }


def _peak_memory() -> int:
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _read(folder: Path, of: str) -> Trained | None:
    """The finished artifact in the folder, if it is of this very training."""
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if said.get("of") != of:
        return None
    return Trained(
        folder=folder,
        rows=said["rows"],
        too_long=tuple(said["too_long"]),
        steps=said["steps"],
        tokens=said["tokens"],
        seconds=said["seconds"],
        loss=said["train_loss"][-1][1],
        validation_loss=said["validation_loss"][-1][1] if said["validation_loss"] else None,
    )


def fast_type() -> torch.dtype:
    """bfloat16 where the CPU multiplies in it (AMX or AVX-512 BF16), else float32: emulated, it is 60 times slower."""
    import torch

    try:
        fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    except AttributeError:  # private names of torch 2.13; float32 is right everywhere
        fast = False
    return torch.bfloat16 if fast else torch.float32
