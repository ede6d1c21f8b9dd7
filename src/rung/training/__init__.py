"""Examples in, tuned weights out. Needs the extra `train`."""

from rung.training.generator import Trainable, Trained, train_generator
from rung.training.recipe import Recipe
from rung.training.row_losses import row_losses

__all__ = ["Recipe", "Trainable", "Trained", "row_losses", "train_generator"]
