"""Adam on one flat tensor: the adapters' gradient clipped, the rate warmed up, then falling to 0 in a line.

Kingma & Ba 2014 (arXiv:1412.6980), as `torch.optim.AdamW` without weight decay computes it; a test compares both.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

FADE, FADE_SQUARE, LEAST = 0.9, 0.999, 1e-8


class Adam:
    """Moves `values` against `gradient`, both flat float32."""

    def __init__(self, values: torch.Tensor, gradient: torch.Tensor) -> None:
        import torch

        self.values, self.gradient = values, gradient
        self.mean, self.square = torch.zeros_like(values), torch.zeros_like(values)
        self._below = torch.empty_like(values)

    def step(self, number: int, *, rate: float, clip: float) -> float:
        """Take step `number` (from 1); nothing moves if the gradient's norm, which is returned, is no number."""
        import torch

        norm = float(torch.linalg.vector_norm(self.gradient))
        if not math.isfinite(norm):
            return norm
        if norm > clip:
            self.gradient.mul_(clip / norm)  # g ← g · clip / |g|
        # g the clipped gradient, n the step, β₁ = FADE, β₂ = FADE_SQUARE, all vectors [numbers]
        self.mean.lerp_(self.gradient, 1 - FADE)  # m ← β₁ m + (1 − β₁) g
        self.square.mul_(FADE_SQUARE).addcmul_(self.gradient, self.gradient, value=1 - FADE_SQUARE)  # v ← β₂ v + (1 − β₂) g²
        torch.div(self.square, 1 - FADE_SQUARE**number, out=self._below)  # v̂ = v / (1 − β₂ⁿ)
        self._below.sqrt_().add_(LEAST)  # √v̂ + ε
        self.values.addcdiv_(self.mean, self._below, value=-rate / (1 - FADE**number))  # θ ← θ − η m / (1 − β₁ⁿ) / (√v̂ + ε)
        return norm


def rate_at(step: int, *, steps: int, peak: float, warmup: float) -> float:
    """Learning rate of a step (from 0): up to the peak over the share `warmup`, then down to 0 in a line."""
    rising = int(steps * warmup)
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    return peak * (steps - step) / max(1, steps - rising)
