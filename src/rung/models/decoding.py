"""OpenVINO's continuous batching as Rung uses it: token ids in, token ids out, one step of the whole batch after the other.

What is asked of it, and what its tokens mean, is left to `pipeline`. `decoding_apart` does the same in another process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rung.models.graph import read_config
from rung.models.precision import OPENVINO, Precision

AT_ONCE = 64  # sequences decoded together
# Tokens computed in one step, the same wherever answers are made, so that what is served is what was scored. With AVX2, 512
# are 8 % faster than 1,024 on short prompts and as fast on long ones; with AVX-512, 1,024 are 6 % faster on long ones.
_STEP_TOKENS = 512
_BLOCK = 32  # tokens in a cache block of the CPU plugin
_MAX_CACHE = 1 << 30


@dataclass(frozen=True, slots=True)
class Network:
    """What decodes. `adapter`: a safetensors file's bytes, whose matrices become constants of the graph; alpha is in them.

    `cache_bytes`: for keys and values; None: a sixteenth of the machine's memory, at most 1 GB.
    """

    folder: Path
    precision: Precision
    end_id: int
    adapter: bytes = b""
    cache_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt to be continued by at most `room` tokens, held to a grammar or an expression (`kind`, `text`) where given."""

    ids: list[int]
    room: int
    temperature: float = 0.0
    seed: int = 0
    kind: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """What came of a prompt since it was looked at last: new tokens, and how it ended.

    `end`: "" while it goes on, "stop", "length", or the engine's word for giving up.
    """

    ids: list[int]
    end: str = ""


class Handle(Protocol):
    """A prompt in the batch."""

    def take(self) -> Output:
        """What came of it since the last call."""

    def cancel(self) -> None:
        """Take it out of the batch."""


class Decoder(Protocol):
    """What decodes a batch for many threads.

    Raises (all methods):
        RuntimeError: the engine broke down, in this call or an earlier one; nobody goes on with it.
    """

    def ask(self, asked: Asked) -> Handle:
        """Let a prompt into the batch.

        Raises:
            ValueError: the engine refuses it; says why.
        """

    def advance(self, handles: Iterable[Handle]) -> None:
        """Return when a step has been computed in which these may have got on. They are looked at anew meanwhile."""

    def look_again(self) -> None:
        """Have those who are in `advance` look at their handles."""


def batching(network: Network) -> Any:
    """The engine, its weights read. Holds about 0.5 GB beside its cache."""
    import openvino_genai as genai

    config = read_config(network.folder)
    wide = 4 if network.precision == "exact" else 2
    heads, head = int(str(config["num_key_value_heads"])), int(str(config["head_dim"]))
    token_bytes = int(str(config["num_hidden_layers"])) * 2 * heads * head * wide // 2
    context = int(str(config["max_position_embeddings"]))
    scheduler = genai.SchedulerConfig()
    scheduler.num_kv_blocks = max(_cache(network.cache_bytes) // token_bytes, context + 4 * _BLOCK) // _BLOCK
    scheduler.enable_prefix_caching = True
    scheduler.dynamic_split_fuse = True
    scheduler.max_num_seqs = AT_ONCE
    scheduler.max_num_batched_tokens = _STEP_TOKENS
    properties: dict[str, Any] = dict(OPENVINO[network.precision])
    if network.adapter:
        properties["adapters"] = _as_constants(network.adapter)
    return genai.ContinuousBatchingPipeline(network.folder, scheduler, "CPU", properties)


def enter(engine: Any, number: int, asked: Asked, end_id: int) -> Any:
    """Let a prompt into the batch.

    Raises:
        RuntimeError: the engine refuses it.
    """
    import numpy as np
    import openvino

    return engine.add_request(number, openvino.Tensor(np.array([asked.ids], dtype=np.int64)), _config(asked, end_id))


def read(handle: Any) -> Output:
    """What came of a prompt since it was read last."""
    import openvino_genai as genai

    status = handle.get_status()  # before the tokens: what ends between the two is read next time
    ids: list[int] = []
    reason = genai.GenerationFinishReason.NONE
    while handle.can_read():
        for output in handle.read().values():
            ids.extend(output.generated_ids)
            reason = output.finish_reason
    if status == genai.GenerationStatus.RUNNING:
        return Output(ids)
    if status != genai.GenerationStatus.FINISHED:
        return Output(ids, status.name.lower())
    return Output(ids, "length" if reason == genai.GenerationFinishReason.LENGTH else "stop")


class DecoderHere:
    """The engine in this process. Whoever advances it moves all prompts on, and everybody reads what came of it.

    A step of it keeps all other threads of the process from running Python, so that this is for one that asks for many
    answers at once, not for many that ask for one each.
    """

    def __init__(self, network: Network) -> None:
        self._engine = batching(network)
        self._end_id = network.end_id
        self._turn = threading.Condition()  # guards what follows, and adding to the batch
        self._is_stepping = False
        self._adding = 0  # threads that wait to add a prompt: they go before the next step
        self._steps = 0
        self._next = 0
        self._is_broken = False

    def ask(self, asked: Asked) -> Handle:
        """See `Decoder`."""
        with self._turn:
            self._adding += 1
            try:
                self._turn.wait_for(lambda: not self._is_stepping)
                self._check()
                self._next += 1
                try:
                    return _Here(enter(self._engine, self._next, asked, self._end_id))
                except RuntimeError as error:
                    raise ValueError(str(error)) from None
            finally:
                self._adding -= 1
                self._turn.notify_all()

    def look_again(self) -> None:
        """See `Decoder`. Nobody waits for certain handles."""

    def advance(self, handles: Iterable[Handle]) -> None:  # noqa: ARG002 - a step moves all of them
        """See `Decoder`.

        Where another thread is at a step, its end is waited for in place of one more: so every thread reads after each step,
        however many there are, and none of them waits for a turn that it does not need.
        """
        if not self._leads():
            return
        try:
            self._check()
            if self._engine.has_non_finished_requests():
                self._engine.step()
        except RuntimeError:
            self._is_broken = True
            raise
        finally:
            with self._turn:
                self._is_stepping = False
                self._steps += 1
                self._turn.notify_all()

    def _check(self) -> None:
        """What a broken engine did to the others' prompts is unknown."""
        if self._is_broken:
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


class _Here:
    """A prompt in the engine of this process."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def take(self) -> Output:
        """See `Handle`."""
        return read(self._handle)

    def cancel(self) -> None:
        """See `Handle`."""
        self._handle.cancel()


def _config(asked: Asked, end_id: int) -> Any:
    import openvino_genai as genai

    config = genai.GenerationConfig()
    config.max_new_tokens = asked.room
    config.eos_token_id = end_id
    config.apply_chat_template = False
    config.do_sample = asked.temperature > 0
    if asked.temperature > 0:
        config.temperature = asked.temperature
        config.rng_seed = asked.seed
    if asked.kind:
        config.structured_output_config = genai.StructuredOutputConfig(**{asked.kind: asked.text})
    return config


def _as_constants(adapter: bytes) -> Any:
    """The adapter as part of the graph."""
    import numpy as np
    import openvino
    import openvino_genai as genai

    packed = openvino.Tensor(np.frombuffer(adapter, dtype=np.uint8).copy())
    return genai.AdapterConfig(genai.Adapter(packed), 1.0, genai.AdapterConfig.Mode.MODE_STATIC)


def _cache(requested: int | None) -> int:
    if requested is not None:
        return requested
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(_MAX_CACHE, memory // 16)
