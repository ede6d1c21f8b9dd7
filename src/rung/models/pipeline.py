"""One OpenVINO continuous-batching pipeline, for the base model or for one adapter: jobs in, results out, step by step.

Safe for threads: whoever steps moves everybody's jobs on, and all read what came of it. What is asked of it, and when, is
left to `local`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rung.errors import last_line
from rung.models.adapters import Lora
from rung.models.grammar import Constraint, Unsupported, constraint
from rung.models.graph import read_config
from rung.models.jobs import Anew, Job, closing, otherwise, whole
from rung.models.precision import OPENVINO, Precision
from rung.models.tokens import Tokens
from rung.records import Failure
from rung.records.steps import Generate, GenerateResult

_AT_ONCE = 64  # sequences decoded together
_STEP_TOKENS = 512  # tokens computed in one step: 8 % faster than 1,024 or more on short prompts, equal on long ones
_BLOCK = 32  # tokens in a cache block of the CPU plugin
_MAX_CACHE = 1 << 30


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
        self._turn = threading.Condition()  # guards the next three, and adding to the batch
        self._is_stepping = False
        self._adding = 0  # threads that wait to add a job: they go before the next step
        self._steps = 0
        self._next = 0
        self.at_once = _AT_ONCE
        self.is_broken = False

    def add(self, job: Job) -> Failure | None:
        """Let a job into the batch; or say why it cannot be."""
        try:
            job.held = constraint(job.step)
        except Unsupported as error:
            return Failure(str(error), step="generate")
        return self._ask(job, job.ids, job.held, job.step.max_tokens)

    def _ask(self, job: Job, ids: list[int], held: Constraint | None, room: int) -> Failure | None:
        import numpy as np
        import openvino

        given = openvino.Tensor(np.array([ids], dtype=np.int64))
        config = self._config(job.step, held, room)
        with self._turn:
            self._adding += 1
            try:
                self._turn.wait_for(lambda: not self._is_stepping)
                self._check()
                self._next += 1
                try:
                    job.handle = self._pipeline.add_request(self._next, given, config)
                except RuntimeError as error:
                    return Failure(f"the engine refused the request: {last_line(error)}", step="generate")
            finally:
                self._adding -= 1
                self._turn.notify_all()
        return None

    def step(self, jobs: Sequence[Job]) -> dict[int, GenerateResult | Failure]:
        """Compute one step of the whole batch: place -> result for those of `jobs` that ended.

        Where another thread is at a step, its end is waited for in place of one more: so every thread reads after each step,
        however many there are, and none of them waits for a turn that it does not need.
        """
        if self._leads():
            try:
                self._check()
                if self._pipeline.has_non_finished_requests():
                    self._pipeline.step()
            except RuntimeError:
                self.is_broken = True
                raise
            finally:
                with self._turn:
                    self._is_stepping = False
                    self._steps += 1
                    self._turn.notify_all()
        results: dict[int, GenerateResult | Failure] = {}
        for job in jobs:
            result = self._read(job)
            if result is not None:
                results[job.index] = result
        return results

    def _check(self) -> None:
        """Nobody goes on with an engine that raised: what it did to the others' jobs is unknown."""
        if self.is_broken:
            raise RuntimeError("the engine broke down in another request")

    def _leads(self) -> bool:
        """Whether this thread is to compute a step now; False once another one has."""
        with self._turn:
            before = self._steps
            self._turn.wait_for(lambda: self._steps != before or not (self._is_stepping or self._adding))
            if self._steps != before:
                return False
            self._is_stepping = True
            return True

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
        if len(job.generated) > read and self._asks_anew(job, otherwise(job, job.generated[read:], self._tokens.decode)):
            return None
        status = job.handle.get_status()
        if status == genai.GenerationStatus.RUNNING:
            return None
        if status != genai.GenerationStatus.FINISHED:
            job.ended = True
            why = f"the engine gave up ({status.name.lower()}): the model's cache is too small for this request"
            return Failure(why, step="generate")
        cut = reason == genai.GenerationFinishReason.LENGTH
        if cut and self._asks_anew(job, closing(job, self._tokens.decode)):
            job.cut_at = len(job.generated)
            return None
        job.ended = True
        ids = job.generated[:-1] if job.generated and job.generated[-1] == self._tokens.end_id else job.generated
        cut = cut or job.cut_at is not None
        text = whole(job, self._tokens.decode(ids), cut=cut)
        return GenerateResult(text, len(job.ids), len(job.generated), truncated=cut)

    def _asks_anew(self, job: Job, anew: Anew | None) -> bool:
        """Let the model go on from the tokens that stay; False where there is nothing to ask, or the engine refuses it."""
        if anew is None:
            return False
        former = job.handle
        if self._ask(job, [*job.ids, *anew.ids], anew.held, job.step.max_tokens - len(anew.ids)) is not None:
            return False
        former.cancel()
        job.generated = anew.ids
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
