"""Whether answers are equal, overlap, or hold one another, by the tokens of `reading`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rung.text.matching.reading import RANGE, reading_of, tokens

TokenMetric = Callable[[Sequence[str], Sequence[str]], float]


def matches(text: str, answers: Sequence[str]) -> bool:
    """Whether a text equals an accepted answer.

    >>> matches("30 days.", ["30 days"]), matches("1250 EUR", ["12.50 EUR"]), matches("€12,50", ["12.50 EUR"])
    (True, False, True)
    """
    return any(one == other for one, other in _pairs(text, answers))


def token_f1(text: str, answers: Sequence[str]) -> float:
    """F1 over tokens as SQuAD's evaluation computes it, best over the accepted answers, in [0, 1]."""
    return best(f1, text, answers)


def contains(text: str, answers: Sequence[str]) -> bool:
    """Whether an accepted answer stands in a text as whole tokens: "5 days" does neither in "15 days" nor in "3-5 days"."""
    return any(_stands_in(other, one) for one, other in _pairs(text, answers))


def holds(text: str, answer: str) -> bool:
    """Whether a passage's text holds an answer, see `contains`. An answer without any word or number stands in no text."""
    return bool(tokens(answer)) and contains(text, (answer,))


def best(metric: TokenMetric, text: str, answers: Sequence[str], *, articles: bool = False) -> float:
    """The best of a measure over the accepted answers, on the tokens of the text and of the answer; 0 without answers."""
    return max((metric(one, other) for one, other in _pairs(text, answers, articles=articles)), default=0.0)


def _pairs(
    text: str, answers: Sequence[str], *, articles: bool = False
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(the text, an accepted answer) as tokens, each pair read alike.

    An answer of marks alone counts only where there is no other, and as it is written.
    """
    left = [answer for answer in answers if tokens(answer, articles=articles)]
    for answer in left:
        reading = reading_of(text, answer)
        yield tokens(text, reading, articles=articles), tokens(answer, reading, articles=articles)
    if not left:
        yield from (((text.strip(),), (answer.strip(),)) for answer in answers)


def _stands_in(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    if not part:
        return not whole
    for at in range(len(whole) - len(part) + 1):
        end = at + len(part)
        if whole[at:end] == part and RANGE not in (*whole[max(at - 1, 0) : at], *whole[end : end + 1]):
            return True
    return False


def f1(predicted: Sequence[str], gold: Sequence[str]) -> float:
    """F1 over two lists of tokens, in [0, 1]."""
    if not predicted or not gold or predicted == gold:
        return float(predicted == gold)
    same = (Counter(predicted) & Counter(gold)).total()
    # As SQuAD: precision and recall first. 2 * same / (len + len) would differ from it in the last digit.
    precision, recall = same / len(predicted), same / len(gold)
    return 2 * precision * recall / (precision + recall) if same else 0.0
