"""Answers `Generate` steps on this machine: OpenVINO GenAI, continuous batching, prefix cache, constraints, adapters.

Each adapter has its own pipeline, with the adapter's matrices as constants of its graph: nothing is switched, so base and
adapters cannot leak into each other, neither through states nor through the prefix cache (which knows only token ids).
Which request is admitted when is decided in `admission`; what a constraint looks like, in `grammar`; names, in `catalog`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.models.adapters import Lora, check_adapter, joined, read_adapter
from rung.models.admission import entered, run_jobs, stream_job
from rung.models.causal.devices import free_memory
from rung.models.grammar import GRAMMAR
from rung.models.graph import projection_shapes, read_config
from rung.models.jobs import Job
from rung.models.pipeline import Pipeline, decoder_of
from rung.models.precision import Precision
from rung.models.tokens import Tokens
from rung.models.vocabulary import why_no_row
from rung.records import Failure, Json, Message
from rung.records.steps import Generate, GenerateResult, Request, Result, StepFailed

if TYPE_CHECKING:
    from rung.models.graph import Weights

_MAX_PIPELINES = 3  # pipelines held at once: the base and two adapters, about 0.5 GB each
_SPARE = 4  # times the weights' size has to be free for a pipeline that nobody has asked for


class LocalGenerator:
    """A llama-architecture model from a folder made by `graph.prepared`. Thread-safe: threads share the batch.

    Args:
        folder: the prepared model.
        name: how the model is called in messages.
        digest: SHA-256 of its weights, part of the identity.
        precision: "exact" computes in float32 with a float16 cache, so that greedy text equals the trainer's; "fast" leaves
            it to OpenVINO (bfloat16 where the CPU has it, 8-bit cache).
        cache_bytes: memory for keys and values of each pipeline; None: a sixteenth of the machine's, at most 1 GB, and
            never less than one whole context.
        taught: what was taught to the model in the folder before it was shipped: part of its weights, below any adapter.

    Set `apart` before the first request where many threads ask at the same time: the model decodes in a process of its own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        digest: str,
        precision: Precision = "exact",
        cache_bytes: int | None = None,
        taught: Lora | None = None,
    ) -> None:
        self.apart = False
        self.folder = folder
        self.taught = taught
        self.name = name
        self.tokens = Tokens(folder)
        self.config: dict[str, Json] = read_config(folder)
        self._precision = precision
        self._cache_bytes = cache_bytes
        self._digest = digest
        self._adapters: dict[str, Path] = {}
        self._pipelines: OrderedDict[str, Pipeline] = OrderedDict()
        self._opening = threading.Lock()
        self._ahead: threading.Thread | None = None  # opens some before they are asked
        self._enough = threading.Event()  # for that thread: no more is wanted
        self._unasked: Pipeline | None = None  # of the base, opened ahead

    @cached_property  # every step asks for it, and versions are read from files
    def identity(self) -> str:
        """Model digest, runtime version, precision and version of the grammar: what a result depends on."""
        return f"local:{self._digest}/openvino-genai-{version('openvino-genai')}/{self._precision}/grammar-{GRAMMAR}"

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may have together."""
        return int(str(self.config["max_position_embeddings"]))

    @property
    def rows(self) -> int:
        """Tokens that the model has a row for."""
        return int(str(self.config["vocab_size"]))

    def weights(self) -> Weights:
        """The base weights as served: Hugging Face name -> float32. Training starts from these."""
        weights = self.fetched_weights()
        return weights if self.taught is None else self.taught.added_to(weights)

    def fetched_weights(self) -> Weights:
        """Those of the model in the folder alone, without what it was taught before it was shipped."""
        from rung.models.graph import read_weights

        return read_weights(self.folder)

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        """Make LoRA artifacts (digest -> PEFT folder) answerable; those already known stay.

        Raises:
            ModelError: an adapter cannot be served whole, so it is refused whole.
        """
        new = {digest: folder for digest, folder in adapters.items() if digest not in self._adapters}
        if new:
            shapes = projection_shapes(self.config)
            for folder in new.values():
                check_adapter(folder, shapes, base=self._digest)
        self._adapters.update(new)

    def open_ahead(self) -> None:
        """See `Decoding`. The library leaves Python's lock to other threads while it opens."""
        self._enough = enough = threading.Event()

        def open_both() -> None:
            with suppress(Exception):  # who asks tries again
                if not enough.is_set():
                    self._pipeline("")
                if not enough.is_set() and threading.main_thread().is_alive() and self._has_room_for_two():
                    second = self._opened("")
                    with self._opening:
                        self._unasked = second if len(self._pipelines) < _MAX_PIPELINES else None

        self._ahead = threading.Thread(target=open_both, name="opening")
        self._ahead.start()

    def _has_room_for_two(self) -> bool:
        """Whether the base, open already, takes little of the memory that is free now."""
        size = sum(file.stat().st_size for file in self.folder.glob("*.bin"))
        return _SPARE * size <= free_memory("cpu")

    def start_anew(self) -> None:
        """See `Decoding`: what was asked is closed; one that was opened ahead takes its place, once."""
        if self._ahead is not None:
            self._ahead.join()
        with self._opening:
            self._pipelines.clear()
            if self._unasked is not None:
                self._pipelines[""], self._unasked = self._unasked, None

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (index, result) as each completes. One adapter after the other; within one, shared prefixes together."""
        jobs, refused = self._jobs(requests)
        yield from refused
        for adapter in sorted({job.step.adapter for job in jobs}):
            mine = [job for job in jobs if job.step.adapter == adapter]
            yield from self._run(adapter, [job for job in mine if job.step.temperature == 0], at_once=None)
            # the sampler's seed is shared by a batch: alone, the same request gives the same text again
            yield from self._run(adapter, [job for job in mine if job.step.temperature > 0], at_once=1)

    def stream(self, request: Request) -> Iterator[str | GenerateResult]:
        """Yield pieces of text, then the whole `GenerateResult` last.

        Raises:
            StepFailed: the request cannot be answered.
        """
        jobs, refused = self._jobs([request])
        for _, failure in refused:
            raise StepFailed(failure)
        with self._using(jobs[0].step.adapter, jobs) as pipeline:
            yield from stream_job(pipeline, jobs[0], self.tokens.decode)

    def push(self, request: Request, on_text: Callable[[str], None]) -> GenerateResult | Failure:
        """See `rung.records.steps.PushEngine`: whoever asks sleeps until the answer is whole."""
        jobs, refused = self._jobs([request])
        for _, failure in refused:
            return failure
        with self._using(jobs[0].step.adapter, jobs) as pipeline:
            return pipeline.follow(jobs[0], on_text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return self.tokens.count(texts)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt as the model sees it, chat template applied, assistant's turn opened."""
        return self.tokens.render(messages)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text: what training must use too."""
        return self.tokens.encode(texts)

    def close(self) -> None:
        """Give back every pipeline's memory. A later call opens them again."""
        self._enough.set()
        self.start_anew()  # the one that was opened ahead is given back as well
        with self._opening:
            self._pipelines.clear()

    def _jobs(self, requests: Sequence[Request]) -> tuple[list[Job], list[tuple[int, Failure]]]:
        """The requests that can be tried, with their token ids; and those that cannot, with the reason."""
        steps: list[Generate] = []
        for request in requests:
            if not isinstance(request.step, Generate):
                raise InternalError(f"a generator was given {type(request.step).__name__}")
            steps.append(request.step)
        encoded = self.tokens.encode([self.tokens.render(step.messages) for step in steps])
        jobs: list[Job] = []
        refused: list[tuple[int, Failure]] = []
        for index, (step, ids) in enumerate(zip(steps, encoded, strict=True)):
            why = self._why_not(step, len(ids)) or why_no_row(ids, self.rows, self.name, self.tokens.token)
            if why:
                excess = max(0, len(ids) + step.max_tokens - self.context_tokens)
                refused.append((index, Failure(why, step="generate", excess=excess)))
            else:
                jobs.append(Job(index, step, ids))
        return jobs, refused

    def _why_not(self, step: Generate, prompt: int) -> str:
        if step.adapter and step.adapter not in self._adapters:
            return f"adapter {step.adapter[:12]} was not given to the model {self.name}: build it first"
        if prompt + step.max_tokens > self.context_tokens:
            return (
                f"the prompt has {prompt:,} tokens and the answer may have {step.max_tokens:,}, together more than the "
                f"{self.context_tokens:,} of {self.name}: show fewer or shorter passages"
            )
        if step.max_tokens < 1:
            return f"max_tokens is {step.max_tokens}: an answer needs at least 1"
        return ""

    def _run(self, adapter: str, jobs: list[Job], *, at_once: int | None) -> Iterator[tuple[int, GenerateResult | Failure]]:
        if not jobs:
            return
        with self._using(adapter, jobs) as pipeline:
            yield from run_jobs(pipeline, jobs, at_once=at_once)

    def _using(self, adapter: str, jobs: Sequence[Job]) -> AbstractContextManager[Pipeline]:
        """The adapter's pipeline; see `entered`."""

        def throw_away(broken: Pipeline) -> None:
            with self._opening:  # another thread may have opened a new one meanwhile
                if self._pipelines.get(adapter) is broken:
                    del self._pipelines[adapter]

        return entered(self._pipeline(adapter), jobs, throw_away)

    def _pipeline(self, adapter: str) -> Pipeline:
        with self._opening:
            if adapter in self._pipelines:
                self._pipelines.move_to_end(adapter)
                return self._pipelines[adapter]
            if len(self._pipelines) + 1 >= _MAX_PIPELINES:
                self._unasked = None  # it would be one too many
            while len(self._pipelines) >= _MAX_PIPELINES:
                self._pipelines.popitem(last=False)
            self._pipelines[adapter] = pipeline = self._opened(adapter)
            return pipeline

    def _opened(self, adapter: str) -> Pipeline:
        lora = read_adapter(self._adapters[adapter]) if adapter else None
        if self.taught is not None:
            lora = self.taught if lora is None else joined(self.taught, lora)
        decoder = decoder_of(
            *(self.folder, self.tokens),
            lora=lora,
            precision=self._precision,
            cache_bytes=self._cache_bytes,
            apart=self.apart,
        )
        return Pipeline(decoder, self.tokens)
