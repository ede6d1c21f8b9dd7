"""Does what is cited bear a sentence out? By words: what is told apart, and what is honestly not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.records import Answer, Passage
from rung.records.steps import GenerateResult
from rung.scoring import ScoringContext
from rung.scoring.citation import CitationScorer
from rung.strategies.citing import finish
from rung.text.sentences import sentences
from rung.text.support import SUPPORTED_FROM, claims, support, unmarked, unsupported
from tests.scoring.making import case, said

RETURNS = "You may return an item within 30 days of delivery. The customer pays for the return parcel."
SHIPPING = "Express shipping costs 9 EUR and takes one day. We ship to Norway and to Sweden."
SHOWN = (
    Passage("r#0-92", "r", 0, len(RETURNS), RETURNS),
    Passage("s#5-85", "s", 5, 5 + len(SHIPPING), SHIPPING),
)


def answered(text: str) -> Answer:
    return finish(GenerateResult(text), shown=SHOWN)


@pytest.mark.parametrize(
    ("sentence", "cited", "supported"),
    [
        ("Items may be returned within 30 days.", RETURNS, True),
        ("Items may be returned within 30 days.", SHIPPING, False),
        ("Items may be returned within 60 days.", RETURNS, False),  # a number that is not there
        ("The customer pays for parcels.", RETURNS, True),
        ("Express costs 9 EUR.", SHIPPING, True),
        ("Shipping goes to Norway.", SHIPPING, True),
        ("The moon is made of cheese.", SHIPPING, False),
        ("It is.", RETURNS, False),  # says nothing
        ("", RETURNS, False),
        ("Express costs 9 EUR.", "", False),
        ("Die Gebühr beträgt 26 EUR.", "Die Gebühr beträgt 26,00 € im Jahr.", True),
        ("Die Gebühr beträgt 2600 EUR.", "Die Gebühr beträgt 26,00 € im Jahr.", False),
        ("Die Frist endet am 30.09.2024.", "Die Frist endet am 30. September 2024 um 12 Uhr.", True),
        ("Die Frist endet am 30. September 2024.", "Die Frist endet am 30.09.2024.", True),
        ("Die Frist endet am 29.09.2024.", "Die Frist endet am 30. September 2024.", False),
        ("Ab dem 1. Mai 2025.", "Das Bad öffnet ab dem 1. Mai 2025 wieder.", True),
        ("You may not return an item within 30 days.", RETURNS, True),  # a denial is not seen, and docs/scores.md says so
    ],
)
def test_support(sentence: str, cited: str, supported: bool) -> None:
    assert (support(sentence, cited) >= SUPPORTED_FROM) == supported


@given(st.text(max_size=200), st.text(max_size=200))
def test_support_is_a_share_and_a_text_supports_its_own_sentences(sentence: str, cited: str) -> None:
    assert 0 <= support(sentence, cited) <= 1
    for a, b in sentences(sentence):
        assert support(sentence[a:b], sentence) in (0, 1)


def test_marks_belong_to_the_sentence_that_they_follow() -> None:
    for text in (
        "Returns take 30 days [1]. Express costs 9 EUR [2]. We fly to the moon.",
        "Returns take 30 days. [1] Express costs 9 EUR.[2] We fly to the moon.",
        "- Returns take 30 days [1]\n- Express costs 9 EUR [2]\n- We fly to the moon",
    ):
        found = claims(answered(text))
        assert [claim.cites for claim in found] == [(1,), (2,), ()]
        assert [claim.is_supported for claim in found] == [True, True, False]
        plain, _ = unmarked(text)
        assert all(plain[claim.start : claim.end] == claim.text for claim in found)


def test_unsupported_sentences_are_named() -> None:
    assert unsupported(answered("Returns take 30 days [2]. Express costs 9 EUR [1, 2].")) == ("Returns take 30 days.",)
    assert unsupported(answered("Express costs 9 EUR [7].")) == ("Express costs 9 EUR.",)  # nothing stands behind the mark
    assert unsupported(answered("I don't know.")) == ()
    assert unsupported(Answer("Norway.", "Norway.")) == ()  # not made from passages


def test_a_date_is_one_claim_and_not_two() -> None:
    text = "Das Bad öffnet ab dem 1. Mai 2025 wieder."
    answer = finish(GenerateResult("Ab dem 1. Mai 2025. [1]"), shown=(Passage("b#0", "b", 0, len(text), text),))
    assert [claim.text for claim in claims(answer)] == ["Ab dem 1. Mai 2025."]
    assert unsupported(answer) == ()


def test_recall_and_precision_of_an_answer() -> None:
    scorer = CitationScorer(ScoringContext("f1"))
    outcome = said("")
    judged = {
        "Returns take 30 days [1].": (1.0, 1.0),
        "Returns take 30 days [1][2].": (1.0, 0.5),
        "Returns take 30 days [2].": (0.0, 0.0),
        "Returns take 30 days [1]. We fly to the moon.": (0.5, 1.0),
    }
    for text, (recall, precision) in judged.items():
        scores = scorer(case("30 days"), type(outcome)("c", answered(text)))
        assert (scores["support_recall"], scores["support_precision"]) == (recall, precision), text
    bare = scorer(case("30 days"), type(outcome)("c", answered("Returns take 30 days.")))
    assert bare == {"support_recall": 0.0}
    assert "support_recall" not in CitationScorer(ScoringContext("json", schema="{}"))(
        case("30 days"), type(outcome)("c", answered("Returns take 30 days [1]."))
    )


@given(st.text(max_size=300))
def test_sentences_are_in_order_and_lose_no_word(text: str) -> None:
    found = sentences(text)
    assert all(text[a:b].strip() == text[a:b] != "" for a, b in found)
    assert all(x[1] <= y[0] for x, y in pairwise(found))
    covered = {i for a, b in found for i in range(a, b)}
    assert {i for i in range(len(text)) if not text[i].isspace()} <= covered


def test_sentence_ends() -> None:
    text = "Dr. No met Mr. B. Goode at no. 5, 3.5 p.m. Really? No. Yes! 「はい。」そうです。次 e.g. this. it ends. End"
    assert [text[a:b] for a, b in sentences(text)] == [
        "Dr. No met Mr. B. Goode at no. 5, 3.5 p.m. Really?",
        "No.",
        "Yes!",
        "「はい。」",
        "そうです。",
        "次 e.g. this.",
        "it ends.",
        "End",
    ]
