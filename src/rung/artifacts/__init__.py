"""A project's models, index, artifacts and memory, each opened when it is first needed, and built once by digest."""

from rung.artifacts.store import MANIFEST, Built, Training
from rung.builders.retrieval_quality import EVEN
from rung.runtime.engines import Workshop

__all__ = ["EVEN", "MANIFEST", "Built", "Training", "Workshop"]
