"""A project's models, index, artifacts and memory, each opened when it is first needed, and built once by digest."""

from rung.workshop.artifacts import MANIFEST, Built, Training
from rung.workshop.holding import Workshop
from rung.workshop.weighing import EVEN

__all__ = ["EVEN", "MANIFEST", "Built", "Training", "Workshop"]
