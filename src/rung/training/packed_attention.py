"""Attention of the library's models over a packed batch: shared tokens look at themselves, each row at them and at itself.

Registered with transformers as an attention function, so that whatever else a model computes for a token is computed once
for each token of `packing.Packed`, without padding. `ALIKE` names the kinds of models whose gradients a test found to be the
same as row by row; others are computed in padded rows. On a CPU alone: elsewhere layers that are computed twice are computed
by threads that do not know the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rung.models.causal.network import Network
from rung.training.packing import Packed

if TYPE_CHECKING:
    import torch

NAME = "rung_packed"
ALIKE = frozenset(
    [
        *("llama", "qwen2", "qwen3", "qwen3_moe", "mistral", "mixtral", "gemma3_text", "phi3", "smollm3", "granite"),
        *("olmo2", "olmo3", "starcoder2", "stablelm", "cohere2", "exaone4", "gpt_neox"),
    ]
)
_now: ContextVar[_Batch] = ContextVar("packed batch")


@dataclass
class _Batch:
    packed: Packed
    _hidden: dict[tuple[int, int, int], torch.Tensor] = field(default_factory=dict)

    def hidden(self, own: int, before: int, window: int) -> torch.Tensor:
        """Minus infinity where a query [own] does not look at a key [before + own]; `window`: how far it sees, 0: to the
        beginning."""
        import torch

        shape = own, before, window
        if shape not in self._hidden:
            query, key = torch.arange(before, before + own)[:, None], torch.arange(before + own)[None, :]
            away = (key > query) | (key <= query - window) if window else key > query
            self._hidden[shape] = torch.zeros(own, before + own).masked_fill_(away, float("-inf"))
        return self._hidden[shape]


def can_pack(network: Network) -> bool:
    """Whether the model comes to the same gradients from packed rows as from each alone."""
    config = network.model.config
    odd = any(getattr(config, name, None) for name in ("attn_logit_softcapping", "use_bidirectional_attention"))
    kind = getattr(config, "model_type", "")
    takes = network.takes("position_ids") and network.takes("logits_to_keep")
    return network.device == "cpu" and kind in ALIKE and takes and not odd and not network.turns_at


def pack_attention(model: Any) -> None:
    """From now on the model computes packed batches, within `computing`, and nothing else."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, _attention)  # without a mask of its name: the library makes none
    model.set_attn_implementation(NAME)


@contextmanager
def computing(packed: Packed) -> Iterator[None]:
    """The batch that this thread computes, forward and backward."""
    token = _now.set(_Batch(packed))
    try:
        yield
    finally:
        _now.reset(token)


def _attention(
    module: Any,  # noqa: ARG001, as transformers calls it
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *_: Any,
    **given: Any,
) -> tuple[torch.Tensor, None]:
    """Mixed values [1, tokens, heads, d] of queries [1, heads, tokens, d], keys and values [1, key heads, tokens, d]."""
    import torch

    batch, scaling, window = _now.get(), given.get("scaling"), given.get("sliding_window") or 0
    packed, p = batch.packed, batch.packed.shared
    groups = query.shape[1] // key.shape[1]
    whole = [query.float(), *(one.float().repeat_interleave(groups, dim=1) for one in (key, value))]  # faster so, backward
    look = torch.nn.functional.scaled_dot_product_attention
    mixed = []
    if p:
        first = [one[:, :, :p] for one in whole]
        mixed.append(look(*first, attn_mask=batch.hidden(p, 0, window), scale=scaling).transpose(1, 2)[0])
    asked, *seen = (_padded(one[0, :, p:], packed) for one in whole)
    if p:
        seen = [
            torch.cat([one[:, :, :p].expand(packed.rows, -1, -1, -1), own], dim=2)
            for one, own in zip(whole[1:], seen, strict=True)
        ]
    rows = look(asked, *seen, attn_mask=batch.hidden(packed.longest, p, window), scale=scaling)
    flat = rows.transpose(1, 2).flatten(0, 1)  # [rows * longest, heads, d]
    mixed.append(flat if packed.rows == 1 else flat.index_select(0, packed.places))
    return torch.cat(mixed)[None].to(query.dtype), None


def _padded(own: torch.Tensor, packed: Packed) -> torch.Tensor:
    """Own tokens [heads, tokens, d] as [rows, heads, longest, d]; behind a row's end stands nothing."""
    if packed.rows == 1:
        return own[None]
    tokens = own.transpose(0, 1)
    empty = tokens.new_zeros(packed.rows * packed.longest, *tokens.shape[1:])
    return empty.index_copy(0, packed.places, tokens).unflatten(0, (packed.rows, packed.longest)).transpose(1, 2)
