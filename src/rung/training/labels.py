"""A classifier's recipe, the rows that it learns from, and what tuning an encoder on them comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from rung.records import Json
from rung.records.validation import Number, checked, settings
from rung.training.recipe import NOUN, Epochs, Held, Patience

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.training.encoder import Encoder
    from rung.training.logistic import Floats, Linear


@settings
class LabelRecipe:
    """How a classifier is taught: the trainer's settings. `patience`: epochs without a gain before the tuning stops.

    `out_of_scope` names the label that a text gets when no other is sure enough, "" for none.
    """

    method: Literal["auto", "frozen", "tuned"] = "auto"
    epochs: Epochs = 6
    learning_rate: Annotated[Number, Field(ge=1e-7, le=0.1)] = 1e-4
    batch_rows: Annotated[int, Field(ge=2, le=1024)] = 32
    smoothing: Held = 0.1
    patience: Patience = 2
    out_of_scope: str = ""
    seed: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Json], *, seed: int = 0) -> LabelRecipe:
        """The defaults, with what was given in their place.

        Raises:
            UserError: a key is unknown or a value is out of range.
        """
        return checked(cls, {"seed": seed, **given}, noun=NOUN)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Texts, the place of each one's label among the labels, and which rows are held out for measuring."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    folds: NDArray[np.int64]  # fold 0 is held out; where all are crossed, each is in its turn

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Of fold 0."""
        held: NDArray[np.bool_] = self.folds == 0
        return held


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What tuning came to: the encoder at its best epoch, its head, logits of the rows held out, losses by epoch."""

    encoder: Encoder
    head: Linear
    logits: Floats
    train_loss: tuple[tuple[int, float], ...]
    validation_loss: tuple[tuple[int, float], ...]
