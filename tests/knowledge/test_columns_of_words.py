"""Are the sums of several columns' BM25 scores those that the store computes itself, whichever columns find many?"""

from __future__ import annotations

import random
from typing import Any

import pytest

from rung.knowledge import Fusion, Knowledge
from rung.knowledge.chunking.passages import Chunking
from rung.knowledge.store.table_reading import Reading, _sum_of, _words, best_scores
from rung.knowledge.store.tables import TERMS
from rung.records import Document
from rung.testing.knowledge import HashedWords

DEPTH = 40
NAMES = ("retryHeader", "max_retries", "parse_line", "Till", "close")
WORDS = ("pump", "valve", "rest", "图书馆每周一休息", "池", "close")


def row_numbers(reading: Reading, clause: Any, where: str | None) -> dict[int, float]:
    return reading.run(reading._scores(clause, where, 10_000))


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    """1,400 files, most of them with the commonest words, few with the rarest, in columns of words, pairs and symbols."""
    draw = random.Random(5)

    def some(of: tuple[str, ...], most: int) -> list[str]:
        return [of[min(int(draw.expovariate(0.9)), len(of) - 1)] for _ in range(draw.randint(1, most))]

    documents = [
        Document(
            f"src/f{n}.py",
            f"def {draw.choice(NAMES)}_{n % 7}(x):\n    # {' '.join(some(WORDS, 5))}\n    return {some(NAMES, 3)}\n",
            meta={"language": "python", "even": n % 2 == 0},
            source=f"src/part{n % 3}/f{n}.py",
        )
        for n in range(1400)
    ]
    knowledge = Knowledge.open(
        tmp_path_factory.mktemp("index"), embedder=HashedWords(), chunking=Chunking(60, 0), fusion=Fusion(0.0)
    )
    knowledge.sync(documents)
    snapshot = knowledge.snapshot()
    assert snapshot is not None
    found = snapshot._reading  # type: ignore[attr-defined]
    assert isinstance(found, Reading)
    assert {*TERMS} <= found.run(found.columns())
    return found


QUESTIONS = [
    "Where is retryHeader called?",  # common in both: the store's own sum
    "retryHeader_3 in src/part1/f4.py",
    "pump at rest in f88.py",  # a common word, a file that one passage has
    "zylophon in f12.py",  # a word that nobody has
    "图书馆",
    "池 f3.py",
    "valve parse_line Till",
    "nothing that is here",
]


@pytest.mark.slow
def test_what_was_asked_before_changes_nothing(reading: Reading) -> None:
    """How many matches are read at first hangs on it."""

    def found(question: str, needed: float) -> tuple[list[int], list[float]]:
        reading._needed = needed
        (numbers, scores), *_ = reading.run(reading.matches([(question, None, DEPTH)]))
        return numbers.tolist(), scores

    for question in QUESTIONS:
        first, second, third = (dict(zip(*found(question, needed), strict=True)) for needed in (0, 1000, 10_000))
        assert first == second == third


@pytest.mark.slow
@pytest.mark.parametrize("where", [None, "array_length(facets) > 0"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_best_are_those_of_the_store_s_own_sum(reading: Reading, question: str, where: str | None) -> None:
    truth = row_numbers(reading, _sum_of(_words(question, {*TERMS}).values()), where)
    (numbers, scores), *_ = reading.run(reading.matches([(question, where, DEPTH)]))
    found = dict(zip(numbers.tolist(), scores, strict=True))
    best = sorted(truth.values(), reverse=True)
    least = best[DEPTH - 1] if len(best) >= DEPTH else 0.0
    assert {id for id, score in truth.items() if score >= least} <= found.keys() <= truth.keys()
    assert found == pytest.approx({id: truth[id] for id in found}, rel=5e-6)


def test_rows_that_share_the_last_score_are_all_there_or_more_are_read() -> None:
    near = 1.0000001  # another number, and the same to the digits that count
    assert best_scores({1: 3.0, 2: near, 3: 1.0}, {}, 2, is_whole=False) is None  # 2 and 3 are level: so may others be
    assert best_scores({1: 3.0, 2: near, 3: 1.0, 4: 0.5}, {}, 2, is_whole=False) == {1: 3.0, 2: 1.0, 3: 1.0}
    assert best_scores({1: 3.0, 2: near, 3: 1.0, 4: 0.5}, {}, 1, is_whole=True) == {1: 3.0}
    assert best_scores({1: 3.0, 2: 2.0}, {2: 4.0, 9: 2.5}, 3, is_whole=True) == {1: 3.0, 2: 4.0, 9: 2.5}
    assert best_scores({}, {}, 5, is_whole=True) == {}
