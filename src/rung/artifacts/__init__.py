"""A project's models, index, artifacts and memory, each opened when it is first needed, and built once by digest."""

from rung.artifacts.holding import EVEN, Workshop
from rung.artifacts.store import MANIFEST, Built, Training

__all__ = ["EVEN", "MANIFEST", "Built", "Training", "Workshop"]
