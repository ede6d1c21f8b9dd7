"""One OpenVINO continuous-batching pipeline, for the base model or for one adapter: jobs in, results out, step by step.

Safe for threads: whoever steps moves everybody's jobs on. What is asked of it, and when, is left to `local`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rung.models.adapters import Lora
from rung.models.grammar import Constraint, Unsupported, constraint, end_of, repeat_in, rest_of, without_repeats
from rung.models.grammar.nodes import seq
from rung.models.graph import read_config
from rung.models.precision import OPENVINO, Precision
from rung.models.tokens import Tokens
from rung.records import Failure
from rung.records.steps import Generate, GenerateResult

_AT_ONCE = 64  # sequences decoded together
_STEP_TOKENS = 512  # tokens computed in one step: 8 % faster than 1,024 or more on short prompts, equal on long ones
_BLOCK = 32  # tokens in a cache block of the CPU plugin
_MAX_CACHE = 1 << 30
_MIN_RESERVE = 24  # tokens: four keys and short values


@dataclass(eq=False)
class Job:
    """A request on its way: its prompt's ids, and what was said so far.

    Where a grammar holds the answer (`held`), the last tokens of its room are reserved: an answer that fills the room is cut
    before them (`cut_at`), and then brought to an end that the grammar allows.
    """

    index: int
    step: Generate
    ids: list[int]
    generated: list[int] = field(default_factory=list)
    ended: bool = False
    handle: Any = None
    held: Constraint | None = None
    cut_at: int | None = None

    @property
    def reserve(self) -> int:
        """Tokens of the room in which an answer is brought to its end."""
        if self.held is None or not self.held.rules:
            return 0
        return min(self.step.max_tokens // 2, max(_MIN_RESERVE, self.step.max_tokens // 5))

    @property
    def sure(self) -> list[int]:
        """Of what was said, the tokens that stay whatever comes."""
        if self.ended or self.cut_at is not None:
            return self.generated[: self.cut_at]
        if self.held is not None and self.held.differing:
            return []
        return self.generated[: self.step.max_tokens - self.reserve]


class Pipeline:
    """Holds about 0.5 GB beside its cache. `is_broken` after the engine raised: throw it away."""

    def __init__(
        self, folder: Path, tokens: Tokens, *, lora: Lora | None, precision: Precision, cache_bytes: int | None = None
    ) -> None:
        import openvino_genai as genai

        config = read_config(folder)
        wide = 4 if precision == "exact" else 2
        heads, head = int(str(config["num_key_value_heads"])), int(str(config["head_dim"]))
        token_bytes = int(str(config["num_hidden_layers"])) * 2 * heads * head * wide // 2
        context = int(str(config["max_position_embeddings"]))
        scheduler = genai.SchedulerConfig()
        scheduler.num_kv_blocks = max(_cache(cache_bytes) // token_bytes, context + 4 * _BLOCK) // _BLOCK
        scheduler.enable_prefix_caching = True
        scheduler.dynamic_split_fuse = True
        scheduler.max_num_seqs = _AT_ONCE
        scheduler.max_num_batched_tokens = _STEP_TOKENS
        properties: dict[str, Any] = dict(OPENVINO[precision])
        if lora is not None:
            properties["adapters"] = _as_constants(lora)
        self._tokens = tokens
        self._pipeline = genai.ContinuousBatchingPipeline(folder, scheduler, "CPU", properties)
        self._stepping = threading.Lock()
        self._next = 0
        self.at_once = _AT_ONCE
        self.is_broken = False

    def add(self, job: Job) -> Failure | None:
        """Let a job into the batch; or say why it cannot be."""
        try:
            job.held = constraint(job.step)
        except Unsupported as error:
            return _ended(job, str(error))
        return self._ask(job, job.ids, job.held, job.step.max_tokens)

    def _ask(self, job: Job, ids: list[int], held: Constraint | None, room: int) -> Failure | None:
        import numpy as np
        import openvino

        given = openvino.Tensor(np.array([ids], dtype=np.int64))
        config = self._config(job.step, held, room)
        with self._stepping:
            self._next += 1
            try:
                job.handle = self._pipeline.add_request(self._next, given, config)
            except RuntimeError as error:
                return _ended(job, f"the engine refused the request: {_reason(error)}")
        return None

    def step(self, jobs: Sequence[Job]) -> dict[int, GenerateResult | Failure]:
        """Compute one step of the whole batch: place -> result for those of `jobs` that ended."""
        with self._stepping:
            try:
                if self._pipeline.has_non_finished_requests():
                    self._pipeline.step()
            except RuntimeError:
                self.is_broken = True
                raise
        results: dict[int, GenerateResult | Failure] = {}
        for job in jobs:
            result = self._read(job)
            if result is not None:
                results[job.index] = result
        return results

    def cancel(self, jobs: Sequence[Job]) -> None:
        """Take jobs out of the batch that will not be read any more."""
        for job in jobs:
            if job.handle is not None and not job.ended:
                job.ended = True
                job.handle.cancel()

    def _read(self, job: Job) -> GenerateResult | Failure | None:
        import openvino_genai as genai

        reason = genai.GenerationFinishReason.NONE
        read = len(job.generated)
        while job.handle.can_read():
            for output in job.handle.read().values():
                job.generated.extend(output.generated_ids)
                reason = output.finish_reason
        if len(job.generated) > read and self._says_otherwise(job, job.generated[read:]):
            return None
        status = job.handle.get_status()
        if status == genai.GenerationStatus.RUNNING:
            return None
        if status != genai.GenerationStatus.FINISHED:
            return _ended(
                job, f"the engine gave up ({status.name.lower()}): the model's cache is too small for this request"
            )
        cut = reason == genai.GenerationFinishReason.LENGTH
        if cut and job.cut_at is None and job.reserve and self._closes(job):
            return None
        job.ended = True
        ids = job.generated[:-1] if job.generated and job.generated[-1] == self._tokens.end_id else job.generated
        text = self._tokens.decode(ids)
        if job.held is not None and (cut or job.cut_at is not None):
            text = text.rstrip("\ufffd")  # half of a character
            text += end_of(text, job.held.rules)
        if job.held is not None and job.held.differing:
            text = without_repeats(text, job.held.rules, job.held.differing)
        return GenerateResult(text, len(job.ids), len(job.generated), truncated=cut or job.cut_at is not None)

    def _closes(self, job: Job) -> bool:
        """Let the model say, in the reserve, what its answer lacks; False where it lacks nothing that can be said."""
        assert job.held is not None
        ids = job.generated[: job.step.max_tokens - job.reserve]
        while ids and self._tokens.decode(ids).endswith("\ufffd"):
            ids.pop()
        rest = rest_of(self._tokens.decode(ids), job.held.rules)
        if rest is None:
            return False
        room = job.step.max_tokens - len(ids)
        if self._ask(job, [*job.ids, *ids], Constraint.of_rules(rest), room) is not None:
            job.ended = False
            return False
        job.generated, job.cut_at = ids, len(ids)
        return True

    def _says_otherwise(self, job: Job, new: Sequence[int]) -> bool:
        """Take back an item that repeats another where items must differ, and let the model go on from there."""
        if job.held is None or not job.held.differing or job.cut_at is not None:
            return False
        if not any(mark in self._tokens.decode(new) for mark in ",]}"):  # no item ends here
            return False
        repeat = repeat_in(self._tokens.decode(job.generated), job.held.rules, job.held.differing)
        if repeat is None:
            return False
        ids = list(job.generated)
        while ids and not repeat.text.startswith(self._tokens.decode(ids)):
            ids.pop()
        again = repeat.text[len(self._tokens.decode(ids)) :]  # of a token that said this and more
        rules = {**repeat.rules, "root": seq(again, repeat.rules["root"])}
        former = job.handle
        if self._ask(job, [*job.ids, *ids], Constraint.of_rules(rules), job.step.max_tokens - len(ids)) is not None:
            job.ended = False
            return False
        former.cancel()
        job.generated = ids
        return True

    def _config(self, step: Generate, held: Constraint | None, room: int) -> Any:
        import openvino_genai as genai

        config = genai.GenerationConfig()
        config.max_new_tokens = room
        config.eos_token_id = self._tokens.end_id
        config.apply_chat_template = False
        config.do_sample = step.temperature > 0
        if step.temperature > 0:
            config.temperature = step.temperature
            config.rng_seed = step.seed
        if held is not None:
            config.structured_output_config = genai.StructuredOutputConfig(**{held.kind: held.text})
        return config


def _as_constants(lora: Lora) -> Any:
    """The adapter as part of the graph. Alpha is 1: the scale is in B already."""
    import numpy as np
    import openvino
    import openvino_genai as genai
    from safetensors.numpy import save

    packed = openvino.Tensor(np.frombuffer(save(lora.tensors()), dtype=np.uint8).copy())
    return genai.AdapterConfig(genai.Adapter(packed), 1.0, genai.AdapterConfig.Mode.MODE_STATIC)


def _cache(requested: int | None) -> int:
    if requested is not None:
        return requested
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(_MAX_CACHE, memory // 16)


def _ended(job: Job, why: str) -> Failure:
    job.ended = True
    return Failure(why, step="generate")


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
