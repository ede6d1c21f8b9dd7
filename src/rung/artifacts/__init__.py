"""A project's models, index, artifacts and memory, each opened when it is first needed, and built once by digest."""

from rung.artifacts.store import MANIFEST, Built, Training
from rung.runtime.engines import EVEN, Workshop

__all__ = ["EVEN", "MANIFEST", "Built", "Training", "Workshop"]
