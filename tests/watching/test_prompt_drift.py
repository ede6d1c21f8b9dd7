"""Is it told that what is served is not what was scored?"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from rung.artifacts.registry import Registry
from rung.config.project import load_project
from rung.erasure.verdicts import OF_ANSWERS, remove
from rung.pipeline.pinned_strategy import configured_spec, measured_specs
from rung.pipeline.publishing import latest
from rung.records import Json
from rung.records.spec import StrategySpec
from rung.watching.baselines import kept as kept_of
from rung.watching.cost_drift import look as cost_look
from rung.watching.data_drift import look as data_look
from rung.watching.prompt_drift import baseline, look, prompts_digest
from rung.watching.quality_drift import look as quality_look
from tests.serving.promoting import said
from tests.watching.around import around, baselines, by_name, states

FINE = {
    **{"verdict of it": "fine", "strategy served": "fine", "artifacts served": "fine"},
    **{"prompts written": "unknown", "rung.yaml": "fine"},
}


def read(shop: Path) -> dict[str, str]:
    with around(shop) as surroundings:
        return states(by_name(look, surroundings))


def test_what_was_promoted_is_what_was_scored(served: Path) -> None:
    assert read(served) == FINE


def test_before_anything_was_promoted_nothing_is_told(shop: Path) -> None:
    assert read(shop) == {"strategy served": "unknown"}


@pytest.mark.parametrize(("is_whole", "why"), [(False, "were taken away ('rung forget' and"), (True, "is gone: nothing")])
def test_a_verdict_without_answers_or_none_is_an_alert_that_says_what_to_do(is_whole: bool, why: str, served: Path) -> None:
    """Its folder is removed, or its answers alone, as an erasure does."""
    verdict = latest(load_project(served))
    assert verdict is not None
    if is_whole:
        shutil.rmtree(verdict.folder)
    else:
        remove(verdict.folder, OF_ANSWERS)
    with around(served) as surroundings:
        reading = by_name(look, surroundings)["verdict of it"]
        blind = [one.says for some in (cost_look, data_look, quality_look) for one in some(surroundings) if why in one.says]
    assert (reading.state, why in reading.says) == ("drifted", True)
    assert "'rung compare' and 'rung promote'" in reading.do
    assert len(blind) == 6, "seconds, tokens, dollars, questions, coverage, citations"


def test_a_prompt_that_is_edited_is_told(served: Path) -> None:
    path = served / "rung.yaml"
    path.write_text(path.read_text("utf-8").replace("Answer the customer.", "Answer the customer rudely."), encoding="utf-8")
    with around(served) as surroundings:
        readings = by_name(look, surroundings)
    assert states(readings) == {**FINE, "rung.yaml": "drifted"}
    assert readings["rung.yaml"].evidence == {"fields": ["task"]}


def test_a_rung_that_is_gone_from_rung_yaml_is_told(served: Path) -> None:
    path = served / "rung.yaml"
    path.write_text(path.read_text("utf-8").replace(" rag,", ""), encoding="utf-8")
    assert read(served)["rung.yaml"] == "drifted"


def test_a_strategy_that_is_not_the_scored_one_is_told(served: Path) -> None:
    with around(served) as surroundings:
        record = surroundings.deployment
    assert record is not None
    other = replace(record, spec=replace(record.spec, temperature=0.7))
    with around(served, deployment=other) as surroundings:
        reading = by_name(look, surroundings)["strategy served"]
    assert reading.state == "drifted"
    assert "temperature" in reading.says


def test_a_verdict_that_was_taken_away_is_said(served: Path) -> None:
    shutil.rmtree(served / ".rung/verdicts" / str(latest(load_project(served)).folder.name))
    assert read(served)["strategy served"] == "unknown"


def test_an_artifact_that_is_gone_or_altered_is_told(served: Path) -> None:
    with around(served) as surroundings:
        record = surroundings.deployment
    assert record is not None
    other = replace(record, artifacts={"a" * 64: "b" * 64})
    with around(served, deployment=other) as surroundings:
        reading = by_name(look, surroundings)["artifacts served"]
    assert (reading.state, "gone" in reading.says) == ("drifted", True)


def test_other_words_around_a_question_are_told(served: Path) -> None:
    with around(served) as surroundings:
        value: dict[str, Json] = dict(baseline(surroundings))
    for kept, state in ((value, "fine"), (dict[str, Json](prompts="of another version"), "drifted")):
        with around(served, baselines=baselines("prompt", kept)) as surroundings:
            assert by_name(look, surroundings)["prompts written"].state == state


@pytest.mark.parametrize("how", ["retired", "deleted"])
def test_an_artifact_that_was_retired_is_told_and_keeps_nothing_from_being_looked_at(how: str, served: Path) -> None:
    """A baseline whose artifact is gone: what can still be compared is."""
    from rung.watching.running import Watching
    from tests.serving.promoting import promoted, promoting

    record = promoted(served, "few_shot")
    with promoting(served) as (builder, state):
        assert all(not why or "model" in name for name, why in kept_of(builder.project, state, builder.engines).items())
    (digest,) = record.artifacts
    (folder,) = (served / ".rung/artifacts").glob(f"*/{digest}")
    if how == "retired":
        registry = Registry(served / ".rung")
        registry.retire(registry.find(digest), by="ada")
    else:
        shutil.rmtree(folder)
    with Watching(served) as watching:
        report = watching.once().report
    readings = {one.name: one for one in report.readings["prompt"]}
    assert (readings["artifacts served"].state, readings["prompts written"].state) == ("drifted", "fine")
    assert digest[:12] in readings["artifacts served"].says
    assert "doctor" not in readings["artifacts served"].says, "nothing is damaged"
    assert {alert.reading.name for alert in report.firing} == {"artifacts served"}


def test_every_rung_that_was_measured_writes_prompts_and_stands_in_rung_yaml_as_it_was(compared: Path) -> None:
    project = load_project(compared)
    specs = measured_specs(latest(project).folder)
    measured = [one["name"] for one in said(compared)["rungs"] if one["status"] == "measured" and not one.get("reference")]
    assert len(measured) >= 4
    for label in measured:
        assert len(prompts_digest(specs[label])) == 64
        now = configured_spec(project, label, specs[label])
        assert now is not None
        assert now.digest == specs[label].digest, label


@pytest.mark.parametrize("field", ["task", "schema"])
def test_the_digest_is_of_the_words(field: str) -> None:
    spec = StrategySpec("rag", task="Answer.")
    other = replace(spec, **{field: '{"type": "object"}'})  # type: ignore[arg-type]
    assert prompts_digest(spec) == prompts_digest(replace(spec, seed=0))
    assert prompts_digest(spec) != prompts_digest(other)
