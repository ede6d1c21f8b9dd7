"""What a forward pass over a block of rows sees, and which memory of a model is no such block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Prefix = list[tuple[torch.Tensor, torch.Tensor]]  # of each layer: keys and values [1, heads, tokens, width]


@dataclass
class Span:
    """What a forward pass sees: rows `first` to `last`, columns `begin` to `end`; new tokens go behind `end`."""

    first: int = 0
    last: int = 0
    begin: int = 0
    end: int = 0


class Unbatchable(Exception):
    """A cache that is more, or less, than keys and values; the message names its kind."""
