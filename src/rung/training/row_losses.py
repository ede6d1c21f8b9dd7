"""How surprising each example is to the model as it is. Rows that stand out are worth a look before they teach.

Which loss is odd is left to `commands.lint`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.errors import UserError
from rung.progress import Tick
from rung.records import Example
from rung.training.device import product_type
from rung.training.examples import tokenised
from rung.training.generator import Trainable, need_torch
from rung.training.lora import Adapters
from rung.training.network import Network
from rung.training.packing import pack
from rung.training.shape import Shape


def row_losses(
    examples: Sequence[Example], model: object, *, progress: Tick = lambda _done, _all, _note: None
) -> list[float]:
    """Mean cross entropy of each example's last turn by the untuned model, in nats per token.

    Raises:
        UserError: the model's weights are out of reach.
        MissingExtra: torch is not installed.
    """
    if not isinstance(model, Trainable):
        raise UserError("this model's weights are out of reach, so it has no loss: name a local model")
    need_torch()
    import torch

    shape = Shape.of(model.config)
    nothing = Adapters(shape, rank=1, alpha=1.0, first=shape.layers - 1, seed=0)  # as they begin, they change nothing
    weights = {name: torch.from_numpy(weight) for name, weight in model.weights().items()}
    network = Network(weights, shape, nothing, dtype=product_type())
    losses = []
    for done, row in enumerate(tokenised(examples, model.tokens), 1):
        losses.append(network.loss(pack([row])) / (len(row.ids) - row.prompt))
        progress(done, len(examples), "")
    return losses
