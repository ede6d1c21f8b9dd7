"""Answers `Generate` steps with any causal language model that transformers opens: torch, on a GPU or the CPU.

Requests of all lengths and adapters share the batch; which is admitted when is decided in `models.admission`, as for the
OpenVINO engine, so prompts that begin alike wait for one of them. What lies in a folder is left to `folder`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import InternalError, MissingExtra, ModelError
from rung.files.durable import sha256, short_sum
from rung.models.admission import entered, run_jobs, stream_job
from rung.models.causal.batch import Batch
from rung.models.causal.chat import Chat, ChatRefused, end_tokens
from rung.models.causal.devices import Device, device, free_memory, number_type
from rung.models.causal.folder import ModelFolder, read_folder
from rung.models.causal.lora import check_folder
from rung.models.causal.network import Network, open_network, require_memory
from rung.models.grammar import GRAMMAR
from rung.models.hub import digest_of
from rung.models.jobs import Job
from rung.models.reasoning import Listening
from rung.models.vocabulary import why_no_row
from rung.records import Failure, Message
from rung.records.steps import Generate, GenerateResult, Request, Result, StepFailed

if TYPE_CHECKING:
    import torch

_CONTEXT = ("max_position_embeddings", "max_seq_len", "seq_length", "n_positions", "max_sequence_length")
_BESIDE = ("generation_config.json", "tokenizer.model", "vocab.json", "merges.txt", "added_tokens.json", "tekken.json")
_ENGINE = 2  # raise it when the engine answers otherwise


class TransformersGenerator:
    """A model in a folder of Hugging Face layout. Thread-safe: threads share the batch.

    Args:
        folder: `config.json`, safetensors, a tokenizer and a chat template.
        name: how the model is called in messages.
        context_tokens: where the config names no length.
        reasoning_tokens: what the model may think before it answers, beside its answer's tokens; 0: models that can be told
            so do not think.
        cache_bytes: memory for keys and values; None: an eighth of the machine's, on a GPU half of what is free.

    Raises:
        ModelError: a file is missing or broken, there is too little memory, no chat template.
        MissingExtra: a library is not installed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        context_tokens: int = 8192,
        reasoning_tokens: int = 0,
        cache_bytes: int | None = None,
    ) -> None:
        self.folder = folder
        self.name = name
        self.files, self.chat = looked_over(folder, name=name, thinking=reasoning_tokens > 0)
        self.device: Device = device()
        self.dtype: torch.dtype = number_type(self.device, self.files.stored)
        require_memory(self.files, self.device, self.dtype)
        self._digest = digest_of(folder)
        self._beside = _sum_of(folder)
        self._otherwise = context_tokens
        self._reasoning = reasoning_tokens
        self._cache_bytes = cache_bytes
        self._adapters: dict[str, Path] = {}
        self._network: Network | None = None
        self._has_room = True  # looked at above; before it is opened a second time, there
        self._batch: Batch | None = None
        self._opening = threading.Lock()

    @cached_property  # every step asks for it, and versions are read from files
    def identity(self) -> str:
        """Digests of the files, versions of the libraries, device, numbers, grammar and room for reasoning."""
        libraries = "/".join(f"{package}-{version(package)}" for package in ("transformers", "torch", "xgrammar"))
        numbers = f"{self.device}-{str(self.dtype).removeprefix('torch.')}"
        thinking = f"/reasoning-{self._reasoning}" if self._reasoning else ""
        return f"hf:{self._digest}/{self._beside}{libraries}/{numbers}/engine-{_ENGINE}/grammar-{GRAMMAR}{thinking}"

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may have together."""
        config = self.files.config
        inner = config.get("text_config")
        for settings in (config, inner if isinstance(inner, dict) else {}):
            rope = settings.get("rope_parameters") or settings.get("rope_scaling")
            factor = rope.get("factor") if isinstance(rope, dict) and "dynamic" in rope.values() else 1
            for key in _CONTEXT:
                if isinstance(value := settings.get(key), int) and value > 0:
                    return int(value * factor) if isinstance(factor, (int, float)) else value
        return self._otherwise

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        """Make LoRA artifacts (digest -> PEFT folder) answerable; those already known stay.

        Raises:
            ModelError: an adapter is broken, of another kind, or was trained on another base.
        """
        new = {digest: folder for digest, folder in adapters.items() if digest not in self._adapters}
        for folder in new.values():
            check_folder(folder, base=self._digest)
        self._adapters.update(new)

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (index, result) as each completes."""
        jobs, refused = self._jobs(requests)
        yield from refused
        if not jobs:
            return
        with self._using(jobs) as batch:
            yield from run_jobs(batch, jobs)

    def stream(self, request: Request) -> Iterator[str | GenerateResult]:
        """Yield pieces of text, then the whole `GenerateResult` last.

        Raises:
            StepFailed: the request cannot be answered.
        """
        jobs, refused = self._jobs([request])
        for _, failure in refused:
            raise StepFailed(failure)
        (job,) = jobs
        with self._using(jobs) as batch:
            yield from stream_job(batch, job, self.chat.decode, self._hearing(batch, job))

    def push(self, request: Request, on_text: Callable[[str], None]) -> GenerateResult | Failure:
        """See `rung.records.steps.PushEngine`: whoever asks sleeps until the answer is whole."""
        jobs, refused = self._jobs([request])
        for _, failure in refused:
            return failure
        (job,) = jobs
        with self._using(jobs) as batch:
            return batch.follow(job, on_text, self._hearing(batch, job))

    def _hearing(self, batch: Batch, job: Job) -> Callable[[str], str]:
        """What of each new piece of a job's text is the answer's."""
        heard = Listening()
        heard.hear(batch.opened(job))

        def hear(piece: str) -> str:
            return heard.hear(piece) if self.chat.thinks and job.held is None else piece

        return hear

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self.chat.encode(texts)]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return self.chat.encode(texts)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt as the model sees it, chat template applied, assistant's turn opened.

        Raises:
            ModelError: the template takes no such conversation.
        """
        with self._in_words():
            return self.chat.render(messages)

    def with_answer(self, messages: Sequence[Message]) -> tuple[list[int], int]:
        """Token ids of a chat to the end of its last turn, the assistant's; and how many of them are the prompt's.

        Raises:
            ModelError: the template takes no such conversation, no token ends an answer, or the model has no row for one.
        """
        with self._in_words():
            ids, prompt = self.chat.with_answer(messages)
        if why := self._why_no_row(ids):
            raise ModelError(why)
        return ids, prompt

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except ChatRefused as refused:
            raise ModelError(f"the chat template of {self.name} refuses this conversation: {refused}") from refused

    def close(self) -> None:
        """Give back the model's memory. A later call opens it again."""
        with self._opening:
            self._batch = self._network = None
            self._has_room = False

    def _jobs(self, requests: Sequence[Request]) -> tuple[list[Job], list[tuple[int, Failure]]]:
        """The requests that can be tried, with their token ids; and those that cannot, with the reason."""
        jobs: list[Job] = []
        refused: list[tuple[int, Failure]] = []
        for index, request in enumerate(requests):
            step = request.step
            if not isinstance(step, Generate):
                raise InternalError(f"a generator was given {type(step).__name__}")
            try:
                ids = self.chat.encode([self.render(step.messages)])[0]
                why = self._why_not(step, len(ids)) or self._why_no_row(ids)
            except ModelError as error:
                ids, why = [], str(error)
            if why:
                excess = max(0, len(ids) + step.max_tokens + self._reasoning - self.context_tokens)
                refused.append((index, Failure(why, step="generate", excess=excess)))
            else:
                jobs.append(Job(index, step, ids))
        return jobs, refused

    def _why_not(self, step: Generate, prompt: int) -> str:
        if step.adapter and step.adapter not in self._adapters:
            return f"adapter {step.adapter[:12]} was not given to the model {self.name}: build it first"
        if step.max_tokens < 1:
            return f"max_tokens is {step.max_tokens}: an answer needs at least 1"
        if prompt + step.max_tokens + self._reasoning > self.context_tokens:
            return (
                f"the prompt has {prompt:,} tokens and the answer may have {step.max_tokens + self._reasoning:,}, together "
                f"more than the {self.context_tokens:,} of {self.name}: show fewer or shorter passages"
            )
        return "" if prompt else f"the chat template of {self.name} made no prompt of this conversation"

    def _why_no_row(self, ids: Sequence[int]) -> str:
        return why_no_row(ids, self.files.rows, self.name, self.chat.token)

    def _using(self, jobs: Sequence[Job]) -> AbstractContextManager[Batch]:
        """The batch, with every adapter that the jobs need; see `entered`."""

        def throw_away(broken: Batch) -> None:
            with self._opening:
                if self._batch is broken:
                    self._batch = None

        return entered(self._opened({job.step.adapter for job in jobs} - {""}), jobs, throw_away)

    def _opened(self, adapters: set[str]) -> Batch:
        with self._opening:
            if self._network is None:
                if not self._has_room:
                    require_memory(self.files, self.device, self.dtype)
                self._network = open_network(self.files, where=self.device, dtype=self.dtype)
            if self._batch is None:
                memory = self._cache_bytes or free_memory(self.device) // (2 if self.device == "cuda" else 8)
                self._batch = Batch(self._network, self.chat, memory=memory, reasoning=self._reasoning)
            for adapter in sorted(adapters):
                self._batch.load(adapter, self._adapters[adapter])
            return self._batch


def looked_over(folder: Path, *, name: str, thinking: bool = False) -> tuple[ModelFolder, Chat]:
    """A folder's files and its tokenizer, before any weight is read; raises as `TransformersGenerator`, but for memory."""
    if lacking := [package for package in ("torch", "transformers", "xgrammar") if find_spec(package) is None]:
        raise MissingExtra("hf", f"{name} ({', '.join(lacking)} is not installed)")
    files = read_folder(folder)
    return files, Chat(folder, ends=end_tokens(files.config, files.generation), thinking=thinking)


def _sum_of(folder: Path) -> str:
    """Of the further files that answers depend on: which tokens end one, a tokenizer that is in several files."""
    sums = [f"{name}:{sha256(folder / name)}" for name in _BESIDE if (folder / name).is_file()]
    return f"{short_sum(*sums)}/" if sums else ""
