"""Format, citation, abstention, access and cost: what each says, and where it says nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from rung.errors import UserError
from rung.records import Answer, Case, Citation, Outcome, Usage
from rung.scoring import ScoringContext
from rung.scoring.abstention import Abstention
from rung.scoring.access import Access
from rung.scoring.citation import CitationScorer
from rung.scoring.cost import Cost
from rung.scoring.format import Format
from tests.scoring.making import case, cited, failed, passage, said

SCHEMA = '{"type":"object","properties":{"a":{"type":["integer","null"]}},"required":["a"],"additionalProperties":false}'


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('{"a": 1}', 1),
        (' {"a": 1.0} ', 1),
        ('{"a": null}', 1),
        ('{"a": "1"}', 0),
        ('{"a": 1, "b": 2}', 0),
        ("{}", 0),
        ('{"a": 1', 0),
        ('Here it is: {"a": 1}', 0),
        ('{"a": NaN}', 0),
        ("", 0),
        ("I don't know.", 0),
    ],
)
def test_format_with_a_schema(text: str, valid: float) -> None:
    assert Format(ScoringContext("json", schema=SCHEMA))(case('{"a": 1}'), said(text)) == {"format": valid}


@pytest.mark.parametrize(
    ("text", "valid"), [("19.99", 1), ("7", 1), ("19.991", 0), ("1e999", 0), ("-1e999", 0), ("1" + "0" * 290, 1)]
)
def test_multiples_are_told_of_decimals_and_of_numbers_beyond_all_bounds(text: str, valid: float) -> None:
    schema = '{"type": "number", "multipleOf": 0.01}'
    assert Format(ScoringContext("json", schema=schema))(case("7"), said(text)) == {"format": valid}


def test_format_judges_the_text_as_said() -> None:
    marked = Outcome("c", Answer('{"a": 1} [1]', '{"a": 1}'))
    assert Format(ScoringContext("json", schema=SCHEMA))(case("1"), marked) == {"format": 0}


def test_format_with_labels_without_either_and_of_failures() -> None:
    labels = Format(ScoringContext("label", labels=("x", "y")))
    assert labels(case("y"), said("x\n")) == {"format": 1}
    assert labels(case("y"), said("z")) == labels(case("y"), failed()) == {"format": 0}
    assert labels(case(), said("I don't know.")) == {}
    assert Format(ScoringContext("f1"))(case("y"), failed()) == {}


def test_a_schema_that_is_none() -> None:
    with pytest.raises(UserError, match="no JSON Schema: 'strin' is not valid"):
        Format(ScoringContext("json", schema='{"type": "strin"}'))


def quoting(*citations: Citation, text: str = "nine") -> Outcome:
    """An answer from passages, with citations."""
    return Outcome("c", Answer(text, text, citations=citations, passages=(passage("d"),)))


def against_gold(scoring_context: ScoringContext) -> Callable[[Case, Outcome], Mapping[str, float]]:
    """The scorer, without what it says about support: that is in test_supporting.py."""
    scorer = CitationScorer(scoring_context)
    return lambda case, outcome: {k: v for k, v in scorer(case, outcome).items() if not k.startswith("support")}


def test_citations_against_spans_and_documents() -> None:
    scorer = against_gold(ScoringContext("f1"))
    spans = case("nine", spans=(("d", 0, 10), ("d", 50, 60)))
    assert scorer(spans, quoting(cited("d", 5, 40))) == {"citation_recall": 0.5, "citation_precision": 1}
    assert scorer(spans, quoting(cited("d", 10, 50), cited("d", 55, 70), cited("e"))) == {
        "citation_recall": 0.5,
        "citation_precision": pytest.approx(1 / 3),
    }
    documents = case("nine", gold=("d", "e"))
    assert scorer(documents, quoting(cited("d"), cited("f"))) == {"citation_recall": 0.5, "citation_precision": 0.5}
    assert scorer(documents, quoting()) == {"citation_recall": 0}  # no citation has no precision


def test_where_citation_says_nothing() -> None:
    scorer = against_gold(ScoringContext("f1"))
    gold = case("nine", gold=("d",))
    assert scorer(gold, said("nine")) == {}  # not made from passages
    assert scorer(gold, failed()) == {}
    assert scorer(gold, quoting(text="I don't know.")) == {}
    assert scorer(case("nine"), quoting(cited("d"))) == {}  # no gold
    assert scorer(replace(gold, answerable=False), quoting(cited("d"))) == {}
    in_json = ScoringContext("json", schema=SCHEMA)
    assert CitationScorer(in_json)(gold, quoting(text='{"a": 1}')) == {}
    assert CitationScorer(replace(in_json, cites=True))(gold, quoting(text='{"a": 1}')) == {"citation_recall": 0}


@pytest.mark.parametrize(
    ("subject", "outcome", "scores"),
    [
        (case("x"), said("x"), {"false_refusal": 0}),
        (case("x"), said("I don't know."), {"false_refusal": 1, "abstention_precision": 0}),
        (case(), said("x"), {"abstention_recall": 0}),
        (case(), said("I don't know."), {"abstention_recall": 1, "abstention_precision": 1}),
        (case(), failed(), {"abstention_recall": 0}),
        (case("x"), failed(), {}),
    ],
)
def test_abstention(subject: Case, outcome: Outcome, scores: Mapping[str, float]) -> None:
    assert Abstention(ScoringContext("f1"))(subject, outcome) == scores


def test_abstention_in_json() -> None:
    scorer = Abstention(ScoringContext("json", schema=SCHEMA))
    assert scorer(case(), said('{"a": null}'))["abstention_recall"] == 1
    assert scorer(case('{"a": 1}'), said('{"a": null}'))["false_refusal"] == 1
    assert scorer(case('{"a": null}'), said('{"a": null}')) == {"false_refusal": 0}


def test_leaks() -> None:
    scorer = Access(ScoringContext("f1", document_groups={"open": (), "hr": ("hr", "board"), "it": ("it",)}))
    asker = replace(case("x"), groups=("hr", "sales"))

    def leaks(**what: object) -> float:
        return scorer(asker, Outcome("c", Answer("x", **what)))["leaks"]  # type: ignore[arg-type]

    assert leaks() == 0
    assert leaks(retrieved=(passage("open"), passage("hr"))) == 0
    assert leaks(retrieved=(passage("open"), passage("it"))) == 1
    assert leaks(passages=(passage("it"),)) == 1
    assert leaks(citations=(cited("it"),)) == 1
    assert leaks(retrieved=(passage("it", groups=("hr",)),)) == 1  # the documents decide, not what the search says
    assert leaks(retrieved=(passage("gone", groups=("it",)),)) == 1  # a document that is not known: the passage decides
    assert leaks(retrieved=(passage("gone"),)) == 0


def test_where_access_says_nothing_and_who_has_no_groups() -> None:
    scorer = Access(ScoringContext("f1", document_groups={"hr": ("hr",)}))
    seen = said("x", retrieved=(passage("hr"),))
    assert scorer(case("x"), seen) == {}
    assert scorer(replace(case("x"), groups=("hr",)), failed()) == {}
    assert scorer(replace(case("x"), groups=()), seen) == {"leaks": 1}  # a stranger


def test_cost_says_money_only_where_it_is_known() -> None:
    scorer = Cost(ScoringContext("f1"))
    assert scorer(case("x"), replace(failed(), usage=Usage(10, 2))) == {"prompt_tokens": 10, "completion_tokens": 2}
    assert scorer(case("x"), replace(said("x"), usage=Usage(10, 2, 1, 0.0)))["usd"] == 0
