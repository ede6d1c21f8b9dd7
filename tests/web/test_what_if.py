"""What if: with the verdict's own numbers it says what the verdict says; with others, what deciding by them says."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from rung.config.project import load_project
from rung.pipeline.decision_store import DECISION, read_decision
from rung.pipeline.publishing import latest
from rung.report.as_json import verdict_json
from rung.verdict.bar import bar_of
from rung.verdict.decide import decide, settle
from rung.verdict.turns import turns
from rung.web.what_if_inputs import changed, fields_of, written
from rung.web.what_if_parts import result_part
from tests.web.asking import DOOR, asking
from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_verdicts_own_numbers_say_exactly_what_the_verdict_says(compared: Path) -> None:
    published = latest(load_project(compared))
    decision = read_decision(published.folder)
    sent = {field.name: "" if field.now is None else written(field.now) for field in fields_of(decision)}
    same = changed(decision, {**sent, "prefer": decision.bar.prefer})
    assert (same.names, same.wrong, same.decision) == ((), (), decision)
    verdict = decide(same.decision.evaluations, bar=same.decision.bar, context=same.decision.context)
    now, then = json.loads(verdict_json(verdict)), dict(published.said)
    assert then["rungs"]
    assert now.pop("cases_named") == []
    then.pop("cases_named")  # of warnings, by which nothing is chosen
    assert now == then


def test_the_page_says_it_too(seen: Watched, compared: Path) -> None:
    said = latest(load_project(compared)).said
    with httpx.Client() as client:
        client.get(seen.entrance)
        text = client.get(seen.url("runs/1/what-if?part=1")).text
    assert f'data-winner="{said["winner"]}"' in text
    assert str(said["reason"]) in text
    assert "These are the numbers that it was decided by." in text


def test_other_numbers_decide_as_the_verdict_would(compared: Path) -> None:
    decision = read_decision(latest(load_project(compared)).folder)
    high = changed(decision, {"correct": "0.97", "risk": "0.05"})
    assert set(high.names) == {"Bar for correct", "Risk of being wrong"}
    assert (high.decision.bar.correct, high.decision.bar.risk) == (0.97, 0.05)
    sent = {"prompt_usd_per_million": "1000", "completion_usd_per_million": "0", "queries": "1000"}
    priced = changed(decision, sent)
    assert all(prices.prompt_usd_per_million == 1000 for prices in priced.decision.context.prices_on.values())
    before, after = (settle(one.evaluations, one.bar, one.context).verdict for one in (decision, priced.decision))
    assert before.winner == after.winner
    for rung in (rung for rung in after.rungs if rung.status == "measured"):
        tokens = rung.scores["prompt_tokens"].mean  # of each a thousandth of a dollar, for a thousand answers
        assert rung.usd_per_1k == pytest.approx(tokens)
    rows = turns(settle(decision.evaluations, decision.bar, decision.context), bar=decision.bar, context=decision.context)
    assert [row.what for row in rows] == ["traffic", "changes", "price", "bar", "risk", *decision.bar.limits]
    assert all(row.changes or row.note for row in rows)


def test_a_choice_whose_cost_is_unknown_is_said_not_to_be_held_to_a_limit_on_it(compared: Path) -> None:
    decision = read_decision(latest(load_project(compared)).folder)
    bar = bar_of({"usd_per_1k": 0.5}, correct=0.5)
    other = replace(changed(decision, {}), decision=replace(decision, bar=bar))
    verdict = settle(decision.evaluations, bar, decision.context).verdict

    def page(chosen: float | None, others: float | None) -> str:
        rungs = [replace(r, usd_per_1k=chosen if r.name == verdict.winner else others) for r in verdict.rungs]
        return str(result_part(other, replace(verdict, rungs=tuple(rungs)), (), None, ()))

    words = f"{verdict.winner}: its usd_per_1k is unknown, and that limit not checked."
    assert [words in page(*of) for of in ((None, 0.2), (0.2, None), (None, None))] == [True, False, False]


def test_a_choice_that_hangs_on_what_was_not_answered_is_a_guess(compared: Path) -> None:
    decision = read_decision(latest(load_project(compared)).folder)
    other = changed(decision, {"correct": "0.97"})
    verdict = settle(other.decision.evaluations, other.decision.bar, other.decision.context).verdict
    sure, guess = (str(result_part(other, verdict, (), None, (), guessed=by)) for by in ("", "going by what there is"))
    assert "It would be <" in sure
    assert "A guess" not in sure
    assert "It might be <" in guess
    assert "A guess, going by what there is." in guess


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("queries", "0", "no number above 0"),
        ("queries", "many", "&#x27;many&#x27; is no number"),
        ("queries", "nan", "is no number"),
        ("queries", "inf", "is no number"),
        ("risk", "", "it needs a number"),
        ("risk", "0.9", "above 0 to 0.5"),
        ("correct", "1.5", "from 0 to 1"),
        ("months", "0", "above 0"),
        ("prompt_usd_per_million", "-3", "from 0"),
        ("prefer", "<script>alert(1)</script>", "&lt;script&gt;"),
        ("correct", "<img src=x onerror=alert(1)>", "&lt;img"),
    ],
)
def test_what_is_no_number_is_said_and_the_verdicts_own_is_taken(seen: Watched, name: str, text: str, words: str) -> None:
    with httpx.Client() as client:
        client.get(seen.entrance)
        response = client.get(seen.url("runs/1/what-if"), params={name: text})
    assert response.status_code == 200
    assert words in response.text
    assert "These are the numbers that it was decided by." in response.text
    assert "<script>alert" not in response.text
    assert "<img" not in response.text


def test_a_verdict_that_does_not_say_what_it_was_decided_by_is_said_to(measured: Path) -> None:
    folder = latest(load_project(measured)).folder
    (folder / "sealed.json").unlink()  # as an earlier Rung left it
    with watched(measured) as board, httpx.Client() as client:
        client.get(board.entrance)
        kept = (folder / DECISION).read_text(encoding="utf-8")
        (folder / DECISION).write_text("{", encoding="utf-8")
        assert "rung doctor --repair" in client.get(board.url("runs/1/what-if")).text
        (folder / DECISION).unlink()
        response = client.get(board.url("runs/1/what-if"))
        assert (response.status_code, "rung rescore 1" in response.text) == (200, True)
        assert 'action="/board/runs/1/rescore"' in response.text
        (folder / DECISION).write_text(kept, encoding="utf-8")
        assert "It is the verdict" in client.get(board.url("runs/1/what-if")).text
        shutil.rmtree(folder)
        assert client.get(board.url("runs/1/what-if")).status_code == 409


def test_who_may_only_look_is_told_that_a_run_has_no_what_if(measured: Path) -> None:
    folder = latest(load_project(measured)).folder
    for name in ("sealed.json", DECISION):
        (folder / name).unlink()
    with watched(measured, DOOR) as board, asking(board, "customer") as client:
        text = client.get("runs/1/what-if").text
    assert "There is no What if of this run" in text
    assert "<button>Score" not in text


@pytest.mark.slow
def test_a_slider_moves_the_choice(browser: Browser, seen: Watched) -> None:
    with looking(browser, seen) as page:
        page.get_by_role("link", name="Run 1").click()
        page.get_by_role("link", name="What if").click()
        slider = page.get_by_label("Bar for correct, slider")
        slider.focus()
        page.keyboard.press("End")
        page.get_by_text("Other than in the verdict: Bar for correct").wait_for()
        assert page.get_by_label("Bar for correct", exact=True).input_value() == "1"
        assert "correct=1&" in page.url
        page.get_by_label("Questions a month", exact=True).fill("20000")
        page.get_by_text("Other than in the verdict: Questions a month; Bar for correct").wait_for()
        page.get_by_text("Prices", exact=True).click()
        page.get_by_label("A million tokens of prompts, $, slider").focus()
        page.keyboard.press("PageUp")
        page.get_by_text("Questions a month; Bar for correct; A million tokens of prompts, $").wait_for()
        page.reload()  # the address says it all
        assert page.get_by_label("Questions a month", exact=True).input_value() == "20000"
        page.get_by_role("link", name="The verdict's own numbers").click()
        assert page.get_by_text("These are the numbers that it was decided by.").is_visible()


@pytest.mark.slow
def test_without_scripts_the_form_is_sent(browser: Browser, seen: Watched) -> None:
    with looking(browser, seen, scripts=False) as page:
        page.goto(seen.url("runs/1/what-if"))
        page.get_by_label("Bar for correct").fill("0.99")
        page.get_by_role("button", name="What would be chosen?").click()
        assert page.get_by_text("Other than in the verdict: Bar for correct").is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_the_window_and_is_accessible(browser: Browser, seen: Watched, width: str, dark: bool) -> None:
    with looking(browser, seen, width=width, dark=dark) as page:
        page.goto(seen.url("runs/1/what-if"))
        assert not is_wider_than_its_window(page)
        assert faults(page) == []
