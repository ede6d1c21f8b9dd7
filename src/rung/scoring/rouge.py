"""ROUGE-L: how much of an accepted answer's wording, in order, an answer has (Lin 2004), for answers of whole sentences.

What a word is, is left to `matching`.
"""

from __future__ import annotations

from collections.abc import Sequence


def f_measure(one: Sequence[str], other: Sequence[str]) -> float:
    """F-measure of the longest common subsequence of two lists of tokens, in [0, 1]."""
    if not one or not other:
        return 0.0
    common = common_length(one, other)
    precision, recall = common / len(one), common / len(other)
    return 2 * precision * recall / (precision + recall) if common else 0.0


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, bit-parallel: a row of the table is one integer (Hyyrö 2004)."""
    masks: dict[str, int] = {}
    for index, token in enumerate(one):
        masks[token] = masks.get(token, 0) | 1 << index
    full = (1 << len(one)) - 1
    row = full
    for token in other:
        hits = row & masks.get(token, 0)
        row = ((row + hits) | (row - hits)) & full
    return len(one) - row.bit_count()
