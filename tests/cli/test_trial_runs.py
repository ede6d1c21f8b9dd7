"""`--limit` and a budget make trial runs: shown, kept, marked; no verdict is replaced, and no look is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / ".rung/verdicts/list.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_trial_run_is_shown_and_leaves_no_verdict(rung: Run, shop: Path) -> None:
    ran = rung("compare", shop, "--limit", "3", code=None)
    assert ran.out.startswith("shop: trial run, 3 cases")
    assert "Trial run, since it judged by 3 of 7 test cases" in " ".join(ran.out.split())
    page = Path(ran.out.splitlines()[-1].removeprefix("report: "))
    assert page.parent.parent.name == "verdicts"
    assert page.is_file()
    assert not (shop / "report.html").exists()
    assert "there is no verdict yet, only trial runs" in rung("report", shop, code=2).err
    assert "there is no verdict yet, only trial runs" in rung("ask", shop, "Do you ship to Norway?", code=2).err


def test_the_verdict_before_it_stays(rung: Run, shop: Path) -> None:
    whole = rung("compare", shop, "--json").json
    before = (shop / "report.html").read_bytes()
    trial = rung("compare", shop, "--limit", "2", "--json", code=None).json
    partial = rung("compare", shop, "--seed", "5", "--budget-minutes", "0", "--json", code=1).json
    assert rung("report", shop, "--json", code=None).json == whole
    assert (shop / "report.html").read_bytes() == before
    assert [one["looks"] for one in (whole, trial, partial)] == [1, 1, 1]
    assert whole["coverage"]["trial"] == ""
    assert trial["coverage"]["trial"] == "it judged by 2 of 7 test cases"
    assert partial["coverage"]["trial"] == "a budget ended it"
    assert [line.get("trial", False) for line in lines(shop)] == [False, True, True]
    # what was looked at in a trial is a first look once it judges for good
    assert rung("compare", shop, "--seed", "5", "--json").json["looks"] == 2


def test_a_limit_that_leaves_out_nothing_is_none(rung: Run, shop: Path) -> None:
    said = rung("compare", shop, "--limit", "100", "--json", code=None).json
    assert said["coverage"]["trial"] == ""
    assert rung("report", shop, "--json", code=None).json == said


def test_a_baseline_is_held_against_the_trial_itself(rung: Run, shop: Path) -> None:
    rung("compare", shop)
    ran = rung("compare", shop, "--limit", "3", "--baseline", "1", code=None)
    assert "3 common cases" in ran.err
    assert "a trial run)" in rung("report", shop, "--compare", "1", "77", code=2).err
