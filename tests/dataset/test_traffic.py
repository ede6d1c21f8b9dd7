"""Samples of traffic against logs whose truth is known: means without bias, shares within their intervals."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from rung.dataset.traffic import MAX_LOOKED, TrafficSample, grouped, sampled, spread, systematic
from rung.models.scripted import ScriptedEmbedder
from rung.records import Message
from rung.stats.estimates import estimate

SHARES = {"refund": 0.5, "shipping": 0.3, "password": 0.15, "invoice": 0.05}
RIGHT = {"refund": 0.9, "shipping": 0.4, "password": 0.7, "invoice": 0.0}  # how often a system answers well
WORDED = {
    "refund": ("return the {} and get the money back", "when is the refund for my {} paid"),
    "shipping": ("how long does shipping of the {} take", "shipping cost of the {}"),
    "password": ("reset my password", "how can I reset my password please"),
    "invoice": ("where is the invoice for the {}",),
}
THINGS = ["shoes", "table", "lamp", "phone", "laptop", "coat", "bag", "ring", "book", "radio", "chair", "desk"]


@dataclass(frozen=True)
class Said:
    text: str
    messages: tuple[Message, ...] = ()
    groups: tuple[str, ...] | None = None


def log(count: int, seed: int = 0) -> tuple[list[Said], list[str], np.ndarray]:
    """Questions, their topics, and how well a system answers each: wordings of a question are answered alike or not."""
    rng = random.Random(seed)
    topics = rng.choices(list(SHARES), list(SHARES.values()), k=count)
    questions = [Said(rng.choice(WORDED[topic]).format(rng.choice(THINGS))) for topic in topics]
    of_text = {said.text: float(rng.random() < RIGHT[topic]) for said, topic in zip(questions, topics, strict=True)}
    return questions, topics, np.array([of_text[said.text] for said in questions])


def embed(texts: Sequence[str]) -> np.ndarray:
    return ScriptedEmbedder(dimensions=64).embed(texts, kind="query")


def test_the_mean_is_that_of_the_traffic_and_shares_lie_within_their_intervals() -> None:
    questions, topics, scores = log(1200)
    truth = scores.mean()
    shares = {topic: count / len(topics) for topic, count in Counter(topics).items()}
    means, inside, covered = [], 0, 0
    for seed in range(60):
        found = sampled(questions, 60, embed=embed, seed=seed)
        weights = np.array([one.weight for one in found.drawn])
        assert weights.sum() == 60
        means.append(float(weights @ scores[[one.index for one in found.drawn]]) / 60)
        interval = estimate(np.repeat(scores[[one.index for one in found.drawn]], weights))  # as a verdict has it
        covered += (interval.low or 0) <= truth <= (interval.high or 0)
        drawn: Counter[str] = Counter()
        for one in found.drawn:
            drawn[topics[one.index]] += one.weight
        half = {topic: 1.96 * (share * (1 - share) / 60) ** 0.5 for topic, share in shares.items()}
        inside += sum(abs(drawn[topic] / 60 - share) <= half[topic] for topic, share in shares.items())
        for topic in found.topics:  # as many draws as the share says, but for those at its two ends
            assert abs(topic.drawn - 60 * (topic.share.mean or 0)) < 2
    error = float(np.std(means, ddof=1)) / len(means) ** 0.5
    assert abs(float(np.mean(means)) - truth) < 3 * error
    assert np.std(means) < (truth * (1 - truth) / 60) ** 0.5  # no worse than drawing by lot
    assert inside / (60 * len(shares)) >= 0.95
    assert covered / 60 >= 0.95


def test_without_weights_what_is_asked_often_would_count_too_little() -> None:
    others = [Said(f"{a} {b} {c}") for a in THINGS for b in THINGS for c in "abcd"][:400]
    questions = [Said("reset my password")] * 600 + others
    scores = np.array([1.0] * 600 + [0.0] * 400)
    weighed, plain = [], []
    for seed in range(20):
        found = sampled(questions, 50, embed=embed, seed=seed)
        drawn = scores[[one.index for one in found.drawn]]
        weighed.append(float(np.array([one.weight for one in found.drawn]) @ drawn) / 50)
        plain.append(float(drawn.mean()))
    assert float(np.mean(weighed)) == pytest.approx(0.6, abs=0.02)
    assert max(plain) < 0.2


def test_every_place_is_drawn_as_often() -> None:
    counts = Counter(place for start in np.linspace(0, 1, 700, endpoint=False) for place in systematic(10, 7, start))
    assert [round(counts[place] / 700, 2) for place in range(10)] == [0.7] * 10
    assert systematic(5, 5, 0.999) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 100])
def test_an_order_whose_beginnings_are_spread(count: int) -> None:
    order = spread(count)
    assert sorted(order) == list(range(count))
    half = sorted(order[: max(1, count // 2)])
    assert all(b - a <= 3 for a, b in pairwise(half))


def test_near_repeats_are_joined_and_other_questions_are_not() -> None:
    turns = (Message("user", "I bought shoes."),)
    texts = ["How do I reset my password?", "how can I reset my password, please", "How do I reset my PIN?"]
    numbers = ["Is it 30 days or 40 days?", "Is it 30 days or 50 days?"]
    questions = [*map(Said, texts), Said(texts[0], turns), *map(Said, (texts[0], *numbers)), Said(texts[0], (), ("staff",))]
    assert grouped(questions) == [0, 0, 2, 3, 0, 5, 6, 7]


def test_a_sample_is_the_same_again_and_another_with_another_seed() -> None:
    questions, _, _ = log(300)

    def drawn(seed: int) -> TrafficSample:
        return sampled(questions, 30, embed=embed, seed=seed)

    assert drawn(1).drawn == drawn(1).drawn
    assert drawn(1).drawn != drawn(2).drawn


def test_of_a_short_log_everything_is_drawn() -> None:
    questions, _, scores = log(12)
    found = sampled(questions, 50, embed=embed)
    assert sum(one.weight for one in found.drawn) == 12
    assert all(one.weight == one.repeats for one in found.drawn)
    alone = sampled(questions[:1], 3, embed=embed)
    assert [(one.index, one.weight) for one in alone.drawn] == [(0, 1)]
    assert len(scores) == 12


def test_of_a_long_log_a_part_is_looked_at() -> None:
    questions = [Said(f"question about thing {n % 40}") for n in range(MAX_LOOKED + 500)]
    found = sampled(questions, 20, embed=embed, topics=3)
    assert (found.questions, found.looked) == (MAX_LOOKED + 500, MAX_LOOKED)
    assert sum(topic.questions for topic in found.topics) == MAX_LOOKED
    assert len(found.topics) <= 3
