"""Carries out `Rerank` steps by a cross-encoder on this machine: query and passage read together, one score out.

The model is a folder in Hugging Face format with one relevance score (or two labels), such as sentence-transformers,
BGE, Jina and mixedbread publish. It is the user's own: none comes with Rung, and nothing is fetched.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rung.errors import MissingExtra, ModelError
from rung.models.reranking import asked, reordered, shown
from rung.records import Failure
from rung.steps import Request, Rerank, Result

log = logging.getLogger(__name__)

_TOGETHER = 64  # requests whose pairs are sorted by length together: results come, and are kept, as each group is done
_BATCH_TOKENS = 8192  # padding included
_BATCH_PAIRS = 64
_LONGEST = 512  # tokens of a pair, where the model does not say less
_DIGITS = 5  # what padding changes in a score must not change an order
_CONTENT = (".safetensors", ".bin", ".json", ".txt", ".model")


class CrossEncoder:
    """A sequence classifier over (query, passage). Runs on a GPU where torch sees one.

    Raises:
        MissingExtra: torch or transformers is not installed.
        ModelError: the folder holds no such model.
    """

    def __init__(self, folder: Path) -> None:
        torch, transformers = _libraries()
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"{folder} holds no config.json: name a folder in Hugging Face format (config.json, model.safetensors, "
                "tokenizer.json), as a model hub gives it"
            )
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ModelError(f"{folder} cannot be opened as a cross-encoder: {str(error).splitlines()[0]}") from error
        if model.config.num_labels not in (1, 2):
            raise ModelError(
                f"{folder} has {model.config.num_labels} labels; a reranker has one relevance score, or two labels (no, yes)"
            )
        _refuse_untrained(folder)
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.eval().to(self._device)
        self._longest = _window(self._tokenizer, model.config)
        self._digest = _digest(folder)

    @property
    def identity(self) -> str:
        """Digest of the folder's files, and how many tokens of a pair are seen."""
        return f"cross-encoder:{self._digest}/{self._longest}"

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield each request's passages in the order of their scores: log-odds of being relevant, 0 is even."""
        for start in range(0, len(requests), _TOGETHER):
            steps = [asked(request) for request in requests[start : start + _TOGETHER]]
            pairs = list(dict.fromkeys((step.query, shown(p)) for step in steps for p in step.passages))
            scores = dict(zip(pairs, self.scores(pairs), strict=True))
            for place, step in enumerate(steps, start):
                yield place, _found(step, scores)

    def scores(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The score of each (query, passage). What is too long loses its end, the longer of the two first."""
        if not pairs:
            return []
        queries, passages = zip(*pairs, strict=True)
        encoded = self._tokenizer(list(queries), list(passages), truncation="longest_first", max_length=self._longest)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        found = [0.0] * len(pairs)
        for places in _batches(lengths):
            rows = {name: [column[place] for place in places] for name, column in encoded.items()}
            padded = self._tokenizer.pad(rows, return_tensors="pt").to(self._device)
            with self._torch.inference_mode():
                logits = self._model(**padded).logits.double()
            values = logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]
            for place, value in zip(places, values.tolist(), strict=True):
                found[place] = round(value, _DIGITS)
        return found


def _found(step: Rerank, scores: dict[tuple[str, str], float]) -> Result:
    return reordered(step, [scores[step.query, shown(passage)] for passage in step.passages])


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Pairs of like length together, longest first: where memory is too small, the first batch says so."""
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        full = batches and (
            len(batches[-1]) == _BATCH_PAIRS or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > _BATCH_TOKENS
        )
        if not batches or full:
            batches.append([])
        batches[-1].append(place)
    return batches


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("rerank", "a cross-encoder") from error
    return torch, transformers


def _window(tokenizer: Any, config: Any) -> int:
    """Tokens that a pair may have. Models of RoBERTa's kind lose places at the start of their table of positions."""
    positions = getattr(config, "max_position_embeddings", None) or _LONGEST
    lost = (config.pad_token_id or 0) + 1 if "roberta" in str(config.model_type) else 0
    return int(max(8, min(_LONGEST, positions - lost, tokenizer.model_max_length)))


def _refuse_untrained(folder: Path) -> None:
    """An encoder without a head gets a random one from the library, with a mere warning, and ranks at random."""
    try:
        kinds = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or []
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder / 'config.json'} cannot be read: {error}") from error
    if not any("SequenceClassification" in str(kind) for kind in kinds):
        raise ModelError(
            f"{folder} is no cross-encoder: its config.json says {', '.join(map(str, kinds)) or 'nothing'} under "
            "'architectures', and a reranker's says …ForSequenceClassification"
        )


def _digest(folder: Path) -> str:
    """SHA-256 over names and content of what makes the model, 16 hex characters."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in _CONTENT:
            with path.open("rb") as content:
                whole.update(f"{path.name}:{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:16]
