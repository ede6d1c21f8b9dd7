"""Training a reranker: a cross-encoder from the embedder's own weights, with a new head, on pairs with hard negatives.

Each question with its passage against the same question with others: cross entropy over the group, as cross-encoders are
trained for MS MARCO (Nogueira, Cho 2019, arXiv:1901.04085; grouped as Gao et al. 2021, arXiv:2101.08751). The folder is what
`models.cross_encoder` opens. Whether it ranks any better is judged by who ordered it.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rung.errors import UserError
from rung.files.durable import write_whole
from rung.models.embedding import together
from rung.progress import Tick
from rung.records import Json, Pair, digest
from rung.records.validation import Number, checked, settings
from rung.training.checkpoint import Progressed, Source
from rung.training.encoder import Encoder
from rung.training.recipe import NOUN, CheckpointSeconds, Clip, Epochs, Held, Seed, Warmup
from rung.training.retriever import held_out, positives_of, shuffled
from rung.training.sentence_files import tokenizer_settings
from rung.training.stepping import Objective, Stepping, stepped

if TYPE_CHECKING:
    import torch

_FORMAT = 1
_MAX_TOKENS = 16_384
_MAX_HELD = 64
_MIN_PAIRS = 8
HEAD = ("classifier.weight", "classifier.bias")


@settings
class RerankerRecipe:
    """The trainer's settings: `negatives` stand against each pair's passage, mined ones first, then those of other pairs."""

    epochs: Epochs = 3
    batch_pairs: Annotated[int, Field(ge=1, le=256)] = 8
    negatives: Annotated[int, Field(ge=1, le=31)] = 4
    learning_rate: Annotated[Number, Field(ge=1e-8, le=0.1)] = 5e-5
    max_tokens: Annotated[int, Field(ge=16, le=512)] = 256
    warmup: Warmup = 0.1
    clip: Clip = 1.0
    validation: Held = 0.1
    checkpoint_seconds: CheckpointSeconds = 30.0
    seed: Seed = 0

    @classmethod
    def of(cls, given: Mapping[str, Json], *, seed: int = 0) -> RerankerRecipe:
        """Defaults, with what was given in their place.

        Raises:
            UserError: a key is unknown or a value is out of range.
        """
        return checked(cls, {"seed": seed, **given}, noun=NOUN)


@dataclass(frozen=True, slots=True)
class Group:
    """A question with its passage, which comes first, and others that do not answer it."""

    question: str
    passages: tuple[str, ...]


class CrossNetwork:
    """The encoder reading question and passage together; a linear head on the first token's pooled state."""

    def __init__(self, encoder: Encoder, *, max_tokens: int, seed: int) -> None:
        import torch

        self.encoder = encoder
        self.longest = min(max_tokens, encoder.shape.positions)
        encoder.tokenizer.enable_truncation(self.longest)
        rng, width = torch.Generator().manual_seed(seed), encoder.shape.width
        named = encoder.named
        named.setdefault("pooler.dense.weight", torch.eye(width))
        named.setdefault("pooler.dense.bias", torch.zeros(width))
        named[HEAD[0]] = torch.randn((1, width), generator=rng) * 0.02
        named[HEAD[1]] = torch.zeros(1)

    def rows(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
        """(ids, segments) of each pair, what is too long cut off the longer of the two."""
        return [(one.ids, one.type_ids) for one in self.encoder.tokenizer.encode_batch(list(pairs))] if pairs else []

    def scores(self, rows: Sequence[tuple[list[int], list[int]]]) -> torch.Tensor:
        """Log-odds of being relevant, [n]."""
        import torch

        longest = max(len(ids) for ids, _ in rows)
        ids, segments, mask = (torch.zeros((len(rows), longest), dtype=torch.int64) for _ in range(3))
        for index, (tokens, kinds) in enumerate(rows):
            ids[index, : len(tokens)] = torch.as_tensor(tokens)
            segments[index, : len(tokens)] = torch.as_tensor(kinds)
            mask[index, : len(tokens)] = 1
        named = self.encoder.named
        first = self.encoder.states(ids, mask, segments)[:, 0]
        pooled = torch.tanh(first @ named["pooler.dense.weight"].T + named["pooler.dense.bias"])
        return (pooled @ named[HEAD[0]].T + named[HEAD[1]])[:, 0]

    def learn(self, groups: Sequence[Group], *, tokens: int, gradient: bool = True) -> float:
        """The mean cross entropy of the groups' first passages; with `gradient` it is added to the weights' own."""
        import torch
        from torch.nn.functional import cross_entropy

        pairs = [(group.question, passage) for group in groups for passage in group.passages]
        rows = self.rows(pairs)
        parts = together([ids for ids, _ in rows], tokens=tokens)
        positions = torch.argsort(torch.tensor([index for part in parts for index in part]))
        whole = gradient and sum(len(ids) for ids, _ in rows) <= tokens
        with torch.set_grad_enabled(whole):
            scores = torch.cat([self.scores([rows[index] for index in part]) for part in parts])[positions]
        if gradient and not whole:
            scores.requires_grad_()
        losses, begin = [], 0
        for group in groups:
            mine, begin = scores[begin : begin + len(group.passages)], begin + len(group.passages)
            losses.append(cross_entropy(mine[None], torch.zeros(1, dtype=torch.int64)))
        loss = torch.stack(losses).mean()
        if gradient:
            loss.backward()
        if gradient and not whole:  # the scores' gradient is known: each part's graph is made and used alone
            for part in parts:
                self.scores([rows[index] for index in part]).backward(scores.grad[part])
        return float(loss.detach())

    def save(self, folder: Path) -> None:
        """Write the folder that `cross-encoder:<folder>` and transformers open.

        Raises:
            UserError: there is no room.
        """
        from safetensors.torch import save

        folder.mkdir(parents=True, exist_ok=True)
        held = {(n if n in HEAD else f"bert.{n}"): w.detach().contiguous() for n, w in self.encoder.named.items()}
        write_whole(folder / "model.safetensors", save(held, metadata={"format": "pt"}))
        write_whole(folder / "tokenizer.json", self.encoder.tokenizer.to_str().encode())
        config = self.encoder.small_files()["config.json"]
        assert isinstance(config, dict)
        one: dict[str, Json] = {"architectures": ["BertForSequenceClassification"], "num_labels": 1}
        labels: dict[str, Json] = {"id2label": {"0": "relevant"}, "label2id": {"relevant": 0}}
        for name, content in {
            "config.json": {**config, **one, **labels},
            "tokenizer_config.json": tokenizer_settings(self.encoder.source, self.encoder.tokenizer, tokens=self.longest),
        }.items():
            write_whole(folder / name, json.dumps(content, indent=2, ensure_ascii=False).encode())


def train_reranker(
    pairs: Sequence[Pair],
    encoder: Encoder,
    *,
    recipe: RerankerRecipe,
    folder: Path,
    progress: Tick = lambda _done, _all, _note: None,
) -> Progressed:
    """Train a cross-encoder on these pairs and write it into the folder; the manifest is left to who ordered it.

    An interrupted call, made again, goes on from its checkpoint and ends with the same weights.

    Raises:
        UserError: too few pairs, a loss that is no number, no room in memory or on the disk.
        Interrupted: Ctrl-C; the checkpoint is written.
    """
    if len(pairs) < _MIN_PAIRS:
        raise UserError(f"{len(pairs)} pairs are too few to train a reranker: give at least {_MIN_PAIRS}, better hundreds")
    folder.mkdir(parents=True, exist_ok=True)
    of = digest("reranker", _FORMAT, recipe, pairs, encoder.start)
    network = CrossNetwork(encoder, max_tokens=recipe.max_tokens, seed=recipe.seed)
    names = [n for n in encoder.named if not n.startswith("embeddings.")]
    values, gradient = encoder.laid_flat(names)
    taught, held = held_out(pairs, share=recipe.validation, seed=recipe.seed)
    texts, answers = list(dict.fromkeys(pair.positive for pair in pairs)), positives_of(pairs)
    wide = [group_of(pair, texts, answers, recipe, epoch=0) for pair in held[:_MAX_HELD]]
    a_pass = math.ceil(len(taught) / recipe.batch_pairs)

    def step(number: int, tokens: int) -> float:
        epoch, index = divmod(number, a_pass)
        rows = shuffled(taught, seed=recipe.seed, epoch=epoch)
        batch = rows[index * recipe.batch_pairs : (index + 1) * recipe.batch_pairs]
        return network.learn([group_of(p, texts, answers, recipe, epoch=epoch) for p in batch], tokens=tokens)

    def validate(tokens: int) -> float | None:
        return network.learn(wide, tokens=min(tokens, _MAX_TOKENS // 4), gradient=False) if wide else None

    stepping = Stepping(
        Objective(values, gradient, step, validate),
        steps=a_pass * recipe.epochs,
        a_pass=a_pass,
        pace=recipe,
        source=Source(folder, of),
        most_tokens=_MAX_TOKENS,
    )
    return stepped(stepping, save=network.save, progress=progress)


def group_of(
    pair: Pair, texts: Sequence[str], answers: Mapping[str, frozenset[str]], recipe: RerankerRecipe, *, epoch: int
) -> Group:
    """The pair's passage, its mined negatives, and where those are too few passages of other questions, by the seed."""
    rng = random.Random(digest("group", recipe.seed, epoch, pair.anchor, pair.positive))
    mine = answers.get(pair.anchor, frozenset()) | {pair.positive}
    hard = [text for text in pair.negatives if text not in mine]
    rng.shuffle(hard)
    chosen = hard[: recipe.negatives]
    tries = 0
    while len(chosen) < recipe.negatives and tries < 10 * recipe.negatives:
        other, tries = rng.choice(texts), tries + 1
        if other not in mine and other not in chosen:
            chosen.append(other)
    return Group(pair.anchor, (pair.positive, *chosen))
