"""How far each question is from its passage, among all passages of the batch: InfoNCE, and its gradient in small memory.

Loss of van den Oord et al. 2018 (arXiv:1807.03748) with in-batch negatives, as MultipleNegativesRanking of
sentence-transformers computes it; over several leading dimensions it is Matryoshka (Kusupati et al. 2022, arXiv:2205.13147).
Chunked backward after Gao et al. 2021 (GradCache, arXiv:2101.06983): exact, since the encoder has no dropout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.models.embedding import together
from rung.records import Pair
from rung.training.encoder import Encoder, padded

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Contrast:
    """A batch: row i's positive is candidate i. `also_positive` are (row, candidate) that are right as well: left out."""

    anchors: tuple[str, ...]
    candidates: tuple[str, ...]
    also_positive: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, pairs: Sequence[Pair], positives: Mapping[str, frozenset[str]], *, negatives: int) -> Contrast:
        """`positives`: each anchor's, of all pairs there are. Hard negatives stand behind the positives, each once."""
        firsts = [pair.positive for pair in pairs]
        hard = dict.fromkeys(text for pair in pairs for text in pair.negatives[:negatives])
        candidates = (*firsts, *(text for text in hard if text not in set(firsts)))
        also_positive = tuple(
            (row, column)
            for row, pair in enumerate(pairs)
            for column, text in enumerate(candidates)
            if column != row and (text == pair.positive or text in positives.get(pair.anchor, ()))
        )
        return cls(tuple(pair.anchor for pair in pairs), candidates, also_positive)


def info_nce(
    anchors: torch.Tensor,
    candidates: torch.Tensor,
    also_positive: Sequence[tuple[int, int]],
    *,
    temperature: float,
    dims: Sequence[int] = (),
) -> torch.Tensor:
    """Mean cross entropy of each row's own candidate: rows [n, d], candidates [m, d], not normalised. `dims`: the mean over
    these leading dimensions; none: all of them."""
    import torch
    from torch.nn.functional import cross_entropy, normalize

    targets = torch.arange(len(anchors))
    losses = []
    for size in dims or (anchors.shape[1],):
        scores = normalize(anchors[:, :size]) @ normalize(candidates[:, :size]).T / temperature
        if also_positive:
            rows, columns = zip(*also_positive, strict=True)
            scores = scores.index_put((torch.tensor(rows), torch.tensor(columns)), torch.tensor(float("-inf")))
        losses.append(cross_entropy(scores, targets))
    return torch.stack(losses).mean()


def learn(encoder: Encoder, batch: Contrast, *, temperature: float, dims: Sequence[int], tokens: int) -> float:
    """Add the gradient of the batch's loss, which is returned; no more than `tokens` tokens have their graph at a time."""
    import torch

    rows = encoder.tokens(batch.anchors, kind="query") + encoder.tokens(batch.candidates, kind="passage")
    parts = together(rows, tokens=tokens)
    cut = len(batch.anchors)
    if sum(map(len, rows)) <= tokens:  # all graphs fit: no second forward
        vectors = _scattered([encoder(*padded([rows[index] for index in part])) for part in parts], parts)
        loss = info_nce(vectors[:cut], vectors[cut:], batch.also_positive, temperature=temperature, dims=dims)
        loss.backward()
        return float(loss.detach())
    with torch.no_grad():
        vectors = _scattered([encoder(*padded([rows[index] for index in part])) for part in parts], parts)
    vectors.requires_grad_()
    loss = info_nce(vectors[:cut], vectors[cut:], batch.also_positive, temperature=temperature, dims=dims)
    loss.backward()
    for part in parts:
        encoder(*padded([rows[index] for index in part])).backward(vectors.grad[part])
    return float(loss.detach())


def loss_of(encoder: Encoder, batch: Contrast, *, temperature: float, tokens: int) -> float:
    """The batch's loss over all dimensions, without a gradient."""
    import torch

    rows = encoder.tokens(batch.anchors, kind="query") + encoder.tokens(batch.candidates, kind="passage")
    parts = together(rows, tokens=tokens)
    with torch.no_grad():
        vectors = _scattered([encoder(*padded([rows[index] for index in part])) for part in parts], parts)
        cut = len(batch.anchors)
        return float(info_nce(vectors[:cut], vectors[cut:], batch.also_positive, temperature=temperature))


def _scattered(outputs: Sequence[torch.Tensor], parts: Sequence[Sequence[int]]) -> torch.Tensor:
    """The parts' rows in the order of the texts."""
    import torch

    positions = torch.tensor([index for part in parts for index in part])
    return torch.cat(list(outputs))[torch.argsort(positions)]
