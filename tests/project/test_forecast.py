"""Does a dry run say what a comparison then takes, without spending anything?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.loop import compare
from rung.project import load_project
from rung.stages.budget import Allowed
from rung.stages.survey import survey
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
    verdict = compare(project, allowed=Allowed(exhaustive=True)).verdict
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
    assert told.whole().calls == 6 * 7
    last = list(told.plan_lines())[-1]
    assert last.startswith("at most 42 calls, ")
    assert "minutes; equal steps count once" in last
    assert told.plan_json()["at_most"] == told.whole().as_json()


def test_an_unknown_price_stays_unknown(shop: Path) -> None:  # noqa: F811
    text = (shop / "rung.yaml").read_text(encoding="utf-8").replace("model: scripted\n", "model: smollm2-135m-instruct\n")
    (shop / "rung.yaml").write_text(text, encoding="utf-8")
    assert survey(load_project(shop)).whole().usd is None
