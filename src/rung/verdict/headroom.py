"""What mending each layer would win back: the `correct` that the lost cases would gain, as a share of all cases.

Where the right passages would mend it, the oracle arm says how much: it is the same model with nothing but them. Elsewhere,
and of a tuned model, which is another, nobody can know before it is tried; then the number is the most that there is to
gain, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.records import Loss, Lost
from rung.stats.estimates import estimates

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

BY_PASSAGES: frozenset[Loss] = frozenset(
    ("forbidden", "cut by chunking", "not retrieved", "ranked too low", "retrieved but not used", "wrong")
)
BY_DOCUMENTS: frozenset[Loss] = frozenset(("not in the corpus", "not read"))  # the oracle had no passage to show here


def won_back(
    layers: Sequence[Loss | None],
    correct: Floats,
    *,
    oracle: Floats | None = None,
    clusters: Sequence[int] | None = None,
) -> tuple[Lost, ...]:
    """Each layer that lost cases, most to gain first: what mending it would add to mean `correct`, with its 95 % interval.

    A case lost for want of passages would get what the oracle gets on it (`retrieved but not used`, too: the oracle shows
    nothing else); one lost for want of a document, or whose answer the oracle was not shown, what the oracle gets on average
    where it was. Others would get at most 1 (`at_most`), and so does everything where there is no oracle, and what was just
    wrong where the oracle had nothing to show. That a document is missing which nobody named is a guess: `at_most`, too.

    Args:
        layers: the layer that lost each case, None where none did.
        correct: `correct` case by case, [n]; NaN: not judged.
        oracle: the oracle's, on the same cases; NaN: it was not asked, or not shown the answer.
        clusters: the cluster of each case, None where all are independent.
    """
    import numpy as np

    layer_of = np.array(layers, dtype=object)
    counts = {layer: int((layer_of == layer).sum()) for layer in dict.fromkeys(layer for layer in layers if layer)}
    columns: dict[str, Floats] = {}
    targets = {layer: _target(layer, layer_of, oracle) for layer in counts}
    for layer, (target, _) in targets.items():
        columns[layer] = np.where(
            layer_of == layer, (1.0 if target is None else target) - correct, np.where(correct >= 0, 0.0, np.nan)
        )
    gains = estimates(columns, clusters=clusters)
    losses = [Lost(layer, n, gains[layer], targets[layer][1]) for layer, n in counts.items()]
    return tuple(sorted(losses, key=lambda lost: (-(lost.wins_back.mean or 0.0), -lost.cases)))


def _target(layer: Loss, layer_of: object, oracle: Floats | None) -> tuple[Floats | None, bool]:
    """What `correct` these cases would have, None where it is not known; and whether that is the most that it can be."""
    import numpy as np

    if oracle is None or layer not in BY_PASSAGES | BY_DOCUMENTS:
        return None, True
    named = np.asarray(layer_of, dtype=str)
    had = ~np.isin(named, list(BY_DOCUMENTS)) & ~np.isnan(oracle)
    if not had.any():
        return None, True
    if layer == "wrong":  # where the oracle had nothing, no passage is known to mend it
        return np.where(np.isnan(oracle), 1.0, oracle), bool(np.isnan(oracle[named == layer]).any())
    usual = np.full(len(oracle), oracle[had].mean())
    if layer in BY_DOCUMENTS:
        return usual, layer == "not in the corpus"
    return np.where(np.isnan(oracle), usual, oracle), False
