"""Are slow, long and dear answers found against the verdict's own numbers, and no others?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rung.config.project import load_project
from rung.records import Answer, Evaluation, Latency, Outcome, RungResult, Usage
from rung.records.deployment import DeploymentRecord
from rung.records.spec import StrategySpec
from rung.state.database import open_state
from rung.state.observed import Observed, observed
from rung.state.tables import observations, traces
from rung.tracing.store import row_of
from rung.watching.cost_drift import look
from tests.watching.around import around, by_name, states

RECORD = DeploymentRecord("rag", StrategySpec("rag"), created="now")
SECONDS, TOKENS, DOLLARS = "seconds of an answer", "tokens of an answer", "dollars of an answer"


def measured(count: int = 40, usd: float | None = 0.001) -> Evaluation:
    """As a verdict has it: answers of about a second and 500 tokens."""
    rng = np.random.default_rng(1)
    times = tuple(float(ms) for ms in rng.lognormal(np.log(1000), 0.3, count))
    usage = [Usage(int(n), 50, 2, None if usd is None else usd * int(n) / 500) for n in rng.normal(450, 60, count)]
    outcomes = tuple(Outcome(f"c{n}", Answer("x"), usage=one) for n, one in enumerate(usage))
    latency = Latency(1000, 1500, count, times=times) if count else None
    return Evaluation(RungResult("rag", {}, "measured", latency=latency), outcomes=outcomes)


def traffic(count: int, *, slower: float = 1, longer: float = 1, dearer: float = 1, seed: int = 2) -> list[Observed]:
    """Answers as the verdict's, or otherwise by these factors."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(count):
        tokens = int(rng.normal(450, 60) * longer)
        seconds = float(rng.lognormal(np.log(1.0), 0.3) * slower)
        rows.append(Observed(n, f"a{n}", "answered", False, seconds, tokens, 50, 0.001 * tokens / 500 * dearer))
    return rows


def read(shop: Path, rows: list[Observed], **parts: Any) -> dict[str, str]:
    given = {"deployment": RECORD, "evaluation": measured(), "observed": tuple(rows), **parts}
    with around(shop, **given) as surroundings:
        return states(by_name(look, surroundings))


def test_traffic_as_it_was_measured_is_fine(shop: Path) -> None:
    assert read(shop, traffic(3000)) == {SECONDS: "fine", TOKENS: "fine", DOLLARS: "fine"}


@pytest.mark.parametrize(
    ("change", "found"), [({"slower": 3}, {SECONDS}), ({"longer": 2}, {TOKENS, DOLLARS}), ({"dearer": 3}, {DOLLARS})]
)
def test_what_moved_is_found_within_the_stated_number(shop: Path, change: dict[str, Any], found: set[str]) -> None:
    given: dict[str, Any] = {"deployment": RECORD, "evaluation": measured()}
    with around(shop, observed=tuple(traffic(500)), **given) as quiet:
        evidence: list[Any] = [one.evidence["found_within"] for one in look(quiet)]
    within = max(one["0.9"] for one in evidence)
    assert within < 60
    states_now = read(shop, traffic(500) + traffic(within, **change))
    assert {name for name, state in states_now.items() if state == "drifted"} == found


def test_passes_over_the_same_cases_are_no_further_draws(shop: Path) -> None:
    """Else the limits would pass for surer than so few cases make them."""
    once = measured(10)
    again = replace(once, again=(once.outcomes,) * 9)
    limits = []
    for evaluation in (once, again):
        with around(shop, deployment=RECORD, evaluation=evaluation, observed=tuple(traffic(50))) as surroundings:
            limits.append({name: one.limit for name, one in by_name(look, surroundings).items()})
    assert limits[0] == limits[1]


def test_what_went_well_again_is_fine_again(shop: Path) -> None:
    assert read(shop, traffic(2000, slower=3) + traffic(400))[SECONDS] == "fine"


def test_failed_and_late_answers_are_no_slow_ones(shop: Path) -> None:
    failed = [Observed(n, f"f{n}", end, False, 300.0) for n in range(200) for end in ("failed", "late")]
    assert read(shop, traffic(100) + failed)[SECONDS] == "fine"


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"deployment": None}, "promoted"),
        ({"evaluation": None}, "verdict"),
        ({"observed": ()}, "yet"),
        ({"evaluation": measured(0)}, "no live times"),
        ({"evaluation": measured(2)}, "are needed"),
    ],
)
def test_without_traffic_or_verdict_nothing_is_told(shop: Path, parts: dict[str, Any], why: str) -> None:
    given = {"deployment": RECORD, "evaluation": measured(), "observed": tuple(traffic(9)), **parts}
    with around(shop, **given) as surroundings:
        readings = by_name(look, surroundings)
    assert readings.keys() == {SECONDS, TOKENS, DOLLARS}  # what is left out would end its alert
    assert readings[SECONDS].state == "unknown"
    assert why in readings[SECONDS].says


def test_without_traces_or_prices_these_are_not_told(shop: Path) -> None:
    untraced = [Observed(n, f"a{n}", "answered", False, 1.0) for n in range(99)]
    assert read(shop, untraced) == {SECONDS: "fine", TOKENS: "unknown", DOLLARS: "unknown"}
    assert read(shop, traffic(99), evaluation=measured(usd=None)) == {SECONDS: "fine", TOKENS: "fine"}


def test_answers_are_read_in_the_order_in_which_they_came_whatever_the_clock_said(shop: Path) -> None:
    project = load_project(shop)
    with open_state(project) as state:
        with state.writing() as connection:
            for n, at in enumerate([50, 10, 10**15, 20, 30]):
                row = {"answer": f"a{n}", "deployment": "d", "trial": "", "end": "answered", "refused": False}
                connection.execute(observations.insert().values(**row, at=at, seconds=float(n)))
            connection.execute(traces.insert().values(**trace("a1", 7)))
        newest = observed(state, "d", since=1, limit=3)
        assert [one.answer for one in newest] == ["a2", "a3", "a4"]
        assert [one.answer for one in observed(state, "d", limit=9)] == ["a0", "a1", "a2", "a3", "a4"]
        assert observed(state, "other", limit=9) == ()
        assert [one.prompt_tokens for one in observed(state, "d", limit=9)] == [None, 7, None, None, None]


def trace(id: str, tokens: int) -> dict[str, Any]:
    """A row of a trace of this answer."""
    from rung.records.traces import Span, Trace, TraceSummary

    summary = TraceSummary(id, "t", 0.0, 1.0, "rung", "", "", "", prompt_tokens=tokens)
    return row_of(Trace(summary, Span("s", "", "conversation", "n", 0.0, 1.0)))
