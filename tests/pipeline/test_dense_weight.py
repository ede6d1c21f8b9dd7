"""How much the dense ranking counts: chosen by cases, steady with few of them, and never by test cases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.builders.retrieval_quality import MIN_CASES, WEIGHTS, choose, chosen_among, fused_anew
from rung.config.project import load_project
from rung.dataset.load import Dataset
from rung.errors import InputError
from rung.knowledge.protocol import Explained, Fusion, Place
from rung.pipeline.dense_weight import MAX_CASES, settle_alone, telling
from rung.pipeline.prepare import prepare, up_to_date
from rung.progress import Silent, reporting
from rung.records import Case, Passage
from rung.runtime.engines import DEFAULT_DENSE_WEIGHT, Engines, open_engines

AT = {weight: place for place, weight in enumerate(WEIGHTS)}


def rising(slope: float, cases: int, *, noise: float = 0.0, seed: int = 0) -> list[list[float]]:
    """Cases whose nDCG grows with the weight by `slope`, each with an error of its own at every weight."""
    luck = np.random.default_rng(seed)
    return [[0.5 + slope * (w - DEFAULT_DENSE_WEIGHT) + noise * luck.normal() for w in WEIGHTS] for _ in range(cases)]


def test_cases_that_agree_decide() -> None:
    assert WEIGHTS[choose(rising(0.4, 50))] == 1.0
    assert WEIGHTS[choose(rising(-0.4, 50))] == 0.0
    peak = [[1 - abs(w - 0.3) for w in WEIGHTS]] * 30
    assert WEIGHTS[choose(peak)] == 0.3


def test_where_no_weight_is_better_the_even_one_is_taken() -> None:
    assert WEIGHTS[choose([[0.7] * len(WEIGHTS)] * 20)] == DEFAULT_DENSE_WEIGHT


def test_few_cases_move_nothing_however_sure_they_are() -> None:
    assert [WEIGHTS[choose(rising(0.4, n))] for n in (1, 4, MIN_CASES - 1)] == [DEFAULT_DENSE_WEIGHT] * 3
    assert WEIGHTS[choose(rising(0.4, MIN_CASES))] == 1.0
    assert WEIGHTS[choose(rising(0.4, 4), current=0.25)] == 0.2  # a project's own weight stays where it is


def test_few_noisy_cases_stray_less_far_than_the_bare_best() -> None:
    """Five cases that know nothing: the best mean strays over the whole range, the choice keeps nearer to the middle."""
    tables = [rising(0.0, 5, noise=0.3, seed=seed) for seed in range(200)]
    strayed = np.mean([abs(WEIGHTS[chosen_among(table)] - DEFAULT_DENSE_WEIGHT) for table in tables])
    bare = np.mean([abs(WEIGHTS[int(np.mean(table, axis=0).argmax())] - DEFAULT_DENSE_WEIGHT) for table in tables])
    assert strayed < 0.85 * bare


@given(st.lists(st.lists(st.floats(0, 1), min_size=11, max_size=11), min_size=1, max_size=30))
def test_the_order_of_the_cases_does_not_matter(table: list[list[float]]) -> None:
    assert chosen_among(table) == chosen_among(table[::-1])


def explained(dense: Sequence[str], bm25: Sequence[str]) -> list[Explained]:
    def place(ranking: Sequence[str], id: str) -> Place | None:
        return Place(ranking.index(id) + 1, 1.0 / (ranking.index(id) + 1)) if id in ranking else None

    ids = sorted({*dense, *bm25})
    return [Explained(Passage(id, id, 0, 1, id), place(dense, id), place(bm25, id)) for id in ids]


def test_the_ends_are_the_two_rankings_themselves() -> None:
    found = explained(dense=["a", "b", "c"], bm25=["c", "d"])
    assert [p.id for p in fused_anew(found, Fusion(1.0))][:3] == ["a", "b", "c"]
    assert [p.id for p in fused_anew(found, Fusion(0.0))][:2] == ["c", "d"]
    assert fused_anew(found, Fusion(0.5))[0].id == "c"


def test_test_cases_are_never_looked_at() -> None:
    gold = {"gold_documents": ("d",)}
    cases = [Case(f"{split}{n}", "q", split=split, **gold) for split in ("train", "dev", "test") for n in range(3)]  # type: ignore[arg-type]
    bare = Case("bare", "q", ("a",), split="dev")
    refused = Case("no", "q", answerable=False, split="dev")
    assert {case.split for case in telling(Dataset(cases=(*cases, bare, refused)))} == {"train", "dev"}
    assert len(telling(Dataset(cases=(*cases, bare, refused)))) == 6


def test_of_many_cases_always_the_same_are_asked() -> None:
    cases = tuple(Case(f"c{n}", "q", split="dev", gold_documents=("d",)) for n in range(MAX_CASES + 50))
    asked = telling(Dataset(cases=cases))
    assert len(asked) == MAX_CASES
    assert {case.id for case in telling(Dataset(cases=cases[::-1]))} == {case.id for case in asked}


# --- in a project


class Listening(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def written(folder: Path, *, weight: str = "auto", split: str = "dev") -> Path:
    """Documents that only words tell apart: the scripted embedder finds them as well, BM25 finds rare words better."""
    documents = [{"id": f"d{n}", "text": f"The part with number x{n:03} belongs to the machine."} for n in range(40)]
    cases = [{"question": f"Which part is x{n:03}?", "gold_documents": [f"d{n}"], "split": split} for n in range(0, 40, 2)]
    cases.append({"question": "Which part is x001?", "gold_documents": ["d1"], "split": "test"})
    for name, rows in (("documents", documents), ("cases", cases)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "rung.yaml").write_text(
        f"knowledge: {{sources: [documents.jsonl], dense_weight: {weight}}}\n"
        "cases: cases.jsonl\nmodel: scripted\nembedder: scripted\nrungs: [rag]\n",
        encoding="utf-8",
    )
    return folder


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Engines, Listening]]:
    listening = Listening()
    with reporting(listening), open_engines(load_project(folder)) as engines:
        yield engines, listening


def test_it_is_chosen_said_once_and_kept(tmp_path: Path) -> None:
    with opened(written(tmp_path)) as (engines, listening):
        first = prepare(engines)
        assert first.weight is not None
        assert first.weight.cases == 20
        assert engines.knowledge is not None
        assert engines.knowledge.fusion.dense_weight == first.weight.dense_weight
        identity = engines.knowledge.identity
    assert [text for text in listening.said if "dense_weight" in text] == [str(first.weight)]
    with opened(tmp_path) as (engines, listening):
        again = settle_alone(engines, up_to_date(engines).knowledge)
        assert again == first.weight
        assert engines.knowledge is not None
        assert engines.knowledge.identity == identity
    assert listening.said == []


def test_below_the_stated_number_one_half_stays_and_that_is_said_once(tmp_path: Path) -> None:
    written(tmp_path)
    rows = (tmp_path / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "cases.jsonl").write_text("\n".join([*rows[:4], rows[-1]]), encoding="utf-8")
    for heard in (1, 0):
        with opened(tmp_path) as (engines, listening):
            weight = prepare(engines).weight
            assert weight is not None
            assert (weight.dense_weight, weight.cases) == (DEFAULT_DENSE_WEIGHT, 0)
            told = f"auto keeps one half, since 4 dev and train cases name their gold; from {MIN_CASES} on they choose"
            assert str(weight).endswith(told)
        assert [text for text in listening.said if "dense_weight" in text] == [str(weight)] * heard


def test_a_number_in_the_file_stands(tmp_path: Path) -> None:
    with opened(written(tmp_path, weight="0.2")) as (engines, _):
        weight = prepare(engines).weight
        assert weight is not None
        assert (weight.dense_weight, weight.cases) == (0.2, 0)


def test_without_cases_that_tell_it_is_even(tmp_path: Path) -> None:
    with opened(written(tmp_path, split="test")) as (engines, _):
        weight = prepare(engines).weight
        assert weight is not None
        assert (weight.dense_weight, weight.cases) == (DEFAULT_DENSE_WEIGHT, 0)
        assert "no dev or train case" in str(weight)


def test_cases_that_cannot_be_read_do_not_stop_a_search(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "cases.jsonl").write_text("{", encoding="utf-8")
    with opened(tmp_path) as (engines, listening):
        for _ in range(2):
            assert settle_alone(engines, up_to_date(engines).knowledge).dense_weight == DEFAULT_DENSE_WEIGHT
    assert sum("no case could be read" in text for text in listening.said) == 1, "said once"


@pytest.mark.parametrize("said", ["1.5", "-0.1", "often", "true", "[0.5]"])
def test_what_is_no_weight_is_named_with_its_line(tmp_path: Path, said: str) -> None:
    (tmp_path / "rung.yaml").write_text(f"knowledge:\n  dense_weight: {said}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"rung\.yaml:2: knowledge\.dense_weight: a number from 0"):
        load_project(tmp_path)
