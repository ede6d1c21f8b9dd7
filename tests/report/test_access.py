"""Is restricted text in a report announced, and is it left out for those who may not read it?"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rung.records import Answer, Case, Outcome, Passage, Usage
from rung.report.access import COLUMN, groups_in, is_marked, needs_of, page_for, rows_for
from rung.report.html.page import CasePage, Report, report_html
from rung.report.ragas import ragas_jsonl
from rung.text.support import doubted
from tests.report.report_sample import sample

STAFF, BOARD = ("hr", "staff"), ("board-->",)


def closed(passages: tuple[Passage, ...]) -> tuple[Passage, ...]:
    return tuple(replace(p, groups=STAFF) if p.document == "returns.md" else p for p in passages)


def restricted() -> Report:
    """The sample; what was found in returns.md is for staff, and one document is for the board."""
    report = sample(cases=8)
    pages = []
    for page in report.cases:
        outcomes = {
            name: replace(o, answer=replace(o.answer, passages=closed(o.answer.passages))) if o.answer else o
            for name, o in page.outcomes.items()
        }
        pages.append(replace(page, outcomes=outcomes))
    return replace(report, cases=tuple(pages), restricted={"returns.md": STAFF, "guarantee.md": BOARD})


def passages(report: Report) -> set[Passage]:
    return {p for page in report.cases for o in page.outcomes.values() if o.answer for p in o.answer.passages}


def test_restricted_text_is_announced_and_left_out() -> None:
    report = restricted()
    page = report_html(report)
    assert groups_in(page) == ("board-->", "hr", "staff")
    assert "This page shows text that is only for board--&gt;, hr, staff (in" in page
    secret = {p.text for p in passages(report) if p.groups}
    assert secret
    assert all(text in page for text in secret)

    open_page = page_for(page, frozenset())
    assert not any(text in open_page for text in secret)
    assert groups_in(open_page) == ()
    hidden = [case for case in report.cases if needs_of(case, report.restricted)]
    shown = [case for case in report.cases if not needs_of(case, report.restricted)]
    assert hidden
    assert f"Left out below, for documents that are not for askers without a group: {len(hidden)} case" in open_page
    assert open_page.count('class="case"') == len(shown)

    for_staff = page_for(page, frozenset({"staff"}))
    only_board = [case for case in hidden if ("board-->",) in needs_of(case, report.restricted)]
    assert for_staff.count('class="case"') == len(report.cases) - len(only_board)
    everything = page_for(page, frozenset({"hr", "board-->"}))
    assert everything.count('class="case"') == len(report.cases)
    assert "Left out below" not in everything

    rows = ragas_jsonl(report)
    left = {json.loads(line)["case"] for line in rows_for(rows, frozenset()).splitlines()}
    assert left <= {case.case.id for case in shown}


def test_a_case_of_open_documents_stays_where_one_rung_was_shown_restricted_ones() -> None:
    report = replace(sample(cases=8), restricted={"secret.md": STAFF})
    pages, secret = [], Passage("s#0", "secret.md", 0, 14, "the staff text", groups=STAFF)
    for page in report.cases:
        outcomes = dict(page.outcomes)
        rung = next(name for name, o in outcomes.items() if o.answer and name != "closed_book")
        answer = outcomes[rung].answer
        assert answer is not None
        spoilt = replace(answer, text="said of the staff text", passages=(*answer.passages, secret))
        outcomes[rung] = replace(outcomes[rung], answer=spoilt)
        pages.append(replace(page, case=replace(page.case, gold_documents=("returns.md",), evidence=()), outcomes=outcomes))
    html = report_html(replace(report, cases=tuple(pages)))
    assert groups_in(html) == STAFF
    assert "said of the staff text" in html
    left = page_for(html, frozenset())
    assert left.count('class="case"') == len(pages)
    assert "the staff text" not in left
    assert left.count("left out, since it was made of documents that are not for everybody") == len(pages)
    assert f"askers without a group: {len(pages)} answers." in left


def test_a_report_for_everybody_announces_nothing() -> None:
    page = report_html(sample(cases=4))
    assert groups_in(page) == ()
    assert "only for" not in page
    assert page_for(page, frozenset()).count('class="case"') == 4


def test_what_a_case_touches() -> None:
    plain = Case("c", "q", ("a",))
    assert needs_of(CasePage(plain, {}), {}) == ()
    assert needs_of(CasePage(replace(plain, gold_documents=("x",)), {}), {"x": ("b", "a")}) == (("a", "b"),)
    assert needs_of(CasePage(replace(plain, groups=("hr",)), {}), {}) == (("hr",),)
    assert needs_of(CasePage(replace(plain, groups=("hr",), gold_documents=("x",)), {}), {}) == ()
    open_, closed_ = Passage("p", "d", 0, 1, "A"), Passage("q", "e", 0, 1, "b", groups=("hr",))
    unknown = [
        CasePage(plain, {"rag": Outcome("c", Answer("a", passages=found), None, Usage())})
        for found in ((closed_,), (closed_, open_))
    ]
    assert [needs_of(page, {}) for page in unknown] == [(("hr",),), ()]


def test_a_page_says_whether_it_is_marked() -> None:
    assert is_marked(report_html(sample(cases=1)))
    assert not is_marked("<html></html>")


def test_an_answer_without_citations_is_told_from_one_that_cites_the_wrong_place() -> None:
    passages = (Passage("p", "d", 0, 20, "It is 3 m long today"), Passage("q", "d", 20, 50, "The HX-20 weighs 19.5 kg here"))
    assert list(doubted(Answer("19.5 kg", passages=passages))) == [
        ("cites no passage (passage 2 of those shown bears it out)", "19.5 kg")
    ]
    assert list(doubted(Answer("7 kg", passages=passages))) == [
        ("cites no passage, and none that was shown bears it out", "7 kg")
    ]


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085", "\u000b", "\u000c"])
def test_a_row_holds_whatever_looks_like_the_end_of_a_line(end: str) -> None:
    """PDFs and web pages have them; JSON leaves most as they are."""
    texts = [f"nine{end}euros", "for staff", "free"]
    needs = [[], [["staff"]], []]
    rows = [{"text": text, COLUMN: need} for text, need in zip(texts, needs, strict=True)]
    written = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    left = [json.loads(row)["text"] for row in rows_for(written, frozenset()).removesuffix("\n").split("\n")]
    assert left == [texts[0], texts[2]]
