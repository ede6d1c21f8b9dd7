"""Each lost case goes to the one layer that lost it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from rung.records import Answer, Case, Citation, Evidence, Failure, Loss, Metric, Outcome, Passage, ToolCall
from rung.scoring import ScoringContext, score_run
from rung.verdict.failure_modes import REMEDIES, Corpus, diagnose, losses

CASE = Case("c", "When?", ("nine o'clock",), evidence=(Evidence("d", 0, 40),), groups=("staff",))
GOLD = Passage("d:0", "d", 0, 40, "The office opens at nine o'clock sharp.")
DECOY = Passage("e:0", "e", 0, 40, "The canteen closes at two.")
WRONG = {"correct": 0.0}


def outcome(
    text: str = "two", *, found: tuple[Passage, ...] = (), shown: tuple[Passage, ...] = (), cites: str = ""
) -> Outcome:
    """An answer with what was found, shown and cited."""
    citations = (Citation(1, cites, 0, 40),) if cites else ()
    return Outcome("c", Answer(text, text, citations=citations, retrieved=found, passages=shown))


def cut(*, found: tuple[Passage, ...] = (), shown: tuple[Passage, ...] = ()) -> Outcome:
    """An answer that its room ended."""
    return Outcome("c", Answer("Going by", "Going by", retrieved=found, passages=shown, truncated=True))


BOTH = (DECOY, GOLD)


@pytest.mark.parametrize(
    ("said", "scores", "loss"),
    [
        (Outcome("c", failure=Failure("timeout")), WRONG, "failed"),
        (outcome(), {"correct": 1.0, "leaks": 1.0}, "leaked"),
        (outcome(), {"correct": 0.5}, None),
        (outcome(), {}, None),  # not judged
        (outcome(found=BOTH), {**WRONG, "format": 0.0}, "wrong format"),
        (outcome(found=(DECOY,), shown=(DECOY,)), WRONG, "not retrieved"),
        (outcome(found=BOTH, shown=(DECOY,)), WRONG, "ranked too low"),
        (outcome(found=BOTH, shown=BOTH), WRONG, "retrieved but not used"),
        (outcome("it opens sharp at nine", found=BOTH, shown=BOTH), WRONG, "used but wrong"),
        (outcome(found=BOTH, shown=BOTH, cites="d"), WRONG, "used but wrong"),
        (outcome("it opens sharp at nine", found=BOTH, shown=BOTH, cites="e"), WRONG, "retrieved but not used"),
        (outcome(found=BOTH, shown=BOTH), {**WRONG, "false_refusal": 1.0}, "refused wrongly"),
        (outcome(found=(DECOY,), shown=(DECOY,)), {**WRONG, "false_refusal": 1.0}, "not retrieved"),
        (outcome(shown=(GOLD,), cites="d"), WRONG, "used but wrong"),  # the oracle shows without a search
        (outcome(shown=(DECOY,)), WRONG, "not retrieved"),
        (outcome(), WRONG, "wrong"),
        (cut(), WRONG, "cut off"),
        (cut(found=BOTH, shown=BOTH), WRONG, "cut off"),
        (cut(found=BOTH, shown=BOTH), {**WRONG, "format": 0.0}, "cut off"),
        (cut(found=(DECOY,), shown=(DECOY,)), WRONG, "not retrieved"),
        (cut(found=BOTH, shown=BOTH), {**WRONG, "false_refusal": 1.0}, "refused wrongly"),
        (cut(), {"correct": 1.0}, None),
        (outcome(), {**WRONG, "false_refusal": 1.0}, "wrong"),  # shown nothing: a gap in knowledge, and no wrong refusal
    ],
)
def test_one_layer_for_each_lost_case(said: Outcome, scores: Mapping[str, float], loss: Loss | None) -> None:
    assert diagnose(CASE, said, scores) == loss


def test_an_empty_ranking_is_a_miss_of_a_rung_that_searches() -> None:
    assert diagnose(CASE, outcome(), WRONG, retrieves=True) == "not retrieved"


def test_an_answer_where_there_is_none() -> None:
    assert diagnose(Case("c", "Why?", answerable=False), outcome(found=BOTH, shown=BOTH), WRONG) == "should have refused"


def test_without_gold_nobody_can_blame_the_search() -> None:
    assert diagnose(Case("c", "When?", ("nine",)), outcome(found=(DECOY,), shown=(DECOY,)), WRONG) == "wrong"


def test_half_of_a_scattered_answer_is_not_enough() -> None:
    scattered = Case("c", "?", ("x",), gold_documents=("d", "f"))
    assert diagnose(scattered, outcome(found=BOTH, shown=BOTH), WRONG) == "not retrieved"


def test_every_loss_has_a_remedy() -> None:
    assert set(REMEDIES) == set(get_args(Loss))


def test_losses_of_a_run_from_its_scorecard() -> None:
    cases = [Case(str(i), "When?", ("nine o'clock",), evidence=CASE.evidence) for i in range(4)]
    cases.append(Case("4", "Why?", answerable=False))
    said = [
        outcome("nine o'clock", found=BOTH, shown=BOTH),
        outcome("I don't know.", found=BOTH, shown=BOTH),
        outcome("two", found=(), shown=()),
        Outcome("c", failure=Failure("x")),
        outcome("two", found=BOTH, shown=BOTH),
    ]
    run = [Outcome(case.id, o.answer, o.failure) for case, o in zip(cases, said, strict=True)]
    counts, each = losses(cases, run, score_run(cases, run, scoring_context=ScoringContext("f1")).values)
    assert each == [None, "refused wrongly", "not retrieved", "failed", "should have refused"]
    assert counts == {"failed": 1, "should have refused": 1, "not retrieved": 1, "refused wrongly": 1}
    assert list(counts) == ["failed", "should have refused", "not retrieved", "refused wrongly"]


HELD = Corpus(groups={"d": (), "e": ()}, passages={"d": ((0, 40), (40, 90))})


@pytest.mark.parametrize(
    ("corpus", "case", "loss"),
    [
        (HELD, CASE, "not retrieved"),
        (replace(HELD, missing={"c": ("gone.md",)}), CASE, "not in the corpus"),
        (replace(HELD, missing={"c": ("gone.md",)}, unread=("other.md", "docs/gone.md")), CASE, "not read"),
        (replace(HELD, missing={"c": ("mail.zip!a.txt",)}, unread=("mail.zip",)), CASE, "not read"),
        (replace(HELD, lacking=frozenset({"c"})), Case("c", "When?", ("nine",)), "not in the corpus"),
        (replace(HELD, groups={"d": ("board",), "e": ()}), CASE, "forbidden"),
        (replace(HELD, groups={"d": ("board", "staff")}), CASE, "not retrieved"),
        (replace(HELD, groups={"d": ("board",)}), replace(CASE, groups=None), "not retrieved"),  # the owner reads everything
    ],
)
def test_what_the_corpus_loses_is_not_the_searchs_fault(corpus: Corpus, case: Case, loss: Loss) -> None:
    assert diagnose(case, outcome(found=(DECOY,), shown=(DECOY,)), WRONG, corpus=corpus) == loss
    refused = {**WRONG, "false_refusal": 1.0, "format": 0.0}  # a refusal in words where JSON was asked for
    assert diagnose(case, outcome(found=(DECOY,), shown=(DECOY,)), refused, corpus=corpus) == loss
    assert diagnose(case, outcome(), WRONG, corpus=corpus) == "wrong"  # a rung that reads nothing lost it itself


def test_a_span_that_stands_whole_nowhere_was_cut() -> None:
    halves = Corpus(groups={"d": ()}, passages={"d": ((0, 20), (20, 60))})
    first, second = Passage("d:0", "d", 0, 20, "The office opens at "), Passage("d:20", "d", 20, 60, "nine o'clock sharp.")
    found = (DECOY, first, second)
    assert diagnose(CASE, outcome(found=found, shown=(DECOY, first)), WRONG, corpus=halves) == "cut by chunking"
    assert diagnose(CASE, outcome(found=found, shown=(DECOY,)), WRONG, corpus=halves) == "cut by chunking"
    assert diagnose(CASE, outcome(found=(DECOY,), shown=(DECOY,)), WRONG, corpus=halves) == "not retrieved"
    assert diagnose(CASE, outcome(found=found, shown=found), WRONG, corpus=halves) == "retrieved but not used"


def test_a_right_answer_may_be_lost_by_its_style() -> None:
    assert diagnose(CASE, outcome(), {"correct": 1.0}, style=[0.9, 0.2]) == "wrong style"
    assert diagnose(CASE, outcome(), {"correct": 1.0}, style=[0.5]) is None
    shouting = Metric("shouting", "style", "answers that shout", better="lower")
    named_so = Metric("style_guide", "format", "answers that name the guide")
    for metric, value, lost in ((shouting, 0.0, None), (shouting, 1.0, "wrong style"), (named_so, 0.0, None)):
        columns = {"correct": np.array([1.0]), metric.name: np.array([value])}
        assert losses([CASE], [outcome()], columns, metrics=[metric])[1] == [lost], metric.name


def test_a_tool_that_was_called_in_vain_lost_the_case_and_no_search_did() -> None:
    gone = Corpus(missing={CASE.id: ("docs/gone.md",)})
    failed, fine = ToolCall("price", failed=True), ToolCall("price", value="9")
    for calls, lost in (
        ((failed,), "tool failed"),
        ((failed, fine), "wrong"),
        ((fine, failed), "tool failed"),
        ((fine,), "wrong"),
    ):
        called = replace(outcome(), answer=Answer("eight", calls=calls))
        assert diagnose(CASE, called, {"correct": 0.0}, retrieves=True, corpus=gone) == lost
    assert (
        diagnose(CASE, replace(outcome(), answer=Answer("8")), {"correct": 0.0}, retrieves=True, corpus=gone)
        == "not in the corpus"
    )


def test_a_call_that_is_not_the_one_the_case_names_has_a_layer_of_its_own() -> None:
    case = replace(CASE, calls=(ToolCall("price", '{"product": "tent"}'),))
    priced = replace(outcome(), answer=Answer("eight", calls=(ToolCall("price", '{"product": "boat"}'),)))
    plain, right = outcome(), {"correct": 0.0, "tool_choice": 1.0, "tool_arguments": 1.0}
    for scores, lost in (
        ({"tool_choice": 0.0, "tool_arguments": 0.0}, "wrong tool call"),
        ({"tool_arguments": 0.5}, "wrong tool call"),
        ({}, "wrong"),  # the right call, and still wrong
    ):
        assert diagnose(case, priced, {**right, **scores}) == lost
    missed = {**right, "tool_choice": 0.0}
    assert diagnose(case, plain, missed) == "wrong"  # a rung that calls nothing has made no wrong call
    assert diagnose(case, plain, missed, calls=True) == "wrong tool call"
    assert diagnose(case, priced, {**missed, "correct": 1.0}) is None  # right is right, however it got there
    broken = replace(priced, answer=Answer("eight", calls=(ToolCall("price", failed=True),)))
    assert diagnose(case, broken, missed) == "tool failed"


def test_whether_a_rung_calls_tools_is_told_from_all_its_answers() -> None:
    case = replace(CASE, calls=(ToolCall("price"),))
    called = replace(outcome(), answer=Answer("eight", calls=(ToolCall("price"),)))
    columns = {"correct": np.array([0.0, 0.0]), "tool_choice": np.array([1.0, 0.0])}
    assert losses([case, case], [called, outcome()], columns)[1] == ["wrong", "wrong tool call"]
    assert losses([case, case], [outcome(), outcome()], columns)[1] == ["wrong", "wrong"]
