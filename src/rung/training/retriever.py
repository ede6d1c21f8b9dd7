"""An embedder learns a domain's own words: contrastive training of its encoder on questions and their passages.

`train_encoder` is the whole. The loss is in `contrastive`, hard negatives in `mining`, the cheap form in `query_map`.
Whether search got any better is judged by who ordered it, on cases that did not teach.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rung.errors import UserError
from rung.progress import Tick
from rung.records import Json, Pair, digest
from rung.records.validation import Number, checked, settings
from rung.training.checkpoint import Progressed, Source
from rung.training.contrastive import Contrast, learn, loss_of
from rung.training.encoder import Encoder
from rung.training.recipe import NOUN, CheckpointSeconds, Clip, Epochs, Held, Seed, Warmup
from rung.training.stepping import Objective, Stepping, stepped

Form = Literal["auto", "map", "encoder"]
_FORMAT = 1  # raise it when the same pairs and recipe lead to other weights
_MAX_TOKENS = 16_384  # whose graph is held at a time: about 2.5 GB
_MAX_HELD = 200
_MIN_PAIRS = 4


@settings
class RetrieverRecipe:
    """The trainer's settings; the defaults are those usual for such encoders (benchmarks/tuned_retriever.py tries others).

    `form`: "encoder" tunes the encoder's weights, "map" only a matrix on the questions' vectors, which needs no new index,
    "auto" tries both and keeps what the dev cases prefer. `negatives` are mined ones for each pair; `temperature` is that of
    the loss. `words`: whether the embeddings of words, half of a small encoder's weights, are tuned too. `dims`: leading
    dimensions that shall be usable alone (Matryoshka). `validation` is the share of pairs held out to keep the best pass.
    """

    form: Form = "auto"
    epochs: Epochs = 3
    batch_pairs: Annotated[int, Field(ge=2, le=1024)] = 32
    learning_rate: Annotated[Number, Field(ge=1e-8, le=0.1)] = 3e-5
    temperature: Annotated[Number, Field(ge=0.001, le=10)] = 0.05
    negatives: Annotated[int, Field(ge=0, le=16)] = 1
    words: bool = False
    dims: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = ()
    warmup: Warmup = 0.1
    clip: Clip = 1.0
    validation: Held = 0.1
    checkpoint_seconds: CheckpointSeconds = 30.0
    seed: Seed = 0

    @classmethod
    def of(cls, given: Mapping[str, Json], *, seed: int = 0) -> RetrieverRecipe:
        """Defaults, with what was given in their place.

        Raises:
            UserError: a key is unknown or a value is out of range.
        """
        return checked(cls, {"seed": seed, **given}, noun=NOUN)


def train_encoder(
    pairs: Sequence[Pair],
    encoder: Encoder,
    *,
    recipe: RetrieverRecipe,
    folder: Path,
    progress: Tick = lambda _done, _all, _note: None,
) -> Progressed:
    """Tune the encoder on these pairs and write it into the folder; the manifest is left to who ordered it.

    An interrupted call, made again, goes on from its checkpoint and ends with the same weights.

    Raises:
        UserError: too few pairs, a loss that is no number, no room in memory or on the disk.
        Interrupted: Ctrl-C; the checkpoint is written.
    """
    if len(pairs) < _MIN_PAIRS:
        raise UserError(f"{len(pairs)} pairs are too few to tune an encoder: give at least {_MIN_PAIRS}, better hundreds")
    folder.mkdir(parents=True, exist_ok=True)
    taught, held = held_out(pairs, share=recipe.validation, seed=recipe.seed)
    answers = positives_of(pairs)
    wide = [_contrast(part, answers, recipe) for part in _cut(held, _MAX_HELD)]
    values, gradient = encoder.flatten(words=recipe.words)
    dims = tuple(size for size in recipe.dims if size <= encoder.dimensions)
    a_pass = math.ceil(len(taught) / recipe.batch_pairs)

    def step(number: int, tokens: int) -> float:
        epoch, index = divmod(number, a_pass)
        batch = _cut(shuffled(taught, seed=recipe.seed, epoch=epoch), recipe.batch_pairs)[index]
        batch_of = _contrast(batch, answers, recipe)
        return learn(encoder, batch_of, temperature=recipe.temperature, dims=dims, tokens=tokens)

    def validate(tokens: int) -> float | None:
        most = min(tokens, _MAX_TOKENS // 4)
        losses = [loss_of(encoder, some, temperature=recipe.temperature, tokens=most) for some in wide]
        return sum(losses) / len(losses) if losses else None

    of = digest("retriever", _FORMAT, recipe, pairs, encoder.start)
    stepping = Stepping(
        Objective(values, gradient, step, validate),
        steps=a_pass * recipe.epochs,
        a_pass=a_pass,
        pace=recipe,
        source=Source(folder, of),
        most_tokens=_MAX_TOKENS,
    )
    return stepped(stepping, save=encoder.save, progress=progress)


def _contrast(pairs: Sequence[Pair], answers: Mapping[str, frozenset[str]], recipe: RetrieverRecipe) -> Contrast:
    return Contrast.of(pairs, answers, negatives=recipe.negatives)


def positives_of(pairs: Sequence[Pair]) -> dict[str, frozenset[str]]:
    """All texts that answer an anchor."""
    by_anchor: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        by_anchor[pair.anchor].add(pair.positive)
    return {anchor: frozenset(texts) for anchor, texts in by_anchor.items()}


def held_out(pairs: Sequence[Pair], *, share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """(pairs to learn, pairs held out): whole questions, by digest. Fewer than 40 pairs: none is held out."""
    if len(pairs) < 40:
        return list(pairs), []
    anchors = sorted({pair.anchor for pair in pairs}, key=lambda anchor: digest("held out", seed, anchor))
    out = set(anchors[: min(_MAX_HELD, round(len(anchors) * share))])
    return [p for p in pairs if p.anchor not in out], [p for p in pairs if p.anchor in out]


def shuffled(pairs: Sequence[Pair], *, seed: int, epoch: int) -> list[Pair]:
    """The order of one pass."""
    rows = list(pairs)
    random.Random(digest("pass", seed, epoch)).shuffle(rows)
    return rows


def _cut(pairs: Sequence[Pair], size: int) -> list[Sequence[Pair]]:
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]
