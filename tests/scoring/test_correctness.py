"""`correct` and its neighbours, against the field's own implementations."""

from __future__ import annotations

import json
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from rung.errors import UserError
from rung.records import Answer, Case, Json, Outcome
from rung.scoring import ScoringContext, scoring_context, squad
from rung.scoring.correctness import field_f1
from rung.scoring.rouge import common_length
from rung.text.json_values import key
from tests.scoring.making import case, correctness, failed, said

TEXT = correctness(ScoringContext("f1"))
SCHEMA = '{"type": "object"}'
JSON = correctness(ScoringContext("json", schema=SCHEMA))
LABEL = correctness(ScoringContext("label", labels=("card_arrival", "lost_card", "unknown")))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The  Cat", "cat"),
        ("a an the", ""),
        ("Theatre", "theatre"),
        ("the-end", "theend"),  # punctuation goes before articles: "the-end" is one word by then
        ("The.", ""),
        ("U.S.A.", "usa"),
        ("$1,000.50", "100050"),
        ("it's\t\n an  apple", "its apple"),
        ("“quoted” — dash…", "“quoted” — dash…"),  # only ASCII punctuation goes
        ("Ärzte ÉCOLE İ", "ärzte école i̇"),
        ("a\u00a0b", "b"),  # no-break space splits
        ("l'an 2000", "lan 2000"),
        ("vitamin A", "vitamin"),
        ("日本語", "日本語"),
    ],
)
def test_normalisation_is_the_official_one(text: str, wanted: str) -> None:
    assert squad.normalise(text) == wanted


@pytest.mark.parametrize(
    ("text", "answers", "em", "f1", "contains"),
    [
        ("October 1973", ["October 1973", "October", "1973"], 1, 1, 1),
        ("in October 1973", ["October 1973"], 0, 0.8, 1),
        ("October", ["October 1973"], 0, 2 / 3, 0),
        ("the the cat", ["cat"], 1, 1, 1),
        ("cat cat", ["cat"], 0, 2 / 3, 1),
        ("a b c d", ["e"], 0, 0, 0),
        ("", ["x"], 0, 0, 0),
        ("the", ["x"], 0, 0, 0),
        ("the", ["an", "x"], 0, 0, 0),  # an accepted answer that normalises to nothing does not count
        ("the", ["an"], 1, 1, 1),  # unless there is no other
        ("x", ["an"], 0, 0, 0),
        ("concatenate", ["cat"], 0, 0, 0),  # whole words
    ],
)
def test_em_f1_and_contains(text: str, answers: list[str], em: float, f1: float, contains: float) -> None:
    assert squad.exact_match(text, answers) == em
    assert squad.token_f1(text, answers) == pytest.approx(f1)
    assert squad.contains(text, answers) == contains


def rouge_l(text: str, answers: list[str]) -> float:
    """As `correct` has it."""
    return correctness(ScoringContext("rouge_l"))(case(*answers), said(text))["correct"]


@pytest.mark.slow
def test_rouge_l_agrees_with_the_package() -> None:
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    dice = random.Random(3)
    words = ["The", "cat", "sat", "on", "mat.", "dog!", "email", "3", "a", "A"]
    for _ in range(2_000):
        one, other, third = (" ".join([*dice.choices(words, k=dice.randint(0, 30)), "end"]) for _ in range(3))
        assert rouge_l(one, [other]) == pytest.approx(scorer.score(other, one)["rougeL"].fmeasure, abs=1e-12)
        assert rouge_l(one, [other, third]) == max(rouge_l(one, [other]), rouge_l(one, [third]))


def test_rouge_l_reads_every_script() -> None:
    assert rouge_l("営業時間は九時", ["営業は九時"]) == pytest.approx(2 * 5 / 12)
    assert rouge_l("Кошка спит", ["кошка не спит"]) == pytest.approx(0.8)
    assert rouge_l("", ["x"]) == rouge_l("x", ["y"]) == 0


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_common_length_against_the_textbook(one: list[str], other: list[str]) -> None:
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, x in enumerate(one):
        for j, y in enumerate(other):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    assert common_length(one, other) == table[-1][-1]


def test_text_scores_and_refusals() -> None:
    scores = TEXT(case("October 1973"), said("in October 1973"))
    assert scores == {"correct": pytest.approx(0.8), "em": 0, "f1": pytest.approx(0.8), "contains": 1}
    assert set(TEXT(case("I know"), said("I don't know.")).values()) == {0.0}  # words in common do not count
    assert set(TEXT(case(), said("I don't know.")).values()) == {1.0}
    assert set(TEXT(case(), said("Paris")).values()) == {0.0}
    assert set(TEXT(case(), said("")).values()) == {0.0}  # silence is no refusal
    assert set(TEXT(case("x"), failed()).values()) == set(TEXT(case(), failed()).values()) == {0.0}
    assert TEXT(case("unknown"), said("Unknown."))["correct"] == 1  # an accepted answer is no refusal


def test_marks_do_not_count_against_an_answer() -> None:
    outcome = Outcome("c", Answer("nine o'clock [1]", "nine o'clock"))
    assert TEXT(case("nine o'clock"), outcome)["em"] == 1


def test_the_strategys_word_that_it_refuses_counts() -> None:
    outcome = Outcome("c", Answer("Das weiß ich nicht.", refused=True))
    assert TEXT(case(), outcome)["correct"] == 1
    assert TEXT(case("Das"), outcome)["correct"] == 0


@pytest.mark.parametrize("by", ["em", "f1", "contains", "rouge_l"])
def test_correct_is_what_the_scoring_context_says(by: str) -> None:
    wanted = {"em": 0.0, "f1": 0.5, "contains": 0.0, "rouge_l": 0.4}[by]
    scorer = correctness(ScoringContext(by))  # type: ignore[arg-type]
    assert scorer(case("the red dog"), said("red cat"))["correct"] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ('{"b": [1, 2], "a": null}', '{"a":null,"b":[1.0,2]}', 1),
        ('{"b": [2, 1]}', '{"b": [1, 2]}', 0),
        ('{"a": true}', '{"a": 1}', 0),
        ('{"a": 0}', '{"a": false}', 0),
        ('{"a": 1e2}', '{"a": 100}', 1),
        ('{"a": "x "}', '{"a": "x"}', 0),
        ('{"a": "\\u00e9"}', '{"a": "é"}', 1),
        ('  {"a": "x"}\n', '{"a": "x"}', 1),
        ('```json\n{"a": "x"}\n```', '{"a": "x"}', 0),
        ('{"a": "x"', '{"a": "x"}', 0),
        ('{"a": NaN}', '{"a": "x"}', 0),
        ('{"a": "x", "b": null}', '{"a": "x"}', 0),
        ("[" * 100_000, "[]", 0),
    ],
)
def test_json_equality(text: str, answer: str, right: float) -> None:
    assert JSON(case(answer), said(text))["correct"] == right


def test_any_accepted_json_counts_and_a_refusal_that_is_accepted_is_an_answer() -> None:
    assert JSON(case('{"a": "x"}', '{"a": "y"}'), said('{"a": "y"}'))["correct"] == 1
    assert JSON(case('{"a": null}'), said('{"a": null}'))["correct"] == 1
    assert JSON(case('{"a": "x"}'), said('{"a": null}')) == {"correct": 0, "json_field_f1": 0}
    assert JSON(case(), said('{"a": null}'))["correct"] == 1
    assert JSON(case(), said("I don't know."))["correct"] == 1
    assert JSON(case(), said('{"a": "x"}'))["correct"] == 0


def test_nothing_equals_an_accepted_answer_that_is_no_json() -> None:
    broken = Case("c", "?", ("plain words",), place="cases/test.jsonl:7")
    assert JSON(broken, said("{}")) == JSON(broken, said("plain words")) == {"correct": 0.0, "json_field_f1": 0.0}
    partly = Case("c", "?", ("plain words", '{"a": 1}'))
    assert JSON(partly, said('{"a": 1.0}'))["correct"] == 1


@pytest.mark.parametrize(
    ("value", "wanted", "f1"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, 0.5),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, 1),
        ({"a": ["x", "x"]}, {"a": ["x"]}, 2 / 3),
        ({"a": 1}, {"a": 1, "b": {"c": 2}}, 2 / 3),
        ({"a": {}}, {"a": {}}, 1),
        ({"a": {"b": 1}}, {"a": {}}, 0),
        ({}, {}, 1),
        ([], {}, 0),
        ({"a": True}, {"a": 1}, 0),
        ("x", "x", 1),
    ],
)
def test_field_f1(value: Json, wanted: Json, f1: float) -> None:
    assert field_f1(value, wanted) == pytest.approx(f1)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(_json, _json)
def test_keys_say_equal_when_the_json_is(one: Json, other: Json) -> None:
    assert key(one) == key(json.loads(json.dumps(one)))
    assert 0 <= field_f1(one, other) == field_f1(other, one) <= 1
    assert field_f1(one, one) == 1
    if key(one) == key(other):
        assert field_f1(one, other) == 1


def test_json_is_equal_however_its_letters_are_composed() -> None:
    wanted = case('{"prénom": "José", "tags": ["é"]}')
    written = unicodedata.normalize("NFD", '{"prénom": "José", "tags": ["é"]}')
    assert JSON(wanted, said(written)) == {"correct": 1, "json_field_f1": 1}
    assert JSON(wanted, said('{"prenom": "José", "tags": ["é"]}'))["correct"] == 0


def test_labels_forgive_how_letters_are_composed_case_quotes_and_a_final_dot() -> None:
    wanted = case("card_arrival")
    assert LABEL(wanted, said(" card_arrival\n")) == {"correct": 1, "label_accuracy": 1}
    for written in ("Card_Arrival", "card_arrival.", "“card_arrival”", '"Card_arrival."', "'card_arrival'."):
        assert LABEL(wanted, said(written)) == {"correct": 1, "label_accuracy": 1}
    for other in ("card arrival", "card_arrival!", "the label is card_arrival", "card_arrivals"):
        assert LABEL(wanted, said(other))["correct"] == 0
    twins = correctness(ScoringContext("label", labels=("US", "us", "café")))
    assert twins(case("US"), said("us"))["correct"] == 0  # two labels of which each is written out
    assert twins(case("US"), said("US"))["correct"] == 1
    assert twins(case("US"), said("Us"))["correct"] == 0  # it could be either
    assert twins(case("café"), said(unicodedata.normalize("NFD", "Café")))["correct"] == 1
    assert LABEL(case("unknown"), said("unknown"))["correct"] == 1  # a label is no refusal
    assert LABEL(case(), said("unknown"))["correct"] == 0
    assert LABEL(case(), said("I don't know."))["correct"] == 1


def test_by_what_correct_is_judged() -> None:
    short, long = case("nine o'clock"), case("The office opens at nine o'clock on every day but Sunday, when it is closed.")
    assert scoring_context([short]).correct_by == "match"
    assert scoring_context([long, long, short]).correct_by == "rouge_l"
    assert scoring_context([long], metric="em").correct_by == "em"
    assert scoring_context([long], labels=("a",)).correct_by == "label"
    assert scoring_context([long], schema=SCHEMA, labels=("a",), metric="json").correct_by == "json"
    assert scoring_context([]).correct_by == scoring_context([case()]).correct_by == "match"


@pytest.mark.parametrize(
    ("schema", "labels", "metric", "complaint"),
    [
        ("", (), "bleu", "'bleu' is unknown: use one of match, f1, rouge_l, em, contains"),
        (SCHEMA, (), "f1", "with a schema"),
        ("", ("a",), "f1", "with labels"),
        ("", (), "json", "no behaviour.schema"),
    ],
)
def test_a_metric_that_cannot_be(schema: str, labels: tuple[str, ...], metric: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        scoring_context([], schema=schema, labels=labels, metric=metric)
