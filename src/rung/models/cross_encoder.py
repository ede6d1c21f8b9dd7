"""Carries out `Rerank` steps by a cross-encoder on this machine: query and passage read together, one score out.

The model is a folder in Hugging Face format with one relevance score (or two labels), such as sentence-transformers,
BGE, Jina and mixedbread publish. It is the user's own: none comes with Rung, and nothing is fetched.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rung.errors import MissingExtra, ModelError
from rung.models.cross_encoder_folder import read_cross_encoder
from rung.models.reranking import asked, reordered, shown
from rung.records import Failure
from rung.records.steps import Request, Rerank, Result

log = logging.getLogger(__name__)

_TOGETHER = 64  # requests whose pairs are sorted by length together: results come, and are kept, as each group is done
_BATCH_TOKENS = 8192  # padding included
_BATCH_PAIRS = 64
_LONGEST = 512  # tokens of a pair, where neither tokenizer nor model says
_UNSAID = 1_000_000  # a tokenizer without a limit says a number beyond all models
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
        settings = read_cross_encoder(folder)
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model, read = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
        except Exception as error:  # what a damaged file makes the libraries raise is not theirs to name
            lines = str(error).splitlines() or [type(error).__name__]
            raise ModelError(f"{folder} cannot be opened as a cross-encoder: {lines[0]}") from error
        if self._tokenizer.pad_token is None:
            raise ModelError(f"{folder} has no token to pad with: name it as pad_token in tokenizer_config.json")
        if missing := sorted(read["missing_keys"]):
            raise ModelError(f"{folder} lacks the weights {', '.join(missing[:3])}: copy the model again")
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.eval().to(self._device)
        self._prompt, self._relevant = settings.prompt, settings.relevant
        self._longest = settings.max_tokens or _window(self._tokenizer, model.config)
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
            for index, step in enumerate(steps, start):
                yield index, _ranked(step, scores)

    def scores(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The score of each (query, passage). What is too long loses its end, the longer of the two first."""
        if not pairs:
            return []
        queries, passages = [self._prompt + query for query, _ in pairs], [passage for _, passage in pairs]
        encoded = self._tokenizer(queries, passages, truncation="longest_first", max_length=self._longest)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        rounded = [0.0] * len(pairs)
        for indices in _batches(lengths):
            rows = {name: [column[index] for index in indices] for name, column in encoded.items()}
            padded = self._tokenizer.pad(rows, return_tensors="pt").to(self._device)
            with self._torch.inference_mode():
                logits = self._model(**padded).logits.double()
            yes = self._relevant
            values = logits[:, 0] if yes is None else logits[:, yes] - logits[:, 1 - yes]
            for index, value in zip(indices, values.tolist(), strict=True):
                rounded[index] = round(value, _DIGITS)
        return rounded


def _ranked(step: Rerank, scores: dict[tuple[str, str], float]) -> Result:
    return reordered(step, [scores[step.query, shown(passage)] for passage in step.passages])


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Pairs of like length together, longest first: where memory is too small, the first batch says so."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        full = batches and (
            len(batches[-1]) == _BATCH_PAIRS or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > _BATCH_TOKENS
        )
        if not batches or full:
            batches.append([])
        batches[-1].append(index)
    return batches


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("rerank", "a cross-encoder") from error
    return torch, transformers


def _window(tokenizer: Any, config: Any) -> int:
    """Tokens that a pair may have, by tokenizer and model; RoBERTa's kind loses places at the start of its table."""
    positions = getattr(config, "max_position_embeddings", None) or 0
    if not isinstance(tokenizer.model_max_length, int | float):
        raise ModelError(f"{tokenizer.name_or_path} says model_max_length: {tokenizer.model_max_length!r}: give a number")
    lost = (config.pad_token_id or 0) + 1 if "roberta" in str(config.model_type) else 0
    limits = [limit for limit in (tokenizer.model_max_length, positions - lost) if 0 < limit < _UNSAID]
    return int(max(8, min(limits, default=_LONGEST)))


def _digest(folder: Path) -> str:
    """SHA-256 over names and content of what makes the model, 16 hex characters."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in _CONTENT:
            with path.open("rb") as content:
                whole.update(f"{path.name}:{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:16]
