"""ROUGE-L: how much of an accepted answer's wording, in order, an answer has (Lin 2004), for answers of whole sentences.

Equal to the `rouge-score` package without stemming on ASCII text. Elsewhere letters and digits of every script count (the
package drops them), and each Chinese or Japanese character is a token.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers."""
    return _TOKEN.findall(text.lower())


def rouge_l(said: str, answers: Sequence[str]) -> float:
    """F-measure of the longest common subsequence of tokens, best over the accepted answers, in [0, 1]."""
    one = tokens(said)
    return max((f_measure(one, tokens(answer)) for answer in answers), default=0.0)


def f_measure(one: Sequence[str], other: Sequence[str]) -> float:
    """F-measure of the longest common subsequence of two lists of tokens."""
    if not one or not other:
        return 0.0
    common = common_length(one, other)
    precision, recall = common / len(one), common / len(other)
    return 2 * precision * recall / (precision + recall) if common else 0.0


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, bit-parallel: a row of the table is one integer (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    full = (1 << len(one)) - 1
    row = full
    for token in other:
        hits = row & places.get(token, 0)
        row = ((row + hits) | (row - hits)) & full
    return len(one) - row.bit_count()
