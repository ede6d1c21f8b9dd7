"""Where a training was when it stopped: one file, replaced whole, so that a crash at any moment leaves a usable one.

It holds the adapters, the optimiser's moments and the position; batches follow from the seed, so there is no other state.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rung.files.durable import write_whole

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
CHECKPOINT = "checkpoint.safetensors"
_CURVE = 100  # points of the training loss that are kept


@dataclass(frozen=True, slots=True)
class Source:
    """Where a training keeps its checkpoint, and the digest of everything it is made from."""

    folder: Path
    of: str


@dataclass
class Progressed:
    """What a run has come to: the next step, and what is told of those before. `curve`: (step, mean loss since the last);
    `stretch`: the losses since then."""

    step: int = 0
    seconds: float = 0.0
    consumed: int = 0
    computed: int = 0
    stretch: list[float] = field(default_factory=list)
    curve: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    best: float = float("inf")
    stale: int = 0

    def moved(self, loss: float, steps: int) -> None:
        """One step more, of so many; its loss goes into the curve."""
        self.step += 1
        self.stretch.append(loss)
        if len(self.stretch) >= max(1, steps // _CURVE) or self.step == steps:
            self.curve.append((self.step, sum(self.stretch) / len(self.stretch)))
            self.stretch.clear()


def save(folder: Path, tensors: dict[str, torch.Tensor], progressed: Progressed, *, of: str) -> None:
    """Write the checkpoint. `of`: digest of everything that the run is made from.

    Raises:
        UserError: there is no room; the last checkpoint stays.
    """
    from safetensors.torch import save as packed

    metadata = {"of": of, "progressed": json.dumps(vars(progressed))}
    content = packed(tensors, metadata=metadata)
    write_whole(folder / CHECKPOINT, content, goes_on="the same command goes on from the last checkpoint")


def load(folder: Path, *, of: str) -> tuple[dict[str, torch.Tensor], Progressed] | None:
    """The checkpoint of this very run; None where there is none, or only that of another."""
    from safetensors import SafetensorError, safe_open

    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError) as error:
        log.warning("%s cannot be read (%s): training starts anew", path, error)
        return None
    if metadata.get("of") != of:
        log.warning("%s is of another run: training starts anew", path)
        return None
    try:
        parsed = json.loads(metadata["progressed"])
        for name in ("curve", "validation"):
            parsed[name] = [(int(step), float(loss)) for step, loss in parsed[name]]
        return tensors, Progressed(**parsed)
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s cannot be read (%s): training starts anew", path, error)
        return None


def run_of(folder: Path) -> str:
    """The run whose checkpoint lies in a folder; "" where there is none that can be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / CHECKPOINT, framework="np") as file:
            return str((file.metadata() or {}).get("of", ""))
    except (SafetensorError, OSError, ValueError):
        return ""


def forget(folder: Path) -> None:
    """Remove the checkpoint of a finished run."""
    (folder / CHECKPOINT).unlink(missing_ok=True)
