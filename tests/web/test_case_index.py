"""The index of a verdict says what the report says, of the same cases in the same order, to the same people."""

from __future__ import annotations

import gzip
import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from rung.commands.verdict_rows import VerdictAnswers, judged_cases
from rung.config.project import Project, load_project
from rung.dataset.load import load_dataset
from rung.errors import Damaged, UserError
from rung.pipeline.evaluation_store import EVALUATIONS, read_evaluations
from rung.pipeline.publishing import Published, published
from rung.records import Case, RungResult, Verdict
from rung.report.access import is_marked
from rung.report.contents import CasePage, Report, mark_of
from rung.report.html.cases import ordered
from rung.web.case_index import ANY, MARKS, OUTCOMES, CaseFilter, CaseIndex
from rung.web.case_reading import read_index

GROUPS = (frozenset[str](), frozenset({"staff"}), frozenset({"customer"}), frozenset({"staff", "customer"}))


@pytest.fixture(scope="module")
def verdict(compared: Path) -> tuple[Project, Published]:
    project = load_project(compared)
    return project, published(project, "1")


@pytest.fixture(scope="module")
def index(verdict: tuple[Project, Published]) -> CaseIndex:
    return read_index(*verdict)


def test_what_it_holds_is_what_is_stored(index: CaseIndex, verdict: tuple[Project, Published]) -> None:
    stored = read_evaluations(verdict[1].folder / EVALUATIONS)
    answered = {e.name: e for e in stored.evaluations if e.outcomes}
    assert set(index.rungs) == set(answered)
    for number, id in enumerate(index.ids):
        page = index.page(number, Case(id, index.questions[number]))
        for rung, evaluation in answered.items():
            assert page.outcomes[rung] == next(o for o in evaluation.outcomes if o.case == id)
            assert page.scores[rung] == evaluation.scorecard.at(number)
            assert page.lost_in[rung] == (evaluation.layers[number] or "")
            mark = MARKS[index.marks[index.rungs.index(rung), number]]
            assert mark == mark_of(page, rung, metric="correct")


def test_the_urgent_ones_come_first_as_in_the_report(index: CaseIndex, verdict: tuple[Project, Published]) -> None:
    pages = tuple(index.page(number, Case(id, index.questions[number])) for number, id in enumerate(index.ids))
    rungs = tuple(RungResult(n, {}, "measured", reference=r) for n, r in zip(index.rungs, index.is_reference, strict=True))
    report = Report("", "", "", Verdict(index.winner, True, "", {}, rungs), cases=pages)
    listed = [index.ids[n] for n in index.matching(CaseFilter(), None)]
    assert listed == [page.case.id for page in ordered(report)]
    assert listed != list(index.ids)


@pytest.mark.parametrize("groups", GROUPS)
def test_who_may_read_what_is_as_for_the_rows_of_answers(
    index: CaseIndex, verdict: tuple[Project, Published], groups: frozenset[str]
) -> None:
    project, run = verdict
    assert is_marked(run.text("html"))
    reference = VerdictAnswers(run, groups=groups, cases=lambda: judged_cases(load_dataset(project, judging=False)))
    readable = index.readable(groups)
    assert readable is not None
    for evaluation in reference.evaluations:
        row = index.rungs.index(evaluation.name)
        for outcome in evaluation.outcomes:
            number = index.number(outcome.case)
            assert readable.answers[row, number] <= reference.shows(evaluation.name, outcome), (
                evaluation.name,
                outcome.case,
            )
            assert readable.answers[row, number] == reference.shows(evaluation.name, outcome) or not readable.cases[number]


def by_hand(index: CaseIndex, asked: CaseFilter, page: CasePage) -> bool:
    """Whether a filter takes a case, told from its records."""
    marks = {rung: mark_of(page, rung, metric="correct") for rung in page.outcomes}
    names = {"right": "right", "partly": "partly right", "wrong": "wrong"}
    fits = [
        rung
        for rung, mark in marks.items()
        if asked.rung in ("", rung)
        and (not asked.outcome or mark == names[asked.outcome])
        and (not asked.layer or page.lost_in[rung] == asked.layer)
    ]
    own = {rung for rung, is_reference in zip(index.rungs, index.is_reference, strict=True) if not is_reference}
    apart = len({mark for rung, mark in marks.items() if rung in own}) > 1
    return bool(fits) and (not asked.differs or apart)


def test_filters_take_what_they_say(index: CaseIndex) -> None:
    pages = [index.page(number, Case(id, index.questions[number])) for number, id in enumerate(index.ids)]
    rungs, layers = ("", index.rungs[0], index.rungs[-1]), ("", index.layer_names[-1])
    outcomes = ("", *(name for name in OUTCOMES if name != "none"))
    sizes = set()
    for rung, outcome, layer, differs in product(rungs, outcomes, layers, ("", ANY)):
        asked = CaseFilter(rung, outcome, layer, differs)
        expected = {page.case.id for page in pages if by_hand(index, asked, page)}
        assert {index.ids[n] for n in index.matching(asked, None)} == expected, asked
        sizes.add(len(expected))
    assert len(sizes) > 2  # else the filters were not told apart


def test_words_are_found_in_question_accepted_answers_and_answers_that_may_be_read(index: CaseIndex) -> None:
    def ids(groups: frozenset[str] | None, **asked: str) -> set[str]:
        return {index.ids[n] for n in index.matching(CaseFilter(**asked), groups)}

    assert ids(None, text="EXPRESS ship") == {"s1"}
    assert "d1" in ids(None, text="forty percent")
    assert ids(frozenset(), text="forty percent") == set()
    assert "d1" in ids(frozenset({"staff"}), text="forty percent")
    assert {"d1"} <= ids(None, document="STAFF")
    assert ids(frozenset(), document="docs/staff") == set()
    assert ids(None, text="nowhere") == set()


def test_a_case_that_the_project_asks_no_more_is_known_by_the_rows_of_answers(measured: Path) -> None:
    cases = measured / "cases.jsonl"
    lines = [line for line in cases.read_text("utf-8").splitlines() if '"d1"' not in line]
    cases.write_text("\n".join(line.replace("Norway?", "Finland?") for line in lines) + "\n", "utf-8")
    index = read_index(load_project(measured), published(load_project(measured), "1"))
    for id, question in (("d1", "At what discount do staff buy everything?"), ("s2", "Do we ship to Norway?")):
        number = index.number(id)
        assert number is not None
        assert (index.questions[number], index.places[number]) == (question, "")
    assert "d1" not in {index.ids[n] for n in index.matching(CaseFilter(), frozenset())}


def test_what_is_cut_off_or_gone_is_told(measured: Path) -> None:
    project = load_project(measured)
    run = published(project, "1")
    path = run.folder / EVALUATIONS
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Damaged):
        read_index(project, run)
    lines = gzip.decompress(whole).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:-1])))
    with pytest.raises(Damaged, match="before its last answer"):
        read_index(project, run)
    head = json.loads(lines[0]) | {"format": 99}
    path.write_bytes(gzip.compress(json.dumps(head).encode() + b"\n"))
    with pytest.raises(UserError, match="update Rung"):
        read_index(project, run)
    shutil.rmtree(run.folder)
    with pytest.raises(UserError, match="no stored answers"):
        read_index(project, run)


def test_counts_are_of_the_cases_that_are_shown(index: CaseIndex) -> None:
    counts = index.counts(index.matching(CaseFilter(), None))
    assert np.all(counts.sum(axis=1) == len(index.ids))
