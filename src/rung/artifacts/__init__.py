"""Artifacts as they are kept: built once, named by digest, promoted and retired by people."""

from rung.artifacts.registry import Registry
from rung.artifacts.store import MANIFEST, Built, Training

__all__ = ["MANIFEST", "Built", "Registry", "Training"]
