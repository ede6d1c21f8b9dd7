"""Is a search that finds otherwise told, by whatever it was changed, and documents that came held against nobody?"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from rung.config.project import load_project
from rung.errors import UserError
from rung.models.scripted import ScriptedEmbedder
from rung.pipeline.prepare import up_to_date
from rung.runtime.engines import open_engines
from rung.state.alerts import keep_baseline
from rung.watching.baselines import kept
from rung.watching.detectors import Detector
from rung.watching.embedding_drift import baseline, look
from tests.watching.around import around, baselines, by_name, states

CANARIES = ("canary vectors", "neighbours of canaries", "recall of canaries")
FINE = {"embedder": "fine", "library versions": "fine", **dict.fromkeys(CANARIES, "fine")}


@pytest.fixture(scope="module")
def before(deployed: tuple[Path, Any]) -> dict[str, Any]:
    """The baseline of a shop as it was promoted."""
    with around(deployed[0]) as surroundings:
        return dict(baseline(surroundings))


def read(shop: Path, value: dict[str, Any], embedder: Any = None) -> dict[str, str]:
    with around(shop, baselines=baselines("embedding", value)) as surroundings:
        if embedder is not None:
            surroundings.engines.embedder = embedder
        return states(by_name(look, surroundings))


class Swapped:
    """Another model under the same name, as a server may have it: it turns every vector."""

    def __init__(self, seed: int = 1) -> None:
        self._own = ScriptedEmbedder()
        self.identity, self.dimensions, self.max_tokens = self._own.identity, self._own.dimensions, self._own.max_tokens
        self.count_tokens = self._own.count_tokens
        self._turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(self.dimensions, self.dimensions)))[0]

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Any:
        """Unit vectors of other directions."""
        return (self._own.embed(texts, kind=kind) @ self._turn).astype(np.float32)


def test_what_was_promoted_is_found_as_it_was(served: Path, before: dict[str, Any]) -> None:
    assert read(served, before) == FINE


def test_without_a_baseline_only_the_embedder_is_told(served: Path) -> None:
    with around(served) as surroundings:
        readings = by_name(look, surroundings)
    assert states(readings) == {**dict.fromkeys(FINE, "unknown"), "embedder": "fine"}
    assert "--baseline" in readings[CANARIES[0]].says


def test_before_anything_is_promoted_nothing_is_advised_that_would_refuse(compared: Path, tmp_path: Path) -> None:
    shop = Path(shutil.copytree(compared, tmp_path / "shop"))
    with around(shop) as surroundings:
        advice = [one.says for one in look(surroundings) if "no baseline" in one.says]
        assert len(advice) == 4
        assert all("'rung promote' keeps one" in says and "--baseline" not in says for says in advice)


@pytest.mark.parametrize(
    ("line", "why"),
    [("embedder: table", "made with another embedder"), ("cases: [none.jsonl]", "no cases in"), ("", "nothing is indexed")],
)
def test_a_baseline_that_cannot_be_taken_now_leaves_the_earlier_one(line: str, why: str, served: Path) -> None:
    yaml = served / "rung.yaml"
    with around(served) as now:
        keep_baseline(now.state, now.standing.current, {"embedding": {"canaries": ["earlier"]}})
    if line:
        key = line.split(":", maxsplit=1)[0]
        rows = [row for row in yaml.read_text("utf-8").splitlines() if not row.startswith(f"{key}:")]
        yaml.write_text("\n".join([*rows, line, ""]), "utf-8")
        (served / "none.jsonl").write_text("")
    else:
        shutil.rmtree(served / ".rung" / "index")
    with around(served) as now:
        reasons = kept(now.project, now.state, now.engines, detectors=[Detector("embedding", look, baseline=baseline)])
    assert why in reasons["embedding"]
    with around(served) as now:
        assert now.baselines["embedding"].value == {"canaries": ["earlier"]}


def test_a_project_without_documents_has_no_baseline_of_searches(served: Path) -> None:
    yaml = served / "rung.yaml"
    rows = [row for row in yaml.read_text("utf-8").splitlines() if not row.startswith("knowledge:")]
    yaml.write_text("\n".join([*rows, ""]), "utf-8")
    with around(served) as now:
        assert baseline(now) == {}


def test_an_embedder_that_is_swapped_under_its_name_is_found(served: Path, before: dict[str, Any]) -> None:
    assert read(served, before, Swapped())["canary vectors"] == "drifted"


class Broken(Swapped):
    """A server whose numbers are none."""

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Any:
        """See `Swapped`."""
        return np.full((len(texts), self.dimensions), np.nan, dtype=np.float32)


def test_vectors_that_are_no_numbers_are_drifted_and_no_baseline(served: Path, before: dict[str, Any]) -> None:
    assert read(served, before, Broken())["canary vectors"] == "drifted"
    with around(served) as surroundings:
        surroundings.engines.embedder = Broken()
        with pytest.raises(UserError, match="gives no numbers for"):
            baseline(surroundings)


def test_another_embedder_is_named(served: Path, before: dict[str, Any]) -> None:
    other = ScriptedEmbedder(dimensions=32)
    readings = read(served, before, other)
    assert readings == {**FINE, "embedder": "drifted", **dict.fromkeys(CANARIES, "unknown")}


def test_another_library_is_named(served: Path, before: dict[str, Any]) -> None:
    older = {**before, "libraries": {**before["libraries"], "numpy": "1.0"}}
    assert read(served, older)["library versions"] == "drifted"


def test_documents_that_came_changed_and_went_are_no_drift_of_the_embedder(served: Path, before: dict[str, Any]) -> None:
    for n in range(30):
        (served / f"docs/more{n}.md").write_text(f"# Express {n}\n\nWhat does express shipping {n} cost? Much.\n", "utf-8")
    (served / "docs/staff.md").unlink()
    with open_engines(load_project(served)) as engines:
        up_to_date(engines, asked=True)
    readings = read(served, before)
    assert [readings[name] for name in CANARIES[:2]] == ["fine", "fine"]


def test_cases_that_ask_something_else_are_canaries_no_more(served: Path, before: dict[str, Any]) -> None:
    other = {**before, "canaries": [{**row, "question": "?"} for row in before["canaries"]]}
    assert {name: read(served, other)[name] for name in CANARIES} == dict.fromkeys(CANARIES, "unknown")


def test_recall_that_falls_is_found(served: Path, before: dict[str, Any]) -> None:
    """Many canaries that found their gold, and do not now."""
    with around(served) as surroundings:
        gold = [row for row in before["canaries"] if row["recall"] is not None]
        assert gold
        better = {
            **before,
            "canaries": [{**row, "recall": 2.0} if row["recall"] is not None else row for row in before["canaries"]],
        }
        vars(surroundings)["baselines"] = baselines("embedding", better)
        reading = by_name(look, surroundings)["recall of canaries"]
    assert reading.evidence["lost"] == len(gold)
    assert (reading.state == "fine") == (0.5 ** len(gold) > 0.05)


def test_without_an_index_it_says_so(served: Path, before: dict[str, Any]) -> None:
    shutil.rmtree(served / ".rung/index")
    assert {name: read(served, before)[name] for name in CANARIES} == dict.fromkeys(CANARIES, "unknown")
