"""A training's large tensors, in buffers that are kept; what they hold is left to their users."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass
class Workspace:
    """Buffers that live as long as the training: a fresh large tensor costs a page fault every 4 kB."""

    device: torch.device | None = None  # None: the CPU
    _held: dict[str, torch.Tensor] = field(default_factory=dict)

    def take(self, name: str, *shape: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The buffer `name` in this shape, float32 unless said, contents undefined."""
        import torch

        size = 1
        for n in shape:
            size *= n
        held = self._held.get(name)
        if held is None or held.numel() < size:
            self._held[name] = held = torch.empty(max(size, 1), dtype=dtype or torch.float32, device=self.device)
        return held[:size].view(shape)

    def clear(self) -> None:
        """Give all of it back: what is taken next may be smaller."""
        self._held.clear()
