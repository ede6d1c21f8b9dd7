"""Examples in, tuned weights out. Needs the extra `train`."""

from rung.training.generator import Taught, Trained, search_generator, train_generator
from rung.training.recipe import Recipe
from rung.training.row_losses import row_losses
from rung.training.sources import Trainable

__all__ = ["Recipe", "Taught", "Trainable", "Trained", "row_losses", "search_generator", "train_generator"]
