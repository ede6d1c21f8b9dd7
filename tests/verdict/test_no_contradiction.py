"""No sentence contradicts its numbers: many boards drawn at random, and every claim that is made of them checked again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from rung.records import Evaluation, Lost, Verdict, kind_of, rung_of
from rung.report.changes import Record, change_lines, changes
from rung.report.headline import how_sure
from rung.report.html.page import Basis, Report, report_html
from rung.report.markdown import report_md
from rung.report.table import columns, table
from rung.scoring import metrics
from rung.verdict.bar import MAIN, Bar
from rung.verdict.constant import Constant
from rung.verdict.costs import Demand
from rung.verdict.decide import decide
from rung.verdict.gaps import FLOOR, SURELY_BELOW
from rung.verdict.headroom import won_back
from rung.verdict.judging import DecisionContext
from rung.verdict.remedies import NOTHING_TO_WIN, remedy
from rung.verdict.sensitivity import Economy, flips
from tests.verdict.weighing import Floats, rung

BOARDS = 60
NAMES = ("prompt", "few_shot", "rag", "rag[passages=1]", "hybrid")


@dataclass(frozen=True)
class Board:
    """What is decided upon, and the verdict. `correct`: by rung, case by case."""

    weighed: list[Evaluation]
    bar: Bar
    constant: Constant
    verdict: Verdict

    @property
    def correct(self) -> dict[str, Floats]:
        return {w.result.name: w.values[MAIN] for w in self.weighed}

    def mean(self, name: str) -> float:
        return float(np.nanmean(self.correct[name]))

    def apart(self, one: str, other: str) -> float:
        """Mean of one less other over the cases that both have."""
        return float(np.nanmean(self.correct[one] - self.correct[other]))


def drawn(seed: int) -> Board:
    """A board: from a handful of cases to a hundred, rungs alike or far apart, sometimes all near 0."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([3, 8, 25, 60, 120]))
    ease = rng.random(n)  # hard cases are hard for everybody
    top = float(rng.choice([0.05, 0.4, 1.0]))

    def column(skill: float) -> Floats:
        right = (ease * 0.5 + rng.random(n) * 0.5 < skill).astype(float)
        partial = np.where(rng.random(n) < 0.15, rng.random(n), 1.0)
        unanswered = rng.random(n) < float(rng.choice([0, 0, 0.3]))
        return np.where(unanswered, np.nan, right * partial)

    some = [name for name in NAMES if rng.random() < 0.8] or ["prompt"]
    weighed = [rung(name, column(top * rng.random()), order=place) for place, name in enumerate(some)]
    weighed.append(rung("closed_book", column(top * rng.random() * 0.6), order=8))
    if rng.random() < 0.85:
        held = rng.choice([0.0, 0.5, 1.0, np.nan], n, p=[0.1, 0.1, 0.7, 0.1] if rng.random() < 0.8 else [0.6, 0.1, 0.2, 0.1])
        oracle = rung("oracle", column(top * rng.random()), order=9)
        weighed.append(replace(oracle, held=held if rng.random() < 0.9 else None))
    weighed = [w for w in weighed if not np.isnan(w.values[MAIN]).all()]
    bar = Bar(None if rng.random() < 0.3 else float(rng.random()))
    constant = Constant("that it is not known", (rng.random(n) < rng.random()).astype(float))
    return Board(weighed, bar, constant, decide(weighed, bar=bar, context=DecisionContext(constant=constant)))


@pytest.fixture(scope="module")
def boards() -> list[Board]:
    return [drawn(seed) for seed in range(BOARDS)]


def report(board: Board) -> Report:
    bar = {} if board.bar.correct is None else {"correct": board.bar.correct}
    return Report("p", "t", "", board.verdict, bar, Basis(4), metrics=metrics())


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.replace("\u202f", " ")).split())


def sentences(board: Board) -> Iterator[str]:
    verdict = board.verdict
    yield verdict.reason
    yield from map(str, verdict.rejected.values())
    yield from verdict.warnings
    yield from verdict.doubts.values()


@pytest.mark.slow
def test_every_number_lies_within_its_interval(boards: list[Board]) -> None:
    seen = 0
    for board in boards:
        for text in sentences(board):
            for mean, low, high in re.findall(r"(-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\]", text):
                assert float(low) - 0.0051 <= float(mean) <= float(high) + 0.0051, text
                seen += 1
    assert seen > 100


def test_better_and_worse_are_what_the_scores_say(boards: list[Board]) -> None:
    seen = set()
    for board in boards:
        verdict = board.verdict
        for name, why in ((name, str(reason)) for name, reason in verdict.rejected.items()):
            if found := re.search(r"is (not )?significantly (better|worse|different)(?: \(by (-?[\d.]+))?", why):
                assert verdict.winner is not None
                by = board.apart(name, verdict.winner)
                assert {"better": by > 0, "worse": by < 0, "different": abs(by) < 1e-9}[found[2]], why
                assert float(found[3]) >= 0
                seen.add((bool(found[1]), found[2]))
            if found := re.match(r"worse: below the best, (.+), by ([\d.]+)", why):
                assert board.apart(found[1], name) == pytest.approx(float(found[2]), abs=0.006)
                assert float(found[2]) > 0
                seen.add((False, "below"))
            if found := re.match(r"(misses|not shown to clear) the bar.* with probability (less than )?(0\.\d\d)", why):
                told, line = float(found[3]), next(r for r in verdict.rungs if r.name == name)
                chance = line.probability_alone if found[1] == "misses" else line.probability
                assert chance is not None
                assert line.probability_alone is not None
                assert abs(told - chance) <= 0.0051 or (found[2] and chance < told)
                assert (line.probability_alone < board.bar.risk) == (found[1] == "misses")
    assert len(seen) >= 4, seen


def test_the_reason_is_true(boards: list[Board]) -> None:
    kinds = set()
    for board in boards:
        verdict, bar = board.verdict, board.bar.correct
        reason, winner = verdict.reason, verdict.winner
        may = [n for n in board.correct if n not in ("closed_book", "oracle") and n == winner] + [
            name for name, why in verdict.rejected.items() if why.kind in ("misses", "not_shown", "worse", "not_needed")
        ]
        chances = {r.name: r.probability or 0.0 for r in verdict.rungs}
        if found := re.search(r"clears the bar with probability (more than )?([\d.]+) \(0.80 is asked\)", reason):
            kinds.add("clears")
            assert verdict.code == "clears"
            assert winner is not None
            assert chances[winner] >= 0.8 - 1e-9
            assert abs(float(found[2]) - chances[winner]) <= 0.0051 or (found[1] and chances[winner] > 0.99)
        if "No rung is shown to clear the bar" in reason:
            kinds.add("misses")
            assert bar is not None
            assert all(chances[name] < 0.8 for name in may)
        if winner is not None and f"{winner} is the best" in reason:
            kinds.add("best")
            assert board.mean(winner) == pytest.approx(max(board.mean(name) for name in may))
            if "every lower rung" in reason:
                order = {w.result.name: w.result.order for w in board.weighed}
                lower = [name for name in may if order[name] < order[winner] and rung_of(name) != rung_of(winner)]
                assert lower
                assert all(verdict.rejected[name].kind == "worse" for name in lower)
        if found := re.search(
            r"not shown to be worse than the best, .* against .* for (\S+), a difference of (-?[\d.]+)",
            reason,
        ):
            kinds.add("tie")
            assert float(found[2]) <= 0.0051 or board.apart(winner or "", found[1].rstrip(",")) > 0
        if reason.startswith("This model does not read"):
            kinds.add("floor")
            held = next(w.held for w in board.weighed if w.result.name == "oracle")
            assert float(np.nanmean(board.correct["oracle"][held == 1])) < FLOOR < SURELY_BELOW
            assert not verdict.clears_bar or bar is not None
    assert kinds == {"clears", "misses", "best", "tie", "floor"}


THERE = ("the model lacks facts", "the search loses part", "so much is wrong")
ABSENT = ("the model does as well without", "the search loses nothing", "the model does what is asked")
CURES = ("Closed by giving it documents", "Closed by better search", "Closed by teaching it")


@pytest.mark.slow
def test_a_gap_is_claimed_where_it_is_measured_and_nowhere_else(boards: list[Board]) -> None:
    seen = set()
    for board in boards:
        verdict = board.verdict
        page = plain(report_html(report(board)))
        told = {
            "table": " ".join(" ".join(table(verdict)).split()),
            "md": report_md(report(board)).replace("\\", ""),
            "html": page,
        }
        for place, name in enumerate(("knowledge", "retrieval", "behaviour")):
            gap, doubt = verdict.gaps[name], verdict.doubts.get(name)
            there = gap.low is not None and gap.low > 0 and doubt is None
            absent = gap.low is not None and gap.high is not None and gap.low <= 0 <= gap.high <= 0.05 and doubt is None
            for form, text in told.items():
                assert (THERE[place] in text) == there, (form, name, gap, doubt)
                assert (ABSENT[place] in text) <= (absent or name == "behaviour"), (form, name, gap, doubt)
                assert doubt is None or doubt in text
            assert (CURES[place] in page) == there
            seen |= {("there", name)} if there else {("absent", name)} if absent else {("doubt", name)} if doubt else set()
    assert {("there", name) for name in ("knowledge", "retrieval", "behaviour")} <= seen
    assert {("doubt", name) for name in ("knowledge", "retrieval", "behaviour")} <= seen


def test_a_negative_gap_is_never_advised_upon(boards: list[Board]) -> None:
    negative = 0
    for board in boards:
        retrieval = board.verdict.gaps["retrieval"]
        if retrieval.high is not None and retrieval.high < 0:
            negative += 1
            assert "retrieval" in board.verdict.doubts
            assert "behaviour" in board.verdict.doubts
            assert not any("no search will close that" in warning for warning in board.verdict.warnings)
    assert negative > 0


def test_the_habit_is_better_where_it_is_said_to_be(boards: list[Board]) -> None:
    seen = set()
    for board in boards:
        for warning in board.verdict.warnings:
            found = re.match(r"Saying .* would get ([\d.]+): (.+), at ([\d.]+).*, (is [a-z ]+)\. Look", warning)
            if found is None:
                continue
            by = float(np.nanmean(board.correct[found[2]] - board.constant.values))
            assert {"is significantly worse": by < 0, "is not better": by < 0}.get(found[4], by >= 0), warning
            seen.add(found[4])
    assert seen == {"is significantly worse", "is not better", "is not significantly better"}


@pytest.mark.slow
def test_what_would_change_the_choice_would(boards: list[Board]) -> None:
    checked = 0
    for board in boards[:50]:
        if board.bar.correct is None:
            continue
        last = board.verdict.winner or ""
        for flip in flips(board.weighed, bar=board.bar, economy=Economy({}, demand=Demand()), incumbent=last):
            beyond, after_it = Bar(flip.value + (1e-4 if flip.upwards else 0.0)), DecisionContext(incumbent=last)
            other = decide(board.weighed, bar=beyond, context=after_it)
            assert other.winner == flip.winner
            assert other.winner != board.verdict.winner
            checked += 1
    assert checked > 10


def test_how_sure_says_what_the_interval_says(boards: list[Board]) -> None:
    for board in boards:
        verdict, bar = board.verdict, board.bar.correct
        winner = next((r for r in verdict.rungs if r.name == verdict.winner), None)
        if winner is None:
            continue
        text, e = " ".join(how_sure(report(board), winner)), winner.scores[MAIN]
        if bar is not None and e.low is not None and e.high is not None:
            assert ("the low end of that range clears" in text) == (e.low >= bar)
            assert ("the high end of that range misses" in text) == (e.high < bar)
        for by, side, other in re.findall(r"it is ([\d.]+) points (above|below) (\S+)[ .]", text):
            apart = board.apart(winner.name, other)
            assert apart * 100 == pytest.approx(float(by) * (1 if side == "above" else -1), abs=0.51)


def test_a_remedy_is_named_only_where_it_wins_something(boards: list[Board]) -> None:
    layers = ("not retrieved", "ranked too low", "retrieved but not used", "wrong format", None)
    for seed, board in enumerate(boards):
        rng = np.random.default_rng(seed)
        for name, column in board.correct.items():
            lost = [str(rng.choice(layers[:-1])) if value < 0.5 else None for value in column]
            for one in won_back(lost, column, oracle=board.correct.get("oracle")):  # type: ignore[arg-type]
                assert isinstance(one, Lost)
                gains = (one.wins_back.mean or 0.0) > 0
                assert (remedy(one) != NOTHING_TO_WIN) == (gains or one.at_most), name


@pytest.mark.slow
def test_two_comparisons_are_told_apart_by_their_numbers(boards: list[Board]) -> None:
    for board in boards[:30]:
        names = list(board.correct)
        cases = tuple(str(n) for n in range(len(board.correct[names[0]])))
        known = {n: tuple(None if np.isnan(v) else float(v) for v in board.correct[n]) for n in names}
        turned = dict(zip(names, [known[names[-1]], *list(known.values())[:-1]], strict=True))
        told = changes(Record("one", cases, known), Record("two", cases, turned))
        for change in told.rungs:
            if change.difference is not None and change.difference.estimate.mean is not None:
                mean = change.difference.estimate.mean
                assert {"better": mean > 0, "worse": mean < 0}.get(change.how, change.difference.p >= 0.05 or mean == 0)
        assert all(columns(line) <= 80 for line in change_lines(told))


def test_what_is_said_of_two_rungs_that_do_equally_well_agrees() -> None:
    """A newcomer read "does as well, with probability 0.96" beside "-24 to +24: too little to tell the two apart"."""
    column = np.array([1.0] * 48 + [0.0] * 12)
    clusters = tuple(np.repeat(np.arange(12), 5).tolist())
    weighed = [replace(rung(name, column, order=place), clusters=clusters) for place, name in enumerate(("prompt", "rag"))]
    verdict = decide(weighed, bar=Bar(0.5))
    board = Board(weighed, Bar(0.5), Constant("", column), verdict)
    text = " ".join(how_sure(report(board), verdict.rungs[0]))
    assert verdict.winner == "prompt"
    assert (
        "On the same cases it does exactly as well as rag; on others either may do better, by 4.6 points at most "
        "(95 % confidence)." in text
    )
    assert "too little to tell" not in text
    assert "by 0.00 [-0.05, 0.05]" in verdict.why_not("rag")


def test_who_is_shown_to_be_worse_is_not_said_to_be_too_near_to_tell(boards: list[Board]) -> None:
    """The choice takes a larger risk than an interval of 95 % has; both are said, and neither denies the other."""
    worse = np.array([1.0] * 20 + [0.0] * 10)
    better = np.where(np.isin(np.arange(30), [20, 21]), 1.0, worse)
    weighed = [rung("prompt", worse, order=0), rung("rag", better, order=1)]
    verdict = decide(weighed, bar=Bar())
    text = " ".join(how_sure(report(Board(weighed, Bar(), Constant("", worse), verdict)), verdict.rungs[1]))
    assert verdict.why_not("prompt").startswith("worse: below the best")
    assert "likely a real difference (at a risk of 20%), not surely" in text or "one-sided p" in text
    cut = [rung("prompt", worse, order=0, cut=6), weighed[1]]
    verdict = decide(cut, bar=Bar())
    assert verdict.why_not("prompt").startswith("cut off: 6 of 30 answers")  # stands before the other reason
    again = " ".join(how_sure(report(Board(cut, Bar(), Constant("", worse), verdict)), verdict.rungs[1]))
    assert "too little to tell" not in again
    for board in boards:
        winner = next((r for r in board.verdict.rungs if r.name == board.verdict.winner), None)
        if winner is not None:
            text = " ".join(how_sure(report(board), winner))
            for other in re.findall(r"(?:above|below) (\S+) \([^)]*\): too little to tell", text):
                assert kind_of(board.verdict.rejected.get(other)) != "worse"
