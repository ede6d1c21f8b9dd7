"""Carries out `Classify` steps: a text becomes a vector, a linear head over vectors says the label. No torch is needed.

The artifact that a step names is a folder with `head.json` and `head.safetensors`, and with a folder `encoder` where the
encoder was tuned with it; else the project's embedder makes the vectors. Fitting heads is left to `training`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rung.errors import InternalError, UserError
from rung.records import Failure
from rung.steps import Classified, Classify, Request, Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Embedder, Vectors

HEAD, WEIGHTS, ENCODER = "head.json", "head.safetensors", "encoder"
NO_NUMBER = "the text's vector is no finite number, so it has no label"
Rule = Literal["best", "first"]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A linear layer over unit vectors, and how a label is picked from it. Calibrated: a temperature is in its weights.

    Attributes:
        labels: one a row of the weights.
        weight: float32 [labels, dimensions].
        bias: float32 [labels].
        rule: "best": labels exclude each other (softmax), and the most probable is picked. "first": each has a probability
            of its own (sigmoid), and the first one with at least `threshold` is picked, else `otherwise`.
        otherwise: a label, or "" for none.
    """

    labels: tuple[str, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    rule: Rule = "best"
    threshold: float = 0.0
    otherwise: str = ""

    def probabilities(self, vectors: Vectors) -> NDArray[np.float64]:
        """[texts, labels] of unit vectors [texts, dimensions]."""
        import numpy as np

        logits = (vectors @ self.weight.T + self.bias).astype(np.float64)
        found: NDArray[np.float64]
        if self.rule == "first":
            found = 0.5 * (1 + np.tanh(0.5 * logits))
        else:
            found = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        return found

    def pick(self, probabilities: Sequence[float], allowed: Sequence[str]) -> Classified | None:
        """The label of one text among those allowed; None if none of them was learnt."""
        known = [(label, float(p)) for label, p in zip(self.labels, probabilities, strict=True) if label in set(allowed)]
        if not known:
            return None
        if self.rule == "best":
            return Classified(*max(known, key=lambda pair: pair[1]))
        passed = next((pair for pair in known if pair[1] >= self.threshold), None)
        return Classified(*(passed or (self.otherwise, dict(known).get(self.otherwise, max(p for _, p in known)))))

    def save(self, folder: Path) -> None:
        """Write the head's two files, each whole."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{WEIGHTS}.part"
        save_file({"weight": self.weight, "bias": self.bias}, part)
        part.replace(folder / WEIGHTS)
        said = {"labels": self.labels, "rule": self.rule, "threshold": self.threshold, "otherwise": self.otherwise}
        part = folder / f"{HEAD}.part"
        part.write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")
        part.replace(folder / HEAD)

    @classmethod
    def load(cls, folder: Path) -> Head:
        """Read what `save` wrote.

        Raises:
            UserError: the folder holds no head.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            said = json.loads((folder / HEAD).read_text(encoding="utf-8"))
            weights = load_file(folder / WEIGHTS)
        except (OSError, ValueError, SafetensorError) as error:
            raise UserError(f"{folder} holds no classifier ({error}); remove it, and it is built again") from error
        return cls(
            labels=tuple(said["labels"]),
            weight=weights["weight"],
            bias=weights["bias"],
            rule=said["rule"],
            threshold=said["threshold"],
            otherwise=said["otherwise"],
        )


class Classifiers:
    """An engine of `Classify` steps: `Classify.model` is the digest of a classifier or router that was built.

    Args:
        artifacts: digest -> folder; may grow later.
        embedder: makes the vectors of artifacts without an encoder of their own; asked for when first needed.
    """

    # What answers is named by the step: the artifact's digest covers rows, recipe and embedder.
    identity = "classifiers/1"

    def __init__(self, artifacts: Mapping[str, Path], embedder: Callable[[], Embedder]) -> None:
        self._artifacts = artifacts
        self._embedder = embedder
        self._opened: dict[str, tuple[Head, Embedder]] = {}

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield every request's label; texts for one artifact go through it together."""
        import numpy as np

        by_model: dict[str, list[tuple[int, Classify]]] = defaultdict(list)
        for place, request in enumerate(requests):
            if not isinstance(request.step, Classify):
                raise InternalError(f"a classifier was given {type(request.step).__name__}")
            by_model[request.step.model].append((place, request.step))
        for model, asked in by_model.items():
            if model not in self._artifacts:
                why = f"classifier {model[:12]!r} was not built: a Classify step names the digest of one that was"
                yield from ((place, Failure(why, step="classify")) for place, _ in asked)
                continue
            head, embedder = self._open(model)
            vectors = embedder.embed([step.text for _, step in asked], kind="query")
            finite = np.isfinite(vectors).all(axis=1)
            rows = head.probabilities(np.where(finite[:, None], vectors, 0))
            for (place, step), row, known in zip(asked, rows, finite, strict=True):
                yield place, _label(head, step, row) if known else Failure(NO_NUMBER, step="classify")

    def _open(self, model: str) -> tuple[Head, Embedder]:
        if model not in self._opened:
            folder = self._artifacts[model]
            self._opened[model] = (Head.load(folder), self._encoder(folder / ENCODER, model))
        return self._opened[model]

    def _encoder(self, folder: Path, model: str) -> Embedder:
        from rung.models.embedding import MiniLM

        return MiniLM(folder, digest=model) if folder.is_dir() else self._embedder()


def _label(head: Head, step: Classify, row: NDArray[np.float64]) -> Classified | Failure:
    return head.pick(list(row), step.labels) or Failure(
        f"none of the {len(step.labels)} labels asked for was learnt", step="classify"
    )
