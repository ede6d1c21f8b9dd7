"""Examples in, tuned weights out. Needs the extra `train`."""

from rung.training.generator import Trainable, Trained, train_generator
from rung.training.recipe import Recipe

__all__ = ["Recipe", "Trainable", "Trained", "train_generator"]
