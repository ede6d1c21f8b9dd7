"""Do Markdown, JUnit and the ragas rows say what the page says, and nothing that their readers choke on?"""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

from rung.records import Answer, Bill, Case, Coverage, Estimate, Latency, Message, Outcome, Passage, RungResult, Verdict
from rung.report.contents import CasePage, Report
from rung.report.headline import how_sure
from rung.report.html.page import report_html
from rung.report.junit import junit_xml
from rung.report.markdown import report_md
from rung.report.ragas import case_columns, ragas_jsonl
from rung.report.summary import costs, covered
from rung.report.table import verdict_lines
from tests.report.report_sample import RUNGS, sample


def test_markdown_begins_with_what_a_manager_asks() -> None:
    text = report_md(sample())
    places = [text.index(f"**{head}.**") for head in ("What", "Why", "How sure", "What it costs")]
    assert places == sorted(places)
    assert places[-1] < text.index("## All rungs")
    for name in RUNGS:
        assert name.replace("_", "\\_") in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for line in rows:  # every row of a table has as many cells as its head
        assert line.replace("\\|", "").count("|") > 2


def test_markdown_and_page_escape_what_comes_from_the_records() -> None:
    odd = replace(sample(), project="a|b <script>", task="*x*\n# y")
    text = report_md(odd)
    assert "<script>" not in text
    assert "a\\|b" in text
    assert "\n# y" not in text


def test_junit_has_a_test_for_each_line_of_the_bar_and_fails_where_it_is_missed() -> None:
    report = sample()
    suites = ElementTree.fromstring(junit_xml(report))
    bar = {case.get("name"): case for case in suites.findall("testsuite[@name='bar']/testcase")}
    assert set(report.bar) <= set(bar)
    assert all(case.find("failure") is None for case in bar.values()) == report.verdict.clears_bar
    unsure = tuple(replace(r, probability=0.5, probability_alone=0.5) for r in report.verdict.rungs)
    verdict = replace(report.verdict, rungs=unsure, clears_bar=False, probability=0.5)
    missed = replace(report, verdict=verdict, bar={"correct": 0.7, "json_field_f1": 0.5})
    suite = ElementTree.fromstring(junit_xml(missed)).find("testsuite[@name='bar']")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    partial = replace(report, verdict=replace(report.verdict, coverage=Coverage(5, 10, 0.0, "the money is spent")))
    assert "the comparison is complete" in junit_xml(partial)
    nothing = replace(report, verdict=replace(report.verdict, winner=None, reason="bad \x00 sign"))
    assert ElementTree.fromstring(junit_xml(nothing)).find("testsuite/testcase/failure") is not None


def test_of_a_comparison_that_was_cut_short_no_heading_says_that_the_bar_is_cleared() -> None:
    whole = sample()
    assert whole.verdict.clears_bar
    partial = replace(whole, verdict=replace(whole.verdict, coverage=Coverage(5, 10, 0.0, "the money is spent")))
    page, text, lines = report_html(partial), report_md(partial), " ".join(verdict_lines(partial.verdict))
    assert "Nothing is shown to clear the bar. The choice so far: " in page
    assert "✓ Clears the bar" not in page
    assert "? Not shown to clear the bar" in page
    assert "nothing is shown to clear the bar; the choice so far: " in text.partition("\n")[0]
    assert "(partial: not shown to clear the bar, probability " in lines
    without = replace(partial, verdict=replace(partial.verdict, probability=None))
    assert "The comparison was cut short. The choice so far: " in report_html(without)


def test_ragas_rows_have_its_columns_and_no_failed_answer() -> None:
    report = sample()
    rows = [json.loads(line) for line in ragas_jsonl(report).splitlines()]
    answers = [o for page in report.cases for o in page.outcomes.values() if o.answer is not None]
    assert len(rows) == len(answers)
    for row in rows:
        assert set(row) >= {
            *("user_input", "response", "retrieved_contexts", "retrieved_context_ids", "reference", "references"),
            *("rung", "case", "correct", "question"),
        }
        assert len(row["retrieved_context_ids"]) == len(row["retrieved_contexts"])
        assert isinstance(row["retrieved_contexts"], list)
    assert any(row["retrieved_contexts"] for row in rows if row["rung"] == "rag")
    assert not any(row["retrieved_contexts"] for row in rows if row["rung"] == "prompt")


def test_ragas_rows_carry_gold_all_answers_and_earlier_turns() -> None:
    turns = (Message("user", "Do you ship?"), Message("assistant", "Yes, to Norway."))
    case = Case("c", "How fast?", ("one day", "24 hours"), gold_documents=("shipping",), messages=turns)
    gold = Passage("shipping#1", "shipping", 0, 9, "One day.")
    answers = {
        "rag": Outcome("c", Answer("In a day.", passages=(replace(gold, id="x#1", document="x", text="No."),))),
        "oracle": Outcome("c", Answer("One day.", passages=(gold,))),
    }
    report = sample()
    rungs = tuple(r for r in report.verdict.rungs if r.name in answers)
    one = replace(report, cases=(CasePage(case, answers),), verdict=replace(report.verdict, rungs=rungs))
    row = next(r for line in ragas_jsonl(one).splitlines() if (r := json.loads(line))["rung"] == "rag")
    assert row["user_input"] == "Human: Do you ship?\nAI: Yes, to Norway.\nHuman: How fast?"
    assert row["turns"][1:] == [
        {"type": "ai", "content": "Yes, to Norway."},
        {"type": "human", "content": "How fast?"},
    ]
    assert (row["reference"], row["references"]) == ("one day", ["one day", "24 hours"])
    assert (row["reference_contexts"], row["reference_context_ids"]) == (["One day."], ["shipping#1"])
    assert row["retrieved_contexts"] == ["No."]
    ungrounded = replace(one, cases=(CasePage(replace(case, gold_documents=(), messages=()), answers),))
    assert all("reference_contexts" not in json.loads(line) for line in ragas_jsonl(ungrounded).splitlines())
    for_staff = Outcome("c", Answer("x", passages=(replace(gold, groups=("staff",)),)))
    secret = replace(one, cases=(CasePage(case, {**answers, "oracle": for_staff}),))
    assert all(json.loads(line)["groups"] == [["staff"]] for line in ragas_jsonl(secret).splitlines())


def test_the_page_says_what_it_costs_and_what_the_race_left_out() -> None:
    report = sample()
    raced = replace(report, verdict=replace(report.verdict, coverage=Coverage(100, 480, 0.05)))
    page = report_html(raced)
    assert "What does it cost?" in page
    assert "100 of 480 possible answers were made" in page
    assert "at most 5%" in page
    assert "possible answer" not in report_html(report)


def test_a_case_that_nobody_answered_names_its_gold_documents_to_ragas() -> None:
    case = Case("a", "How long?", ("One day",), gold_documents=("docs/express.md",))
    assert case_columns(case)["reference_context_ids"] == ["docs/express.md"]
    assert "reference_context_ids" not in case_columns(case, ["One day"])
    assert "reference_context_ids" not in case_columns(Case("a", "How long?", ("One day",)))


def test_after_other_scores_or_another_bar_no_chance_is_promised() -> None:
    """The race's chance of an error is by the bar of then."""
    report = sample()
    coverage = Coverage(100, 480, 0.05, rescored="Scored again from the answers of verdict 1.")
    said = covered(replace(report, verdict=replace(report.verdict, coverage=coverage)))
    assert "The chance" not in said
    assert "By those of now one of them might" in said


def test_a_price_that_is_unknown_says_why_as_far_as_that_is_known() -> None:
    timed = Latency(500, 900, 20, times=(500.0,) * 20)
    known, unknown = (Bill({}, {}, usd) for usd in (0.0, None))
    line = RungResult("prompt", {}, "measured", latency=timed, bill=known)
    (hosted, times) = costs(line)
    assert hosted == "The price of an answer is unknown: its server is paid by the hour, and the traffic is not stated."
    assert times == "Of 20 answers that were timed one at a time, half took at most 500\u202fms, 95 % at most 900\u202fms."
    assert costs(replace(line, bill=unknown))[0].endswith("no price of its tokens is known, nor one of the machine's hour.")
    untimed = costs(replace(line, bill=unknown, latency=None))
    assert untimed == [
        "The price of an answer is unknown: no price of its tokens is known, and what it takes of a machine's hour was not "
        "timed."
    ]


def test_how_sure_a_choice_is_that_a_budget_made_is_said_of_these_cases() -> None:
    score = {"correct": Estimate(0.8, 0.5, 0.95, 20)}
    line = RungResult("prompt", {}, "measured", scores=score, answered=20)
    said = {
        cases: how_sure(Report("p", "", "", Verdict("prompt", True, "", {}, (line,), cases=cases)), line)[0]
        for cases in (20, 50)
    }
    assert "on other cases of the same kind" in said[20]
    assert "on other cases" not in said[50]
    assert "It has not answered the others yet: over all of them" in said[50]
