"""Labels learnt from labelled texts: a linear head on the embedder as it is, or tuned with it.

`frozen` fits logistic regression on the embedder's vectors. `tuned` goes on from there and moves the encoder's weights too
(fitting the head first keeps the encoder from being bent by a random one: Kumar and others 2022, arXiv 2202.10054); how is
in `labelling`. `auto` takes what is better on rows held out. Serving is left to `models.classifying`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import InternalError, UserError
from rung.models.classifying import ENCODER, Head
from rung.progress import Tick
from rung.records import Json, digest
from rung.training.checkpoint import Source, forget
from rung.training.labels import LabelRecipe, Rows, Tuned
from rung.training.logistic import Linear, cross_entropy, fit, softmax, temperature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Embedder, Vectors
    from rung.training.logistic import Floats

_FORMAT = 1  # raise it when the same rows and recipe lead to other weights
PENALTIES = (1e-2, 1e-3, 1e-4, 3e-5, 1e-5, 3e-6)  # from the strongest: each fit begins where the last one ended
MIN_ROWS_TO_TUNE = 1_000  # under so many, `auto` leaves the encoder alone: at 770 rows of banking77, tuning was no better
_CROSSED = 2_000  # up to so many rows each is held out once, in fifths; of more, one tenth is


@dataclass(frozen=True, slots=True)
class Judged:
    """How a classifier did on rows that it had not seen. `gap` is the expected calibration error, 15 bins."""

    accuracy: float
    loss: float
    gap: float
    rows: int


def train_classifier(
    rows: Sequence[tuple[str, str]], embedder: Embedder, *, recipe: LabelRecipe, folder: Path, progress: Tick
) -> dict[str, Json]:
    """Fit a classifier on (text, label) rows and write it into `folder`. Returns what the manifest says of it.

    Raises:
        UserError: fewer than two labels, vectors or losses that are no numbers, or the encoder cannot be tuned and must be.
        MissingExtra: it must be tuned, and torch is not installed.
    """
    split = divided(rows, seed=recipe.seed)
    progress(0, len(rows), "vectors")
    vectors = finite(embedder.embed(split.texts, kind="query"))
    frozen = _frozen(vectors, split)
    notes, tuned = list[str](), None
    if recipe.method == "tuned" or (recipe.method == "auto" and len(rows) >= MIN_ROWS_TO_TUNE):
        try:
            tuned = _tune(split, frozen.without_fold_0, embedder, recipe, folder, progress)
        except UserError as error:
            if recipe.method == "tuned":
                raise
            notes.append(f"not tuned, the embedder stays as it is: {error}")
    here = split.targets[split.held_out]
    alike = _judged(frozen.logits[split.held_out[frozen.held]], here)
    became = _judged(tuned.logits, here) if tuned else None
    better = became is not None and (recipe.method == "tuned" or became.accuracy > alike.accuracy)
    if tuned is not None and better:
        tuned.encoder.save(folder / ENCODER)
        linear, logits, expected = tuned.head, tuned.logits, here
    else:
        linear, logits, expected = frozen.linear, frozen.logits, split.targets[frozen.held]
    spread = temperature(logits, _rows_of(expected, len(split.labels)))
    _head(linear, split.labels, spread).save(folder)
    forget(folder)
    return {
        "recipe": {**{f.name: getattr(recipe, f.name) for f in fields(recipe)}, "penalty": frozen.penalty},
        "method": "tuned" if better else "frozen",
        "labels": len(split.labels),
        "metrics": {
            "frozen": _numbers(alike),
            "tuned": _numbers(became) if became else None,
            **_numbers(_judged(logits / spread, expected)),
            "calibration_error_before": round(_judged(logits, expected).gap, 4),
            "reject": reject_table(softmax(logits / spread), expected, split.labels, recipe.out_of_scope),
        },
        "train_loss": [[n, loss] for n, loss in tuned.train_loss] if tuned else [],
        "validation_loss": [[n, loss] for n, loss in tuned.validation_loss] if tuned else [],
        "notes": [*notes],
    }


@dataclass(frozen=True, slots=True, eq=False)
class Frozen:
    """Heads on vectors that stay: of all rows, and of those outside fold 0; `logits` of the rows `held` out, in order."""

    linear: Linear
    without_fold_0: Linear
    penalty: float
    logits: Floats
    held: NDArray[np.bool_]


def divided(rows: Sequence[tuple[str, str]], *, seed: int) -> Rows:
    """Rows with their folds: a fifth (of many rows a tenth) of every label in each, always the same ones.

    Raises:
        UserError: fewer than two labels.
    """
    import numpy as np

    labels = tuple(sorted({label for _, label in rows}))
    if len(labels) < 2:
        raise UserError(f"{len(rows)} rows with {len(labels)} label: there is nothing to tell apart")
    parts = 5 if len(rows) <= _CROSSED else 10
    folds = np.zeros(len(rows), dtype=np.int64)
    places: dict[str, list[int]] = defaultdict(list)
    for index, (_, label) in enumerate(rows):
        places[label].append(index)
    turn = 0
    for label in labels:
        drawn = sorted(places[label], key=lambda index: digest(seed, rows[index]))
        for index in drawn:
            # A label's only row is never in the fold that is held out for tuning: it would not be learnt at all.
            folds[index] = turn % parts if len(drawn) > 1 else 1
            turn += 1
    expected = np.array([labels.index(label) for _, label in rows], dtype=np.int64)
    return Rows(tuple(text for text, _ in rows), labels, expected, folds)


def finite(vectors: Vectors) -> Vectors:
    """The vectors.

    Raises:
        UserError: one of them is no number.
    """
    import numpy as np

    bad = int((~np.isfinite(vectors).all(axis=1)).sum())
    if bad:
        raise UserError(
            f"the embedder gave {bad} of {len(vectors)} texts a vector that is no number (NaN): mend it, or name another"
        )
    return vectors


def _frozen(vectors: Vectors, rows: Rows) -> Frozen:
    """The head at the penalty that is best on rows held out: penalties fall, each fit begins where the last one ended, until
    they fall too far."""
    import numpy as np

    expected = _one_hot(rows)
    turns = range(int(rows.folds.max()) + 1) if len(rows.texts) <= _CROSSED else range(1)
    held = np.isin(rows.folds, list(turns))
    heads: list[Linear | None] = [None for _ in turns]
    best: tuple[float, float, Floats, Linear] | None = None
    for penalty in PENALTIES:
        logits = np.zeros_like(expected)
        for turn in turns:
            out = rows.folds == turn
            heads[turn] = head = fit(vectors[~out], expected[~out], penalty=penalty, start=heads[turn])
            logits[out] = head.logits(vectors[out])
        loss = _loss(logits[held], expected[held])
        if best is not None and loss >= best[0]:
            break
        if heads[0] is not None:
            best = loss, penalty, logits[held], heads[0]
    if best is None:
        raise InternalError("no penalty was tried")
    _, penalty, held_logits, first = best
    return Frozen(fit(vectors, expected, penalty=penalty, start=first), first, penalty, held_logits, held)


def _loss(logits: Floats, expected: Floats) -> float:
    """Cross entropy once the temperature is right: a penalty only has to order the labels well."""
    return float(cross_entropy(logits / temperature(logits, expected), expected)[0].mean())


def _tune(  # noqa: PLR0917 - called once, in this order
    rows: Rows, start: Linear, embedder: Embedder, recipe: LabelRecipe, folder: Path, progress: Tick
) -> Tuned:
    from rung.training.encoder import Encoder
    from rung.training.labelling import tune

    encoder = Encoder.of(embedder)
    of = digest("labels", _FORMAT, recipe, rows.texts, rows.labels, rows.targets.tolist(), encoder.start)
    return tune(encoder, rows, start, recipe=recipe, progress=progress, source=Source(folder, of))


def _one_hot(rows: Rows) -> Floats:
    return _rows_of(rows.targets, len(rows.labels))


def _rows_of(expected: NDArray[np.int64], labels: int) -> Floats:
    import numpy as np

    one_hot: Floats = np.eye(labels)[expected]
    return one_hot


def _head(linear: Linear, labels: tuple[str, ...], spread: float) -> Head:
    import numpy as np

    return Head(labels, (linear.weight / spread).astype(np.float32), (linear.bias / spread).astype(np.float32))


def _judged(logits: Floats, expected: NDArray[np.int64]) -> Judged:
    import numpy as np

    sure = softmax(logits)
    right = sure.argmax(axis=1) == expected
    loss = float(-np.log(np.maximum(sure[np.arange(len(expected)), expected], 1e-12)).mean())
    return Judged(float(right.mean()), loss, calibration_error(sure.max(axis=1), right), len(expected))


def calibration_error(sure: Floats, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error: how far, on average, the share that is right is from the probability that was said."""
    import numpy as np

    where = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [abs(sure[where == b].sum() - right[where == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(sure))


def reject_table(sure: Floats, expected: NDArray[np.int64], labels: Sequence[str], out_of_scope: str) -> dict[str, Json]:
    """What the setting `reject` would do on the rows held out: threshold -> share answered, and accuracy among these.

    With a label for what is out of scope, `best` is the threshold under which giving it is right most often.
    """
    import numpy as np

    picked, right = sure.argmax(axis=1), sure.argmax(axis=1) == expected
    table: dict[str, Json] = {}
    for threshold in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        taken = sure.max(axis=1) >= threshold
        table[f"{threshold:g}"] = [
            round(float(taken.mean()), 4),
            round(float(right[taken].mean()), 4) if taken.any() else None,
        ]
    if out_of_scope in labels:
        outside = labels.index(out_of_scope)
        steps = np.linspace(0, 0.95, 96)
        hits = [float((np.where(sure.max(axis=1) < t, outside, picked) == expected).mean()) for t in steps]
        table["best"] = round(float(steps[int(np.argmax(hits))]), 2)
    return table


def _numbers(judged: Judged) -> dict[str, Json]:
    return {
        "accuracy": round(judged.accuracy, 4),
        "loss": round(judged.loss, 4),
        "calibration_error": round(judged.gap, 4),
        "rows": judged.rows,
    }
