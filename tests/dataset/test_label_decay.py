"""Is gold that still stands called so, gold that moved placed anew, and gold that is gone not rescued?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from rung.dataset.label_decay import Gold, GoldState, Texts, decayed, mended, worst
from rung.knowledge import find_quote
from rung.records import Case, Json, Passage

SHIPPING = (
    "Standard shipping costs 4 EUR and takes five days. Express shipping costs 9 EUR and arrives within two working days of "
    "the order. Parcels above 30 kg go by freight."
)
QUOTE = "Express shipping costs 9 EUR and arrives within two working days of the order."
CASE = Case("express", "What does express cost?", ("9 EUR",), place="cases.jsonl:1")


def looked(
    texts: Mapping[str, str],
    evidence: Sequence[Json] = (),
    *,
    case: Case = CASE,
    before: str = "",
    unread: Sequence[str] = (),
) -> list[GoldState]:
    """`before`: what the verdict showed of shipping.md, whole."""
    shown = {case.id: [Passage("p", "shipping.md", 0, len(before), before)]} if before else {}
    return list(decayed(Gold([case], {case.id: evidence}, shown), Texts(texts, find_quote, unread=unread)))


def quoted(text: str = QUOTE, document: str = "shipping.md") -> list[Json]:
    return [{"document": document, "quote": text}]


def characters(text: str = QUOTE) -> list[Json]:
    start = SHIPPING.index(text)
    return [{"document": "shipping.md", "start": start, "end": start + len(text)}]


def only(states: Sequence[GoldState]) -> GoldState:
    assert len(states) == 1
    return states[0]


def test_what_stands_there_is_true_whatever_is_cut_or_wrapped_around_it() -> None:
    wrapped = "New.\n\n" + SHIPPING.replace("arrives within", "arrives\n  within")
    assert only(looked({"shipping.md": wrapped}, quoted())).state == "true"
    assert only(looked({"shipping.md": SHIPPING}, characters(), before=SHIPPING)).state == "true"


def test_characters_that_moved_are_placed_anew() -> None:
    now = f"A preface of some length.\n\n{SHIPPING}"
    state = only(looked({"shipping.md": now}, characters(), before=SHIPPING))
    assert state.state == "moved"
    assert state.now is not None
    assert now[int(str(state.now["start"])) : int(str(state.now["end"]))] == QUOTE


def test_of_the_same_text_in_several_places_the_nearest_is_taken() -> None:
    before = "Yes. No. Yes. Perhaps so, it says. Yes."
    case = replace(CASE, answers=("Yes",))
    evidence: list[Json] = [{"document": "shipping.md", "start": 9, "end": 13}]
    state = only(looked({"shipping.md": f"Oh. {before}"}, evidence, case=case, before=before))
    assert state.now == {"document": "shipping.md", "start": 13, "end": 17}


def test_a_text_in_another_document_has_moved_there_the_one_with_the_nearest_name_first() -> None:
    texts = {"old/express.md": SHIPPING, "shipping-2.md": SHIPPING, "x.md": "Nothing."}
    state = only(looked(texts, quoted()))
    assert state.state == "moved"
    assert state.now == {"document": "shipping-2.md", "quote": QUOTE}
    assert "in 1 more" in state.says


def test_a_short_quote_tells_no_other_document() -> None:
    assert only(looked({"prices.md": "A mug costs 9 EUR."}, quoted("9 EUR"))).state == "gone"


def test_other_words_that_bear_the_answer_have_moved_and_are_quoted() -> None:
    now = SHIPPING.replace("Express shipping costs 9 EUR and", "Express shipping is 9 EUR, and it")
    state = only(looked({"shipping.md": now}, quoted()))
    assert (state.state, state.now) == (
        "moved",
        {
            "document": "shipping.md",
            "quote": "Express shipping is 9 EUR, and it arrives within two working days of the order.",
        },
    )


def test_another_answer_at_the_place_is_gone_and_shown() -> None:
    state = only(looked({"shipping.md": SHIPPING.replace("9 EUR", "12 EUR")}, quoted()))
    assert (state.state, state.now) == ("gone", None)
    assert "12 EUR" in state.says


def test_without_an_answer_in_its_words_other_numbers_are_gone_and_the_same_ones_are_not() -> None:
    case = replace(CASE, answers=("It is quick",))
    other = SHIPPING.replace("two working days", "three working days").replace("9 EUR", "11 EUR")
    assert only(looked({"shipping.md": other}, quoted(), case=case)).state == "gone"
    same = SHIPPING.replace("of the order", "of your order")
    assert only(looked({"shipping.md": same}, quoted(), case=case)).state == "moved"


def test_a_sentence_that_was_taken_out_is_gone() -> None:
    state = only(looked({"shipping.md": SHIPPING.replace(QUOTE + " ", "")}, quoted()))
    assert state.state == "gone"


def test_a_document_that_could_not_be_read_is_unknown_and_one_that_is_not_there_gone() -> None:
    assert only(looked({}, quoted(), unread=["shipping.md"])).state == "unknown"
    assert only(looked({}, quoted())).state == "gone"
    case = replace(CASE, gold_documents=("shipping.md",))
    assert only(looked({}, case=case, unread=["shipping.md"])).state == "unknown"
    assert only(looked({}, case=case)).state == "gone"


def test_characters_of_which_nobody_knows_what_stood_there() -> None:
    assert only(looked({"shipping.md": SHIPPING}, characters())).state == "true"  # they bear the answer
    moved = only(looked({"shipping.md": f"{'A preface of some length. ' * 9}\n\n{SHIPPING}"}, characters()))
    assert moved.state == "unknown"
    assert "'quote'" in moved.says
    assert only(looked({}, characters())).state == "gone"
    assert only(looked({"shipping.md": SHIPPING}, [{"document": "shipping.md"}])).state == "unknown"


GOLD = replace(CASE, gold_documents=("shipping.md",))


def test_a_gold_document_is_true_while_it_bears_the_answer() -> None:
    assert only(looked({"shipping.md": "Now nine: 9 EUR."}, case=GOLD, before=SHIPPING)).state == "true"
    assert only(looked({"shipping.md": SHIPPING}, case=GOLD)).state == "true"
    gone = only(looked({"shipping.md": SHIPPING.replace("9 EUR", "12 EUR")}, case=GOLD, before=SHIPPING))
    assert gone.state == "gone"


def test_a_gold_document_under_another_name_has_moved() -> None:
    texts = {"delivery.md": f"# Delivery\n\n{SHIPPING}", "x.md": "Parcels above 30 kg go by freight."}
    state = only(looked(texts, case=GOLD, before=SHIPPING))
    assert (state.state, state.now) == ("moved", {"document": "delivery.md"})
    assert only(looked({"delivery.md": SHIPPING.replace("9 EUR", "12 EUR")}, case=GOLD, before=SHIPPING)).state == "gone"


def test_a_gold_document_whose_answer_never_stood_there_in_its_words_is_unknown_once_it_changed() -> None:
    case = replace(GOLD, answers=("It is quick",))
    assert only(looked({"shipping.md": SHIPPING}, case=case, before=SHIPPING)).state == "true"
    assert only(looked({"shipping.md": SHIPPING.replace("two", "three")}, case=case, before=SHIPPING)).state == "unknown"
    assert only(looked({"shipping.md": SHIPPING}, case=case)).state == "unknown"


def test_json_answers_and_labels_are_read_as_such() -> None:
    case = replace(GOLD, answers=('{"price": "9 EUR"}',))
    gold = Gold([case], {}, {}, schema='{"type": "object"}')
    assert only(list(decayed(gold, Texts({"shipping.md": SHIPPING}, find_quote)))).state == "true"
    labelled = Gold([replace(GOLD, answers=("dear",))], {}, {}, labels=["dear", "cheap"])
    assert only(list(decayed(labelled, Texts({"shipping.md": SHIPPING}, find_quote)))).state == "unknown"


def test_a_case_is_as_bad_as_its_worst_gold_and_its_row_is_mended_where_that_is_known() -> None:
    row: dict[str, Json] = {
        "question": CASE.question,
        "evidence": [*quoted(), *quoted("Colours are blue, or of another kind altogether.", "colour.md")],
        "gold_documents": ["shipping.md", "colour.md"],
    }
    evidence = row["evidence"]
    assert isinstance(evidence, list)
    states = looked({"delivery.md": SHIPPING}, evidence)
    assert [one.state for one in states] == ["moved", "gone"]
    assert worst(states) == "gone"
    after = mended(row, states)
    assert after["evidence"] == [{"document": "delivery.md", "quote": QUOTE}, evidence[1]]
    assert after["gold_documents"] == ["delivery.md", "colour.md"]


@pytest.mark.parametrize("form", ["shipping.md", ["shipping.md"]])
def test_gold_documents_are_mended_in_their_own_form(form: Json) -> None:
    states = looked({"delivery.md": SHIPPING}, case=GOLD, before=SHIPPING)
    after = mended({"gold_documents": form}, states)
    assert after["gold_documents"] == ("delivery.md" if isinstance(form, str) else ["delivery.md"])


def test_cases_without_gold_are_not_looked_at() -> None:
    assert not looked({"shipping.md": SHIPPING})
