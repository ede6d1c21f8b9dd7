"""How surprising each example is to the model as it is. Rows that stand out are worth a look before they teach.

Which loss is odd is left to `commands.lint`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.progress import Tick
from rung.records import Example
from rung.training.bases import base_of
from rung.training.examples import tokenised


def row_losses(
    examples: Sequence[Example], model: object, *, progress: Tick = lambda _done, _all, _note: None
) -> list[float]:
    """Mean cross entropy of each example's last turn by the untuned model, in nats per token.

    Raises:
        UserError: the model's weights are out of reach.
        MissingExtra: torch is not installed.
    """
    base = base_of(model)
    untuned = base.losses(None)
    losses = []
    for done, row in enumerate(tokenised(examples, base.tokens), 1):
        ((_, loss),) = untuned.summed([row])
        losses.append(loss / (len(row.ids) - row.prompt))
        progress(done, len(examples), "")
    return losses
