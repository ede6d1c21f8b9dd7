"""The local model learns a behaviour: LoRA on its own served weights, from examples to an artifact.

`train_generator` is the whole. Steps and checkpoints are left to `learning`, the mathematics to `learner`, the settings to
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

from rung.files.durable import write_whole
from rung.progress import Tick
from rung.records import Example, Json, digest, plain
from rung.training.bases import Base, base_of
from rung.training.batches import split
from rung.training.checkpoint import Source, forget, run_of
from rung.training.examples import Row, Rows, rows_of, tokenised
from rung.training.learning import Learning
from rung.training.recipe import TRAINER, Recipe
from rung.training.replaying import mixed
from rung.training.sweep import Found, search

log = logging.getLogger(__name__)
MANIFEST = "manifest.json"
_RUN = "lora 4: "  # raise it when the same rows and recipe lead to other weights


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
    recipe = recipe or Recipe.of({}, rows=len(taught.examples))
    base = base_of(model)
    base.check(recipe)
    rows, learnt, held = _rows(taught, base, recipe)
    plain_rows = [(row.ids, row.prompt) for row in (*learnt, *held)]
    of = _RUN + digest("lora", base.identity, recipe, plain_rows)
    done = _read(folder, of)
    if done is None:
        folder.mkdir(parents=True, exist_ok=True)
        source = Source(folder, of)
        learning = Learning(learnt, held, base.learner(recipe, learnt), recipe=recipe, source=source)
        learning.run(progress)
        named: dict[str, Json] = {"name": base.name, "identity": base.identity}
        for name, content in learning.learner.files(base=named).items():
            write_whole(folder / name, content)
        _seal(rows, learning, {"base": named, "trainer": TRAINER, **({"search": sweep.entry()} if sweep else {})})
        done = _read(folder, of)
        assert done is not None
    return done


def has_begun(folder: Path) -> bool:
    """Whether a training was stopped in this folder that goes on: one of an earlier format begins anew."""
    return run_of(folder).startswith(_RUN)


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
    base = base_of(model)
    base.check(recipe)
    _, learnt, held = _rows(taught, base, recipe)
    return search(learnt, held, base.learner, recipe=recipe, progress=progress)


def _rows(taught: Taught, base: Base, recipe: Recipe) -> tuple[Rows, list[Row], list[Row]]:
    """All rows of the examples; those to learn, general ones mixed in; and those held out, which are the examples' alone."""
    rows = rows_of(taught.examples, base.tokens, max_tokens=recipe.max_tokens, context=base.context)
    if rows.too_long:
        most = min(recipe.max_tokens, base.context)
        count = len(taught.examples)
        log.warning("%d of %d examples are longer than %d tokens and left out", len(rows.too_long), count, most)
    learnt, held = split(rows.rows, share=recipe.validation, seed=recipe.seed)
    if not recipe.replay:
        return rows, learnt, held
    general = _general(taught.general, base, recipe)
    if not general:
        log.warning("no general chats are here to be replayed: the model may forget more")
    return rows, mixed(learnt, general, share=recipe.replay, seed=recipe.seed, again=recipe.replays_itself), held


def _general(chats: Sequence[Example], base: Base, recipe: Recipe) -> Sequence[Row]:
    """The rows of general chats that fit. Where the model's own are meant, none may fit; of files, one has to."""
    if recipe.replays_itself:
        most = min(recipe.max_tokens, base.context)
        lengths = [len(row.ids) for row in tokenised(chats, base.tokens)]
        chats = [chat for chat, length in zip(chats, lengths, strict=True) if length <= most]
    return rows_of(chats, base.tokens, max_tokens=recipe.max_tokens, context=base.context).rows if chats else ()


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
