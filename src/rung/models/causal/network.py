"""A causal language model of transformers, opened for answering: forward passes over cached keys and values."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra, ModelError, first_line
from rung.models.causal.devices import Device, free_memory
from rung.models.causal.folder import ModelFolder
from rung.models.causal.lora import Adapters
from rung.models.causal.quiet import quiet
from rung.records import Json

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
BESIDE = 1.1  # of the weights' memory: what loading and a first batch take beside them
_LONG = "longrope"  # positions that are turned another way past a length: what was computed before is computed anew
_DYNAMIC = "dynamic"  # positions that are turned another way with every token past a length


@dataclass
class Network:
    """The model, ready to compute.

    Args:
        model: the library's module, in evaluation mode.
        device: where it lies.
    """

    model: Any
    device: Device
    vocabulary: int = 0
    adapters: Adapters = field(init=False)
    _takes: frozenset[str] = field(default_factory=frozenset)
    _dynamic: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.adapters = Adapters(self.model)
        self._dynamic = [m for m in self.model.modules() if getattr(m, "rope_type", None) == _DYNAMIC]
        self._takes = frozenset(inspect.signature(self.model.forward).parameters)
        self.vocabulary = int(self.model.get_output_embeddings().weight.shape[0])
        if not {"cache", "past_key_values"} & self._takes:
            raise ModelError(f"{type(self.model).__name__} has no cache that its caller could keep: name another model")

    @property
    def config(self) -> Any:
        """Of the text model."""
        return self.model.config.get_text_config(decoder=True)

    @property
    def turns_at(self) -> int:
        """The length past which positions are turned another way, so that lengths cannot share a batch; 0: there is none."""
        turning = [rope for rope in self._ropes if rope.get("rope_type") in (_LONG, _DYNAMIC)]
        bounds = [rope.get("original_max_position_embeddings") or self.config.max_position_embeddings for rope in turning]
        return min(map(int, bounds), default=0)

    @property
    def begins_anew_at(self) -> int:
        """The length that is computed from the beginning when a conversation comes to it; 0: there is none."""
        return self.turns_at + 1 if any(rope.get("rope_type") == _LONG for rope in self._ropes) else 0

    @property
    def _ropes(self) -> list[dict[str, Any]]:
        ropes = getattr(self.config, "rope_parameters", None) or {}
        return [rope for rope in ropes.values() if isinstance(rope, dict)] or [ropes]

    @property
    def turns_always(self) -> bool:
        """Whether positions past `turns_at` are turned another way by every length, not by two."""
        return bool(self._dynamic)

    def takes(self, name: str) -> bool:
        """Whether a forward pass can be told so."""
        return name in self._takes

    def forget_lengths(self) -> None:
        """Dynamic positions remember the longest text that they have seen; an answer must not hang on others' lengths."""
        for module in self._dynamic:
            module.register_buffer("inv_freq", module.original_inv_freq.to(self.device), persistent=False)
            module.max_seq_len_cached = module.original_max_seq_len

    def forward(
        self,
        ids: Sequence[Sequence[int]],
        *,
        mask: torch.Tensor,
        positions: torch.Tensor,
        cache: Any,
        adapters: Sequence[str],
    ) -> torch.Tensor:
        """Logits of each row's last token, float32 [rows, vocabulary].

        Args:
            ids: new tokens [rows, new].
            mask: 1 where a token is, 0 before a row [rows, cached + new].
            positions: of the new tokens within their rows [rows, new].
            cache: keys and values; takes the new ones.
            adapters: of each row; "" is the base model.
        """
        import torch

        self.forget_lengths()
        named: dict[str, Any] = {"cache" if "cache" in self._takes else "past_key_values": cache}
        if "position_ids" in self._takes:
            named["position_ids"] = positions
        if "logits_to_keep" in self._takes:
            named["logits_to_keep"] = 1
        with torch.no_grad():
            given = torch.tensor(ids, device=self.device)
            output = self.adapters.of(adapters)(input_ids=given, attention_mask=mask, use_cache=True, **named)
            logits: torch.Tensor = output.logits[:, -1, :].float()
            return logits


def require_memory(folder: ModelFolder, where: Device, dtype: torch.dtype) -> None:
    """Refuse a model that there is no memory for, with the numbers.

    Raises:
        ModelError: it needs more than is free.
    """
    size = folder.bytes if folder.is_quantised else folder.numbers * dtype.itemsize
    needed, free = int(size * BESIDE), free_memory(where)
    if needed > free:
        name = str(dtype).removeprefix("torch.")
        less = ", set RUNG_PRECISION=fast (bfloat16, half of it)" if where == "cpu" and dtype.itemsize == 4 else ""
        raise ModelError(
            f"{folder.path} has {folder.numbers / 1e9:.2f} billion weights, which need {needed / 1e9:.1f} GB in {name}, and "
            f"{free / 1e9:.1f} GB are free ({where}): close other programs{less}, or name a smaller model"
        )


def open_network(folder: ModelFolder, *, where: Device, dtype: torch.dtype, quantization: Any = None) -> Network:
    """Load the weights; with the library's settings of a quantization, in that. Whether there is memory for them is looked
    at by who opens, before: `require_memory`, or a training's own estimate.

    Raises:
        ModelError: weights are missing, or the library cannot open the folder.
        MissingExtra: a library is not installed.
    """
    _need_transformers()
    from transformers import AutoModelForCausalLM

    opened = partial(AutoModelForCausalLM.from_pretrained, folder.path, local_files_only=True, trust_remote_code=False)
    return _opened(partial(opened, use_safetensors=True), folder.path, where, dtype, quantization)


def open_llama(
    config: Mapping[str, Json],
    weights: Mapping[str, NDArray[np.float32]],
    *,
    where: Device,
    dtype: torch.dtype,
    quantization: Any = None,
) -> Network:
    """A llama that is here as arrays, by their Hugging Face names; nothing is written. Raises as `open_network`."""
    _need_transformers()
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
    opened = partial(LlamaForCausalLM.from_pretrained, None, config=LlamaConfig(**config), state_dict=tensors)
    return _opened(opened, "the model's weights", where, dtype, quantization)


def _need_transformers() -> None:
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtra("hf", "models in Hugging Face folders") from error


def _opened(
    from_pretrained: Callable[..., Any], named: object, where: Device, dtype: torch.dtype, quantization: Any
) -> Network:
    placed = {"": where} if where == "cuda" or quantization is not None else None
    with quiet():
        try:
            model, report = from_pretrained(
                dtype=dtype,
                output_loading_info=True,
                device_map=placed,
                quantization_config=quantization,
                ignore_mismatched_sizes=True,  # these are in the report, and refused by it
            )
        except Exception as error:  # the library raises what it pleases for what it cannot open
            raise ModelError(f"transformers cannot open {named}: {first_line(error)}") from error
    _check_report(report, named)
    if report.get("unexpected_keys"):
        log.info("%s: %d tensors are not used", named, len(report["unexpected_keys"]))
    return Network((model if quantization is not None else model.to(where)).eval(), where)


def _check_report(report: Mapping[str, Any], named: object) -> None:
    """Refuse weights that the library would have drawn at random: it reports those that are missing, and those of another
    shape than the config says."""
    mismatched = {str(name): (list(stored), list(expected)) for name, stored, expected in report.get("mismatched_keys", ())}
    lacking = sorted({str(key) for key in report["missing_keys"]} - set(mismatched))
    if not lacking and not mismatched:
        return
    example = lacking[0] if lacking else ""
    if mismatched:
        name, (stored, expected) = min(mismatched.items())
        example = f"{name} is {stored}, by the config {expected}"
    raise ModelError(
        f"the weights in {named} are not those of its config.json: {len(lacking)} are missing and "
        f"{len(mismatched)} of another shape ({example}): copy the model again"
    )
