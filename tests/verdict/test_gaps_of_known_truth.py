"""Simulated projects whose truth is known: do gaps, and the words beside them, name what is missing, or say that nobody can
tell?

Each case is lost for one reason, whatever rung answers it: the model lacks the fact (documents have it, and the search finds
it or not), or it does not act as asked, whatever it is shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from rung.records import Estimate, Evaluation, Verdict
from rung.stats.estimates import estimates
from rung.verdict.bar import Bar
from rung.verdict.decide import decide
from rung.verdict.gap_words import gap_sentence, proven
from tests.verdict.weighing import Floats, rung

THERE, ABSENT = True, False


@dataclass(frozen=True)
class Truth:
    """Shares of cases: `known` without documents; else `found` by the search among those that documents answer.

    `able`: acted upon as asked, whatever is shown. `gold`: so many cases name it. `form`: kept by the untuned model often.
    """

    known: float
    found: float
    able: float
    gold: float = 1.0
    form: float | None = None
    tuned: float | None = None  # able after tuning
    cases: int = 120

    def verdict(self, seed: int, *, bar: float = 0.9) -> Verdict:
        """Of a project like this."""
        dice = np.random.default_rng(seed)
        known, found = dice.random(self.cases) < self.known, dice.random(self.cases) < self.found
        able, named = dice.random(self.cases) < self.able, dice.random(self.cases) < self.gold
        kept = np.ones(self.cases, bool) if self.form is None else dice.random(self.cases) < self.form
        right = {
            "closed_book": known & able & kept,
            "prompt": known & able & kept,
            "rag": (known | found) & able & kept,
            "oracle": np.where(named, able, (known | found) & able) & kept,  # without gold: what the search finds
        }
        if self.tuned is not None:
            taught = dice.random(self.cases) < self.tuned
            right |= {"tuned_model": known & taught, "hybrid": (known | found) & taught}
        order = {"prompt": 0, "rag": 1, "tuned_model": 2, "hybrid": 3}
        rungs = []
        for name, column in right.items():
            forms = kept if name not in ("tuned_model", "hybrid") else np.ones(self.cases, bool)
            others: dict[str, Floats] = {} if self.form is None else {"format": forms.astype(float)}
            rungs.append(rung(name, column.astype(float), order=order.get(name, 9), others=others))
        held = np.where(named, 1.0, 0.0)
        rungs = [replace(w, held=held) if w.result.name == "oracle" else w for w in rungs]
        return decide([_masked(w) for w in rungs], bar=Bar(bar))


def _masked(weighed: Evaluation) -> Evaluation:
    """The oracle as a comparison hands it over: scored where it was one."""
    if weighed.held is None:
        return weighed
    values = {name: np.where(weighed.held == 0, math.nan, column) for name, column in weighed.values.items()}
    return replace(weighed, result=replace(weighed.result, scores=estimates(values)))


def named(verdict: Verdict) -> dict[str, bool | None]:
    """Of each gap: there surely is one, there is none worth a word, or nobody can tell."""
    found: dict[str, bool | None] = {}
    for name, gap in verdict.gaps.items():
        surely = proven(verdict, name)
        stated = gap.mean is not None and name not in verdict.doubts
        found[name] = THERE if surely else ABSENT if stated and (gap.high or 0) <= 0.15 else None
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("truth", "knowledge", "retrieval", "behaviour"),
    [
        (Truth(known=0.1, found=0.2, able=1.0), THERE, THERE, ABSENT),  # all search failures
        (Truth(known=0.1, found=1.0, able=1.0), THERE, ABSENT, ABSENT),  # all knowledge
        (Truth(known=1.0, found=1.0, able=0.3), ABSENT, ABSENT, THERE),  # all behaviour
        (Truth(known=0.1, found=0.5, able=0.6), THERE, THERE, THERE),
        (Truth(known=0.9, found=0.2, able=1.0, cases=400), THERE, THERE, ABSENT),  # small, and many cases
        (Truth(known=0.1, found=0.2, able=1.0, gold=0.7), THERE, THERE, ABSENT),  # the rest is left out
    ],
)
def test_the_right_gaps_are_named(truth: Truth, knowledge: bool, retrieval: bool, behaviour: bool, seed: int) -> None:
    verdict = truth.verdict(seed)
    said = named(verdict)
    for name, there in {"knowledge": knowledge, "retrieval": retrieval, "behaviour": behaviour}.items():
        assert (said[name] is THERE) == there  # what is there is named; of what is not nothing is claimed
    hopeless = any("no search will close that" in w for w in verdict.warnings)
    assert hopeless == (behaviour is THERE)


@pytest.mark.parametrize("seed", range(8))
def test_with_gold_on_few_cases_search_failures_are_no_behaviour_gap(seed: int) -> None:
    """34 cases, gold on four or five: of the others the oracle was shown what the search found, which was not the answer."""
    verdict = Truth(known=0.05, found=0.1, able=1.0, gold=0.12, cases=34).verdict(seed, bar=0.7)
    assert {gap.n for gap in verdict.gaps.values()} == {0}
    assert all("the oracle was shown the answer in only" in why for why in verdict.doubts.values())
    assert not any("no search will close" in w for w in verdict.warnings)
    oracle = next(r for r in verdict.rungs if r.name == "oracle")
    assert oracle.scores["correct"].n < 12
    assert oracle.scores["correct"].mean == 1.0


@pytest.mark.parametrize("seed", range(4))
def test_what_a_model_knows_is_told_by_its_tuned_form_where_it_does_not_keep_the_form(seed: int) -> None:
    verdict = Truth(known=0.15, found=0.95, able=1.0, form=0.04, tuned=0.9).verdict(seed)
    assert named(verdict)["knowledge"] is THERE
    assert verdict.gaps["knowledge"].mean == pytest.approx(0.8 * 0.95 * 0.9, abs=0.12)
    assert "hybrid − tuned_model" in gap_sentence(verdict, "knowledge")
    assert "keeps the form in only" in verdict.doubts["retrieval"]
    assert proven(verdict, "behaviour")
    assert not any("no search will close that" in w for w in verdict.warnings)


def test_without_tuned_rungs_a_model_that_keeps_no_form_leaves_two_gaps_open() -> None:
    verdict = Truth(known=0.15, found=0.95, able=1.0, form=0.04).verdict(0)
    assert named(verdict) == {"knowledge": None, "retrieval": None, "behaviour": THERE}
    assert "does not keep the form" in verdict.reason
    assert "does not read" not in verdict.reason


def test_a_form_that_is_mostly_kept_changes_nothing() -> None:
    verdict = Truth(known=0.1, found=0.9, able=1.0, form=0.8, tuned=0.9).verdict(0)
    assert verdict.gap_notes.get("knowledge") is None
    assert "retrieval" not in verdict.doubts


def test_another_rung_above_the_oracle_is_said_too() -> None:
    shown, gold = np.zeros(120), np.zeros(120)
    shown[:90] = 1.0
    gold[:60] = 1.0
    rungs = [rung("few_shot", shown, order=0), rung("rag", gold, order=1), rung("closed_book", gold * 0, order=2)]
    verdict = decide([*rungs, replace(rung("oracle", gold, order=3), held=np.ones(120))], bar=Bar(0.9))
    assert "few_shot stands above the oracle, by 0.25 [" in gap_sentence(verdict, "behaviour")
    assert "no upper bound" in gap_sentence(verdict, "behaviour")


@pytest.mark.parametrize("seed", range(4))
def test_tuning_above_the_oracle_is_said_beside_the_behaviour_gap(seed: int) -> None:
    verdict = Truth(known=0.1, found=0.95, able=0.3, tuned=0.85).verdict(seed, bar=0.95)
    assert proven(verdict, "behaviour")
    assert gap_sentence(verdict, "behaviour").count("hybrid stands above the oracle already") == 1
    assert not any("no search will close that" in w for w in verdict.warnings)
    level = Truth(known=0.1, found=0.95, able=0.5, tuned=0.5).verdict(seed, bar=0.95)
    assert "behaviour" not in level.gap_notes


def test_how_many_cases_tell_of_a_gap_stands_beside_it() -> None:
    from rung.report.table import table

    verdict = Truth(known=0.1, found=0.2, able=1.0, gold=0.7).verdict(1)
    gap: Estimate = verdict.gaps["knowledge"]
    assert 0 < gap.n < verdict.cases
    assert f"({gap.n} of {verdict.cases} cases)" in " ".join(" ".join(table(verdict)).split())
