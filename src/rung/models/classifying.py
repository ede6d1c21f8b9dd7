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
from rung.files.durable import write_whole
from rung.records import Failure
from rung.records.steps import Classify, ClassifyResult, Request, Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Embedder, Vectors

HEAD, WEIGHTS, ENCODER = "head.json", "head.safetensors", "encoder"
NO_NUMBER = "the text's vector is no finite number, so it has no label"
SURE = 8.0  # a difference of logits that is as good as certain
Rule = Literal["best", "first"]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A linear layer over unit vectors, and how a label is picked from it. Calibrated: a temperature is in its weights.

    Attributes:
        labels: one a row of the weights.
        weight: float32 [labels, dimensions], and two more for each classifier in `beside`.
        bias: float32 [labels].
        rule: "best": labels exclude each other (softmax), and the most probable is picked. "first": each has a probability
            of its own (sigmoid), and the first one with at least `threshold` is picked, else `otherwise`.
        otherwise: a label, or "" for none.
        beside: digests of classifiers; how sure each is of the text stands beside the vector (`sureness`).
    """

    labels: tuple[str, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    rule: Rule = "best"
    threshold: float = 0.0
    otherwise: str = ""
    beside: tuple[str, ...] = ()

    def probabilities(self, vectors: Vectors) -> NDArray[np.float64]:
        """[texts, labels] of what `Classifiers.vectors` makes of the texts."""
        import numpy as np

        logits = (vectors @ self.weight.T + self.bias).astype(np.float64)
        shares: NDArray[np.float64]
        if self.rule == "first":
            shares = 0.5 * (1 + np.tanh(0.5 * logits))
        else:
            shares = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        return shares

    def pick(self, probabilities: Sequence[float], allowed: Sequence[str]) -> ClassifyResult | None:
        """The label of one text among those allowed; None if none of them was learnt."""
        scored = [(label, float(p)) for label, p in zip(self.labels, probabilities, strict=True) if label in set(allowed)]
        if not scored:
            return None
        if self.rule == "best":
            return ClassifyResult(*max(scored, key=lambda pair: pair[1]))
        passed = next((pair for pair in scored if pair[1] >= self.threshold), None)
        return ClassifyResult(*(passed or (self.otherwise, dict(scored).get(self.otherwise, max(p for _, p in scored)))))

    def save(self, folder: Path) -> None:
        """Write the head's two files, each whole."""
        from safetensors.numpy import save

        write_whole(folder / WEIGHTS, save({"weight": self.weight, "bias": self.bias}))
        settings = {name: getattr(self, name) for name in ("labels", "rule", "threshold", "otherwise", "beside")}
        write_whole(folder / HEAD, json.dumps(settings, indent=1, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> Head:
        """Read what `save` wrote.

        Raises:
            UserError: the folder holds no head.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            parsed = json.loads((folder / HEAD).read_text(encoding="utf-8"))
            weights = load_file(folder / WEIGHTS)
        except (OSError, ValueError, SafetensorError) as error:
            raise UserError(f"{folder} holds no classifier ({error}); remove it, and it is built again") from error
        return cls(
            labels=tuple(parsed["labels"]),
            weight=weights["weight"],
            bias=weights["bias"],
            rule=parsed["rule"],
            threshold=parsed["threshold"],
            otherwise=parsed["otherwise"],
            beside=tuple(parsed["beside"]),
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
        for index, request in enumerate(requests):
            if not isinstance(request.step, Classify):
                raise InternalError(f"a classifier was given {type(request.step).__name__}")
            by_model[request.step.model].append((index, request.step))
        for model, asked in by_model.items():
            if model not in self._artifacts:
                why = f"classifier {model[:12]!r} was not built: a Classify step names the digest of one that was"
                yield from ((index, Failure(why, step="classify")) for index, _ in asked)
                continue
            head, embedder = self._open(model)
            vectors = self.vectors([step.text for _, step in asked], beside=head.beside, embedder=embedder)
            rows = head.probabilities(np.nan_to_num(vectors))
            for (index, step), vector, row in zip(asked, vectors, rows, strict=True):
                is_finite = bool(np.isfinite(vector).all())
                yield index, _label(head, step, row) if is_finite else Failure(NO_NUMBER, step="classify")

    def vectors(self, texts: Sequence[str], *, beside: Sequence[str] = (), embedder: Embedder | None = None) -> Vectors:
        """What a head sees of the texts: their unit vectors, and how sure the classifiers in `beside` are of each.

        Float32 [texts, dimensions + 2 · beside]; `embedder` None: the project's.
        """
        import numpy as np

        own = embedder or self._embedder()
        columns = [own.embed(texts, kind="query")]
        for model in beside:
            head, other = self._open(model)
            vectors = columns[0] if other is own else other.embed(texts, kind="query")
            columns.append(sureness(head.probabilities(vectors)))
        return np.concatenate(columns, axis=1)

    def _open(self, model: str) -> tuple[Head, Embedder]:
        if model not in self._opened:
            folder = self._artifacts[model]
            self._opened[model] = (Head.load(folder), self._encoder(folder / ENCODER, model))
        return self._opened[model]

    def _encoder(self, folder: Path, model: str) -> Embedder:
        from rung.models.embedding import MiniLM
        from rung.models.encoder_folder import read_encoder

        return MiniLM(read_encoder(folder), digest=model) if folder.is_dir() else self._embedder()


def sureness(probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
    """[texts, 2]: the best label's log odds, and how far the second is behind it, in nats, as shares of 8.

    How sure a classifier is tells better than the text's vector whether it is right (benchmarks/router.py).
    """
    import numpy as np

    ordered = np.sort(np.maximum(probabilities, 1e-12), axis=1)
    first, second = ordered[:, -1], ordered[:, -2]
    odds = np.log(first / np.maximum(1 - first, 1e-12))
    return (np.stack([odds, np.log(first / second)], axis=1).clip(-SURE, SURE) / SURE).astype(np.float32)


def _label(head: Head, step: Classify, row: NDArray[np.float64]) -> ClassifyResult | Failure:
    return head.pick(list(row), step.labels) or Failure(
        f"none of the {len(step.labels)} labels asked for was learnt", step="classify"
    )
