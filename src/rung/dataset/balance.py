"""Labels among the outputs that are far too rare: a model learns to say what it is shown most often."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MIN_ROWS = 10
ROWS_PER_LABEL = 3  # on average: with fewer, outputs are answers and no labels
WORDS, CHARACTERS = 6, 48
MIN_EVENNESS = 0.75  # entropy over that of equal shares: two labels at 79 to 21, below it one has most
RARE = 0.1  # of the most frequent label


@dataclass(frozen=True, slots=True)
class Balance:
    """Rows of each label, most frequent first. `rare` are those that are too few; `why` says so, "" where none is."""

    counts: tuple[tuple[str, int], ...] = ()
    rare: frozenset[str] = frozenset()
    why: str = ""


def balance(outputs: Sequence[str]) -> Balance | None:
    """How often each label occurs; None where the outputs are no labels.

    >>> balance(["yes"] * 18 + ["no"] * 2).why
    "'yes' is the output of 18 of 20 rows (90 %), 'no' of 2"
    """
    labels = [output.strip() for output in outputs if output.strip()]
    counts = Counter(labels)
    short = sum(n for label, n in counts.items() if _is_short(label))
    if len(labels) < MIN_ROWS or len(labels) < ROWS_PER_LABEL * len(counts) or short < 0.95 * len(labels):
        return None
    ordered = tuple(counts.most_common())
    (first, most), (last, least) = ordered[0], ordered[-1]
    last = " ".join(last.split())[:CHARACTERS]
    if len(ordered) == 1:
        return Balance(ordered, frozenset({first}), f"every row has the output '{first}': nothing but a constant is learnt")
    evenness = -sum(n / len(labels) * math.log(n / len(labels)) for n in counts.values()) / math.log(len(counts))
    rare = frozenset(label for label, n in ordered if n <= RARE * most)
    if evenness < MIN_EVENNESS and not rare:
        rare = frozenset(label for label, n in ordered if n < len(labels) / len(ordered))
    if not rare:
        return Balance(ordered)
    share = f"'{first}' is the output of {most:,} of {len(labels):,} rows ({100 * most / len(labels):.0f} %)"
    if len(ordered) <= 3:
        return Balance(
            ordered,
            rare,
            f"{share}, " + ", ".join(f"'{' '.join(label.split())[:CHARACTERS]}' of {n:,}" for label, n in ordered[1:]),
        )
    return Balance(
        ordered, rare, f"{share}; {len(rare)} of {len(ordered)} labels are rare beside it, '{last}' has {least:,}"
    )


def _is_short(label: str) -> bool:
    return len(label.split()) <= WORDS and len(label) <= CHARACTERS and "\n" not in label and label[0] not in "{["
