"""Does a dry run say what a comparison then takes, without spending anything?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.commands.survey import survey
from rung.config.project import load_project
from rung.loop import compare
from rung.pipeline.budget import CompareRequest
from tests.cli.conftest import shop  # noqa: F401 - a fixture


@pytest.fixture
def priced(shop: Path) -> Path:  # noqa: F811
    text = (shop / "rung.yaml").read_text(encoding="utf-8")
    prices = "prices: {prompt_usd_per_million: 100, completion_usd_per_million: 200}\n"
    (shop / "rung.yaml").write_text(text + prices, encoding="utf-8")
    return shop


def test_calls_are_exact_and_tokens_near_before_anything_is_spent(priced: Path) -> None:
    project = load_project(priced)
    planned = {p.rung: p.forecast for p in survey(project).planned if p.forecast}
    assert not (priced / ".rung").exists()
    assert set(planned) == {"prompt", "few_shot", "long_context", "rag", "closed_book", "oracle"}
    verdict = compare(project, allowed=CompareRequest(exhaustive=True)).verdict
    for result in verdict.rungs:
        if result.name in planned:
            tokens = result.scores["prompt_tokens"]
            told = planned[result.name]
            assert told.calls == tokens.n == 7
            assert tokens.mean is not None
            assert told.prompt_tokens / 7 == pytest.approx(tokens.mean, rel=0.5)
            assert told.usd is not None
            assert told.minutes is None


def test_minutes_are_known_from_the_second_time_and_the_lines_say_it_all(priced: Path) -> None:
    project = load_project(priced)
    compare(project)
    told = survey(project)
    assert told.whole().minutes is not None
    assert told.whole().calls == 6 * 7 + 4 * (6 + 2)  # six rungs and arms; four timed on six cases, in two turns
    lines = list(told.plan_lines())
    assert lines[-1].startswith("at most 74 calls, ")
    assert "minutes; equal steps count once" in lines[-1]
    assert "  the live pass" in lines
    said = " ".join(" ".join(line.split()) for line in lines)
    assert "minutes: at the pace of earlier comparisons here" in said
    assert "tokens are counted as the model counts" in said
    assert told.plan_json()["at_most"] == told.whole().as_json()
    assert [part["what"] for part in told.plan_json()["parts"]] == ["the live pass"]  # type: ignore[union-attr, index, call-overload]


def test_tokens_of_a_server_that_is_paid_by_the_hour_cost_nothing_more(priced: Path) -> None:
    text = (priced / "rung.yaml").read_text(encoding="utf-8").partition("prices:")[0]
    (priced / "rung.yaml").write_text(text.replace("model: scripted", "model: http://127.0.0.1:9/v1#own"), encoding="utf-8")
    assert survey(load_project(priced)).whole().usd is None
    hosted = f"{(priced / 'rung.yaml').read_text(encoding='utf-8')}prices: {{hosting_usd_per_hour: 2}}\n"
    (priced / "rung.yaml").write_text(hosted, encoding="utf-8")
    told = survey(load_project(priced))
    assert told.whole().usd == 0.0
    assert not any("$ unknown" in line for line in told.plan_lines())


def test_before_the_first_comparison_minutes_are_unknown_and_so_it_is_said(priced: Path) -> None:
    lines = list(survey(load_project(priced), allowed=CompareRequest()).plan_lines())
    assert "minutes unknown" in lines[-1]
    assert any(line.startswith("  indexing about ") and line.endswith("minutes unknown") for line in lines)
    said = " ".join(" ".join(line.split()) for line in lines)
    assert "minutes: unknown before a first comparison here" in said
    assert all(len(line) <= 80 for line in lines if line.startswith(("bounds", "likely", "minutes")))


def test_training_is_foretold_by_the_last_of_its_kind_and_in_money_by_the_hour(tmp_path: Path) -> None:
    from tests.pipeline.test_climbing import project, taken

    folder = project(tmp_path, "[prompt, classifier]", more="prices: {gpu_usd_per_hour: 6}\n")
    (before,) = (part for part in survey(load_project(folder)).outlook.parts if "training" in part.what)
    told = (before.what, before.forecast.minutes, before.forecast.usd)
    assert told == ("training classifier on 60 rows, if it is not there yet", None, None)
    taken(folder, seconds=1800)
    (part,) = (part for part in survey(load_project(folder)).outlook.parts if "training" in part.what)
    assert (part.forecast.minutes, part.forecast.usd) == (30, 3)


def test_an_unknown_price_stays_unknown(shop: Path) -> None:  # noqa: F811
    text = (shop / "rung.yaml").read_text(encoding="utf-8").replace("model: scripted\n", "model: smollm2-135m-instruct\n")
    (shop / "rung.yaml").write_text(text, encoding="utf-8")
    assert survey(load_project(shop)).whole().usd is None
