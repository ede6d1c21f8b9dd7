"""Does the oracle see the passages that bear the answer, whichever way the gold is given? And what is said where it cannot?

Long documents (some thirty passages each) whose answers stand late, and a model that is right only where the answer is
before it: then every gap is known beforehand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.config.project import load_project
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.scored import Scored
from rung.records import Verdict, digest
from rung.records.steps import Generate
from rung.scoring.squad import contains
from tests.working import working

pytestmark = pytest.mark.slow

DOCUMENTS, FACTS = 6, 6
YAML = """\
name: manual
task: Answer with as few words as possible.
knowledge: {sources: ["docs/*.md"], chunk_tokens: 60}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, rag]
bar: {correct: 0.5}
"""
COLOURS = ("amber", "coral", "ebony", "hazel", "indigo", "ivory", "jade", "khaki", "lilac", "maroon", "ochre", "olive")


def fact(document: int, number: int) -> tuple[str, str, str]:
    """Question, answer, and the sentence that says so."""
    part, answer = (
        f"valve {document}{number}",
        f"{COLOURS[(document * 7 + number) % len(COLOURS)]} {40 + document * 9 + number} bar",
    )
    return f"At which pressure does {part} open?", answer, f"Under load {part} opens at {answer} and shuts again by itself."


def written(document: int) -> str:
    """A document of some thirty passages; each fact stands in the second half, in a section of its own."""
    filler = "The unit is wiped with a dry cloth and its screws are tightened by hand after every shift of work. "
    early = "".join(f"## Care {document}.{n}\n\n{filler}{filler}\n\n" for n in range(18))
    late = "".join(f"## Part {document}.{n}\n\n{filler}{fact(document, n)[2]}\n\n" for n in range(FACTS))
    return f"# Manual {document}\n\n{early}{late}## Notes\n\n{filler}\n"


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for document in range(DOCUMENTS):
        (tmp_path / "docs" / f"m{document}.md").write_text(written(document), encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def cases(folder: Path, gold: Callable[[int, str], dict[str, Any]], *, more: tuple[dict[str, Any], ...] = ()) -> None:
    """36 cases with this gold (of document and sentence), and `more`."""
    rows: list[dict[str, Any]] = []
    for document in range(DOCUMENTS):
        for number in range(FACTS):
            question, answer, sentence = fact(document, number)
            rows.append(
                {"id": f"c{document}{number}", "question": question, "answers": [answer], **gold(document, sentence)}
            )
    rows = [{"split": "test", **row} for row in (*rows, *more)]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def quoted(document: int, sentence: str) -> dict[str, Any]:
    return {"evidence": [{"document": f"docs/m{document}.md", "quote": sentence}]}


def named(document: int, sentence: str) -> dict[str, Any]:
    return {"gold_documents": [f"docs/m{document}.md"]}


def reads(share: float) -> Callable[[Generate], str]:
    """Right where the answer is before it and it gets that right (so many of them, always the same); else a guess."""

    def script(step: Generate) -> str:
        shown = "\n".join(message.content for message in step.messages)
        question = step.messages[-1].content.rpartition("Question: ")[2]
        known = {fact(d, n)[0]: fact(d, n)[1:] for d in range(DOCUMENTS) for n in range(FACTS)}
        answer, sentence = known.get(question, ("", "?"))
        able = int(digest("able", question)[:8], 16) / 16**8 < share
        return answer if sentence in shown and able else "blue"

    script.__name__ = f"reads_{share}"
    return script


def compared(folder: Path, script: Callable[[Generate], str], *, context_tokens: int = 8192) -> tuple[Verdict, Scored, str]:
    """The verdict, what it was made of, and its table in one line."""
    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(script, context_tokens=context_tokens)
        done, scored = at.compare()
        return done.verdict, scored, " ".join(done.published.table.split())


def shown(scored: Scored, rung: str) -> float:
    """In how many of the cases an accepted answer stands in what the rung was shown."""
    answers = {f"c{d}{n}": fact(d, n)[1] for d in range(DOCUMENTS) for n in range(FACTS)}
    found = [
        any(contains(p.text, [answers[o.case]]) for p in o.answer.passages)
        for o in scored.of(rung).outcomes
        if o.answer is not None and o.case in answers
    ]
    return sum(found) / len(found)


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_gold_documents_and_quotes_lead_to_the_same_gaps(manual: Path, share: float) -> None:
    found = []
    for gold in (quoted, named):
        cases(manual, gold)
        found.append(compared(manual, reads(share)))
    assert [shown(scored, "oracle") for _, scored, _ in found] == [1.0, 1.0]
    (by_quotes, _, _), (by_documents, _, _) = found
    for name in ("knowledge", "retrieval", "behaviour"):
        one, other = by_quotes.gaps[name], by_documents.gaps[name]
        assert one.n == other.n == DOCUMENTS * FACTS
        assert one.mean == pytest.approx(other.mean, abs=0.02)
        assert (other.low or 0.0) <= (one.mean or 0.0) <= (other.high or 1.0)
    assert by_documents.gaps["behaviour"].mean == pytest.approx(1 - share, abs=0.15)
    assert by_quotes.doubts == by_documents.doubts == {}


def test_an_answer_in_other_words_is_found_by_nearness_and_that_is_said(manual: Path) -> None:
    """Accepted answers that no document has word for word: as much of the document as half of the context holds."""
    rows = (
        {"id": f"y{d}", "question": f"Does valve {d}3 open below 200 bar?", "answers": ["yes"], **named(d, "")}
        for d in range(DOCUMENTS)
    )
    cases(manual, named, more=tuple(rows))
    verdict, scored, text = compared(manual, reads(1.0))
    outcomes = {o.case: o for o in scored.of("oracle").outcomes}
    for document in range(DOCUMENTS):
        answer = outcomes[f"y{document}"].answer
        assert answer is not None
        assert any(fact(document, 3)[2] in p.text for p in answer.passages)
        starts = [p.start for p in answer.passages]
        assert starts == sorted(starts)
    assert "The oracle in 6 of 42 answerable cases (cases.jsonl:37 and others): no gold document has" in text
    assert verdict.gaps["behaviour"].n == 42  # nobody can tell that it was not shown the answer, so they count


def test_what_does_not_fit_is_left_out_of_the_gaps_and_said(manual: Path) -> None:
    """Two passages are quoted, and the context has room for one of them."""
    early = "Care 0.3"
    rows = [{**quoted(0, fact(0, 1)[2]), "id": "both"}]
    rows[0]["evidence"].append({"document": "docs/m0.md", "quote": early})
    cases(manual, named, more=({**rows[0], "question": "What is told of valve 01 and care 0.3?", "answers": ["it"]},))
    verdict, scored, text = compared(manual, reads(1.0), context_tokens=295)
    gold = {o.case: o.answer for o in scored.of("oracle").outcomes}
    assert gold["both"] is not None
    assert len(gold["both"].passages) == 1
    assert "The oracle in 1 of 37 answerable cases (cases.jsonl:37): what bears the answer does not fit" in text
    assert verdict.gaps["behaviour"].n == 36
    verdict, _, text = compared(manual, reads(1.0), context_tokens=255)
    assert {gap.n for gap in verdict.gaps.values()} == {0}
    assert "behaviour: not stated: the oracle was shown the answer in only " in text


def test_cases_without_gold_do_not_pass_for_a_perfect_search(manual: Path) -> None:
    """Where no gold is named the oracle searches as rag does: of these cases the gaps must not tell."""
    cases(manual, lambda document, sentence: named(document, sentence) if document < 4 else {})
    verdict, _, text = compared(manual, reads(1.0))
    assert {gap.n for gap in verdict.gaps.values()} == {4 * FACTS}
    assert "The oracle in 12 of 36 answerable cases (cases.jsonl:25 and others): it had nothing to go by" in text
    cases(manual, lambda document, sentence: named(document, sentence) if document < 1 else {})
    verdict, _, text = compared(manual, reads(1.0))
    assert {gap.n for gap in verdict.gaps.values()} == {0}
    assert "retrieval: not stated: the oracle was shown the answer in only 6 of 36 answerable cases." in text
    assert "tuning" not in text
    oracle = next(r for r in verdict.rungs if r.name == "oracle").scores["correct"]
    assert (oracle.n, oracle.mean) == (6, 1.0)  # its line, too, is of the cases in which it was one


def test_wrong_gold_documents_state_no_gap(manual: Path) -> None:
    cases(manual, lambda document, _: named((document + 1) % DOCUMENTS, ""))
    verdict, scored, text = compared(manual, reads(1.0))
    assert shown(scored, "rag") > 0.9
    assert shown(scored, "oracle") == 0
    assert {gap.n for gap in verdict.gaps.values()} == {0}
    assert "rag was shown an accepted answer, and no gold document has it (is that the right one?)" in text
    assert "the search loses nothing" not in text
    assert "tuning may" not in text


@pytest.mark.parametrize("wrong", [FACTS, 3])
def test_wrong_gold_documents_are_said_first_although_the_search_finds_half_of_them(manual: Path, wrong: int) -> None:
    """Where rag finds answers that the gold does not have, the gold of what it does not find is in doubt too."""

    def asked(document: int, sentence: str) -> dict[str, Any]:
        number = next(n for n in range(FACTS) if fact(document, n)[2] == sentence)
        row = named((document + (number < wrong)) % DOCUMENTS, sentence)
        return row if number % 2 else {**row, "question": f"How is the unit of Care {document}.{number} wiped?"}

    cases(manual, asked)
    verdict, scored, _ = compared(manual, reads(1.0))
    assert verdict.reason.startswith(f"The gold is in doubt: in {wrong * DOCUMENTS} of 36 answerable cases no gold document")
    assert not any("no search will close" in warning for warning in verdict.warnings)
    assert {gap.n for gap in verdict.gaps.values()} == {(FACTS - wrong) * DOCUMENTS if wrong == 3 else 0}
    assert sum(map(len, verdict.places.values())) == wrong * DOCUMENTS  # every one is named
    doubted = [
        case
        for case, layer in zip(scored.of("rag").scorecard.cases, scored.of("rag").layers, strict=True)
        if layer == "gold in doubt"
    ]
    assert doubted
    assert all(int(case[2]) < wrong for case in doubted)


def test_a_document_that_is_gone_is_no_gap(manual: Path) -> None:
    cases(manual, named)
    (manual / "docs" / "m0.md").unlink()
    verdict, _, text = compared(manual, reads(1.0))
    assert verdict.gaps["behaviour"].n == (DOCUMENTS - 1) * FACTS
    assert verdict.gaps["behaviour"].mean == 0
    assert "The oracle in 6 of 36 answerable cases (cases.jsonl:1 and others): a document that is named is not there" in text


def test_a_model_that_does_not_read_is_said_first_and_no_rung_is_chosen(manual: Path) -> None:
    cases(manual, named)
    verdict, scored, text = compared(manual, reads(0.03))
    assert shown(scored, "oracle") == 1.0
    assert (verdict.winner, verdict.clears_bar) == (None, False)
    assert verdict.reason.startswith("This model does not read what it is shown: even with the answer before it (oracle) ")
    assert "on the 36 cases whose answer it surely was shown. Compare rungs on a stronger one." in verdict.reason
    assert "best so far" not in text
    assert "the model does as well without the documents" not in text
    assert "tuning" not in text
    assert verdict.flips == ()


def test_a_rung_that_works_without_reading_is_chosen_all_the_same(manual: Path) -> None:
    """Taught by examples it is right, although the model gets nothing out of passages."""

    def script(step: Generate) -> str:
        known = {fact(d, n)[0]: fact(d, n)[1] for d in range(DOCUMENTS) for n in range(FACTS)}
        taught = any(message.content == "ready" for message in step.messages)
        return known.get(step.messages[-1].content, "blue") if taught else "blue"

    cases(manual, named)
    chat = {"messages": [{"role": "user", "content": "Are you there?"}, {"role": "assistant", "content": "ready"}]}
    (manual / "examples.jsonl").write_text(json.dumps(chat), encoding="utf-8")
    text = YAML.replace("[prompt, rag]", "[prompt, few_shot, rag]") + "behaviour: {examples: examples.jsonl}\n"
    (manual / "rung.yaml").write_text(text, encoding="utf-8")
    verdict, _, told = compared(manual, script)
    assert (verdict.winner, verdict.clears_bar) == ("few_shot", True)
    assert "nothing follows, since even the oracle is at the floor" in told


def test_an_oracle_that_is_worse_than_rag_is_no_upper_bound(manual: Path) -> None:
    """A model that is right only with several passages before it: rag shows three, the gold is one."""

    def script(step: Generate) -> str:
        several = "[2]" in step.messages[-1].content
        return reads(1.0)(step) if several else "blue"

    cases(manual, quoted)
    verdict, _, text = compared(manual, script)
    retrieval = verdict.gaps["retrieval"]
    assert (retrieval.high or 0.0) < 0
    assert "the oracle is no upper bound" in verdict.doubts["behaviour"]
    assert "the oracle is no upper bound" in text
    assert "tuning may" not in text


def test_a_passage_of_the_gold_document_without_the_answer_is_no_evidence(manual: Path) -> None:
    """rag shows passages of the right document and not the answer's: that is the search's loss, not the model's."""

    def asked(document: int, sentence: str) -> dict[str, Any]:
        return {
            **named(document, sentence),
            "question": f"How is the unit of Care {document}.2 wiped, or Part {document}.1?",
        }

    cases(manual, asked)
    _, scored, text = compared(manual, lambda _: "blue")
    lost = {layer for layer in scored.of("rag").layers if layer}
    assert 0 < shown(scored, "rag") < 0.5
    assert lost == {"not retrieved", "ranked too low", "retrieved but not used"}
    held = [
        any(contains(p.text, [fact(d, n)[1]]) for p in outcome.answer.passages)
        for outcome in scored.of("rag").outcomes
        if outcome.answer is not None
        for d, n in [(int(outcome.case[1]), int(outcome.case[2]))]
    ]
    for layer, there in zip(scored.of("rag").layers, held, strict=True):
        assert (layer in {"not retrieved", "ranked too low"}) == (not there)
    assert "retrieved but not used (36 cases" not in text
