"""A sample of what is asked that stands for all of it: near-repeats joined, topics found, each with its share.

Every question of the log has the same chance to be drawn. The draws stand at equal steps, from a random start, along the log
sorted by topic and, within a topic, by near-repeats (systematic sampling, Madow 1944): so each topic, and each question that
is asked often, gets its share to within one draw, and the plain mean over the draws is an unbiased estimate of the mean over
the log. Near-repeats that are drawn together are one row with the number of their draws as its `weight`; which of them is
asked is drawn, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rung.dataset.minhash import candidates
from rung.dataset.near_duplicates import Read, near, normal, weight, words
from rung.records import Estimate, Message
from rung.stats.estimates import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

MAX_LOOKED = 10_000  # questions that are grouped; of a longer log so many are drawn first
MAX_TOPICS = 20
PER_TOPIC = 5  # draws that a topic should get on average, at least
_ITERATIONS = 30
_NAMED_BY = 3  # words


class Asked(Protocol):
    """A question of a log."""

    @property
    def text(self) -> str: ...

    @property
    def messages(self) -> tuple[Message, ...]: ...

    @property
    def groups(self) -> tuple[str, ...] | None: ...


@dataclass(frozen=True, slots=True)
class Topic:
    """Questions of a kind. `share`: of the log (of what was looked at of it), with the 95 % interval that a share of so many
    draws has; `drawn`: draws; `example`: the question nearest to its middle."""

    words: tuple[str, ...]
    questions: int
    share: Estimate
    drawn: int
    example: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A question that stands for `weight` draws. `index`: its place in the log; `repeats`: how many questions there nearly
    repeat it, itself included; `topic`: its number."""

    index: int
    weight: int
    repeats: int
    topic: int


@dataclass(frozen=True, slots=True)
class TrafficSample:
    """What was drawn, in an order in which every beginning stands for the log as well as its length allows.

    `questions`: of the log; `looked`: of these that were grouped; `groups`: that differ by more than small words.
    """

    drawn: tuple[Drawn, ...]
    topics: tuple[Topic, ...]
    questions: int
    looked: int
    groups: int


def sampled(
    questions: Sequence[Asked],
    count: int,
    *,
    embed: Callable[[Sequence[str]], Vectors],
    topics: int | None = None,
    seed: int = 0,
) -> TrafficSample:
    """Draw `count` questions; all of them where there are fewer.

    Args:
        questions: all that were asked, in any order.
        count: draws, at least 1.
        embed: texts -> rows of unit length, [n, dimensions].
        topics: how many; None: by the number of different questions.
        seed: of what is drawn.
    """
    import numpy as np

    rng = np.random.default_rng((seed, len(questions)))
    chosen = np.arange(len(questions))
    if len(chosen) > MAX_LOOKED:
        chosen = np.sort(rng.choice(chosen, MAX_LOOKED, replace=False))
    looked = [questions[int(index)] for index in chosen]
    heads = grouped(looked)
    sizes = Counter(heads)
    firsts = sorted(sizes)
    number = topics or min(MAX_TOPICS, max(1, count // PER_TOPIC), max(1, round((len(firsts) / 2) ** 0.5)))
    vectors = embed([looked[first].text for first in firsts])
    labels, middles = topics_of(vectors, [sizes[first] for first in firsts], min(number, len(firsts)), rng)
    topic_of = dict(zip(firsts, labels, strict=True))
    by_topic = Counter(topic_of[head] for head in heads)
    # the larger topic first, within it the question that is asked more often
    line = sorted(
        range(len(looked)),
        key=lambda i: (-by_topic[topic_of[heads[i]]], topic_of[heads[i]], -sizes[heads[i]], heads[i], i),
    )
    hits = systematic(len(line), min(count, len(line)), float(rng.random()))
    draws = [line[hit] for hit in hits]
    weights = Counter(heads[index] for index in draws)
    standing = {heads[draws[n]]: draws[n] for n in rng.permutation(len(draws))}  # one of the draws, each as likely
    by_draw = dict.fromkeys(heads[draws[n]] for n in spread(len(draws)))
    drawn = [Drawn(int(chosen[standing[head]]), weights[head], sizes[head], topic_of[head]) for head in by_draw]
    named = _topics(looked, heads, topic_of, weights, middles)
    return TrafficSample(tuple(drawn), named, len(questions), len(looked), len(firsts))


def grouped(questions: Sequence[Asked]) -> list[int]:
    """For each question the index of the first one that it nearly repeats, after the same turns and by the same rights; its
    own where it repeats none. Each is held against the first of a group, so that chains of small changes join nothing."""
    texts = [normal(question.text) for question in questions]
    settings = [
        (question.groups, *((turn.role, normal(turn.content)) for turn in question.messages)) for question in questions
    ]
    first: dict[tuple[str, object], int] = {}
    heads = [first.setdefault((text, setting), n) for n, (text, setting) in enumerate(zip(texts, settings, strict=True))]
    different = sorted(set(heads))
    read = {n: Read(texts[n]) for n in different}
    joined = {n: n for n in different}
    for a, b in candidates([texts[n] for n in different]):
        one, other = different[a], different[b]
        if (joined[one], joined[other]) != (one, other) or settings[one] != settings[other]:
            continue
        if near(read[one], read[other]):
            joined[other] = one
    return [joined[head] for head in heads]


def topics_of(
    vectors: Vectors, sizes: Sequence[int], number: int, rng: np.random.Generator
) -> tuple[list[int], NDArray[np.int64]]:
    """(topic of each row, the row nearest to each topic's middle): k-means, topics numbered from 0, the largest first."""
    import numpy as np
    from scipy.cluster.vq import kmeans2

    centres, labels = kmeans2(np.asarray(vectors, np.float64), number, iter=_ITERATIONS, minit="++", missing="warn", rng=rng)
    mass = np.bincount(labels, weights=np.asarray(sizes, np.float64), minlength=number)
    by_mass = [int(label) for label in np.argsort(-mass, kind="stable") if mass[label] > 0]
    distance = ((vectors - centres[labels]) ** 2).sum(axis=1)
    middles = [min(np.flatnonzero(labels == label).tolist(), key=lambda row: float(distance[row])) for label in by_mass]
    rank = {label: number for number, label in enumerate(by_mass)}
    return [rank[int(label)] for label in labels], np.array(middles)


def systematic(total: int, count: int, start: float) -> list[int]:
    """`count` of `total` places at equal steps; with `start` uniform in [0, 1) each place has the chance count / total.

    >>> systematic(10, 5, 0.5)
    [1, 3, 5, 7, 9]
    """
    step = total / count
    return [min(total - 1, int((draw + start) * step)) for draw in range(count)]


def spread(count: int) -> list[int]:
    """The places 0 to count - 1 in an order whose every beginning is spread over them: by their digits turned round (van der
    Corput 1935).

    >>> spread(8)
    [0, 4, 2, 6, 1, 5, 3, 7]
    """
    bits = max(1, (count - 1).bit_length())
    turned = (int(format(number, f"0{bits}b")[::-1], 2) for number in range(1 << bits))
    return [number for number in turned if number < count]


def _topics(
    looked: Sequence[Asked],
    heads: Sequence[int],
    topic_of: dict[int, int],
    weights: Counter[int],
    middles: NDArray[np.int64],
) -> tuple[Topic, ...]:
    firsts = sorted(topic_of)
    questions = Counter(topic_of[head] for head in heads)
    drawn: Counter[int] = Counter()
    for head, times in weights.items():
        drawn[topic_of[head]] += times
    draws, everywhere = sum(weights.values()), Counter(word for first in firsts for word in _meaning(looked[first].text))
    named = []
    for topic, middle in enumerate(middles):
        own = Counter(word for first in firsts if topic_of[first] == topic for word in _meaning(looked[first].text))
        telling = sorted(own, key=lambda word: (-(own[word] ** 2) / everywhere[word], word))
        share = questions[topic] / len(looked)
        estimate = Estimate(share, *wilson(share, n=draws), draws)
        example = looked[firsts[int(middle)]].text
        named.append(Topic(tuple(telling[:_NAMED_BY]), questions[topic], estimate, drawn[topic], example))
    return tuple(named)


def _meaning(text: str) -> frozenset[str]:
    """The words of a question that say what it is about."""
    return frozenset(word for word in words(normal(text)) if weight(word) >= 1 and len(word) > 2 and not word.isdigit())
