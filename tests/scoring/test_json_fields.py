"""JSON by field: what agrees, what each field weighs, which weights cannot be."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.records import Answer, Case, Failure, Json, Outcome
from rung.scoring import ScoringContext, scoring_context
from rung.scoring.field_shares import field_shares
from rung.scoring.json_fields import FieldFault, JsonFields, agreement
from rung.text.json_values import key
from tests.scoring.making import correctness, said

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"intent": {"type": "string"}, "city.name": {"type": "string"}, "slots": {"$ref": "#/$defs/slots"}},
        "$defs": {
            "slots": {
                "type": "object",
                "properties": {"time": {"type": "string"}, "people": {"type": "integer"}},
                "anyOf": [{"properties": {"name": {"type": "string"}}}],
            }
        },
    }
)
RIGHT = '{"intent": "book", "slots": {"time": "19:00", "people": 2}}'


def score(text: str, *answers: str, **weights: float) -> float:
    context = ScoringContext("json_fields", schema=SCHEMA, weights={k.replace("__", "."): w for k, w in weights.items()})
    return correctness(context)(Case("c", "?", answers or (RIGHT,)), said(text))["correct"]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        (RIGHT, 1),
        ('{"slots": {"people": 2.0, "time": "19:00"}, "intent": "book"}', 1),
        ('{"intent": "book", "slots": {"time": "20:00", "people": 2}}', 0.75),  # half of the field slots
        ('{"intent": "ask", "slots": {"time": "19:00", "people": 2}}', 0.5),
        ('{"intent": "book"}', 0.5),
        ('{"intent": "book", "slots": {"time": "19:00", "people": 2, "name": "Li"}}', 0.5 + 0.5 * 2 / 3),
        (RIGHT[:-1] + ', "more": 1}', 2 / 3),  # a field that nobody asked for is wrong
        ("{}", 0),
        ("[]", 0),
        ('"book"', 0),
        ("book", 0),
        ("", 0),
        (RIGHT[:-1], 0),  # cut off
        (f"Here: {RIGHT}", 0),  # a program would not read it
    ],
)
def test_the_mean_over_the_fields_that_either_has(text: str, share: float) -> None:
    assert score(text) == pytest.approx(share)


def test_weights() -> None:
    wrong_intent = '{"intent": "ask", "slots": {"time": "19:00", "people": 2}}'
    assert score(wrong_intent, intent=3) == pytest.approx(1 / 4)
    assert score(wrong_intent, intent=0) == 1
    wrong_time = '{"intent": "book", "slots": {"time": "20:00", "people": 2}}'
    assert score(wrong_time, slots__time=2) == pytest.approx(2 / 4)  # intent 1, slots (people alone) 1, slots.time 2
    assert score(wrong_time, slots__time=0) == 1
    assert score(wrong_time, slots__time=2, intent=0, slots=0) == 0
    assert score('{"intent": "book", "slots": {"people": 2}}', slots__time=2) == pytest.approx(2 / 4)
    assert score('{"intent": "book", "slots": 7}', slots__time=2) == pytest.approx(1 / 4)
    only = '{"slots": {"time": "19:00"}}'
    assert score(only, only, slots__time=5) == 1  # what is left of slots is no field
    named = '{"city.name": "Ulm", "intent": "x"}'
    assert score('{"city.name": "Rom", "intent": "x"}', named, city__name=4) == pytest.approx(1 / 5)


def test_the_nearest_accepted_answer_counts_and_whole_values_stand_beside() -> None:
    scorer = correctness(ScoringContext("json_fields", schema=SCHEMA))
    case = Case("c", "?", ("no JSON", '{"intent": "ask"}', RIGHT))
    assert scorer(case, said('{"intent": "book"}')) == {
        "correct": 0.5,
        "json_exact": 0,
        "json_field_f1": pytest.approx(1 / 2),
    }
    assert scorer(case, said('{"intent": "ask"}')) == {"correct": 1, "json_exact": 1, "json_field_f1": 1}
    assert scorer(Case("c", "?", ("no JSON",)), said('{"intent": "ask"}'))["correct"] == 0
    failed = Outcome("c", failure=Failure("refused"))
    assert scorer(case, failed) == {"correct": 0, "json_exact": 0, "json_field_f1": 0}
    assert scorer(Case("c", "?", answerable=False), said("I don't know.")) == dict.fromkeys(scorer(case, failed), 1.0)
    assert scorer(Case("c", "?", answerable=False), said(RIGHT)) == dict.fromkeys(scorer(case, failed), 0.0)


def test_lists_have_no_order_and_whole_items() -> None:
    assert agreement([1, 2], [2, 1]) == 1
    assert agreement([1, 2, 2], [2, 1]) == pytest.approx(4 / 5)
    pairs: Json = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    crossed: Json = [{"a": 1, "b": 4}, {"a": 3, "b": 2}]
    assert agreement(crossed, pairs) == 0
    assert agreement([], []) == agreement({}, {}) == 1
    assert agreement([], [1]) == agreement({}, {"a": 1}) == agreement([], {}) == agreement(True, 1) == 0


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=12,
)


@given(_json, _json)
def test_agreement_is_a_share_has_no_side_and_is_whole_for_equal_values(one: Json, other: Json) -> None:
    assert 0 <= agreement(one, other) <= 1
    assert agreement(one, other) == pytest.approx(agreement(other, one))
    assert agreement(one, one) == 1
    if agreement(one, other) == 1 and not any(isinstance(v, list) for v in _within(one)):
        assert key(one) == key(other)


def _within(value: Json) -> list[Json]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(deep for one in inner for deep in _within(one))]


def test_the_mean_of_the_shares_of_each_field_is_what_was_drawn() -> None:
    """Answers whose fields are right with a known probability: the columns find it again, and `correct` is their mean."""
    rng, truth = random.Random(4), {"intent": 0.9, "slots": 0.3}
    cases = {f"c{n}": Case(f"c{n}", "?", ('{"intent": "a", "slots": {"time": "x"}}',)) for n in range(2000)}
    outcomes = [
        Outcome(
            id,
            Answer(
                json.dumps(
                    {
                        "intent": "a" if rng.random() < truth["intent"] else "b",
                        "slots": {"time": "x" if rng.random() < truth["slots"] else "y"},
                    }
                )
            ),
        )
        for id in cases
    ]
    context = ScoringContext("json_fields", schema=SCHEMA)
    columns = field_shares(cases, [outcomes, outcomes[:1000]], context)
    assert list(columns) == ["intent", "slots"]
    for name, probability in truth.items():
        assert sum(columns[name]) / 2000 == pytest.approx(probability, abs=0.04)
    scorer = correctness(context)
    mean = sum(scorer(cases[one.case], one)["correct"] for one in outcomes) / 2000
    assert mean == pytest.approx(sum(map(sum, columns.values())) / 4000)


def test_columns_are_empty_where_nothing_is_to_be_said() -> None:
    cases = {"a": Case("a", "?", (RIGHT,)), "u": Case("u", "?", answerable=False), "n": Case("n", "?", (RIGHT,))}
    outcomes = [Outcome("a", Answer("I don't know.")), Outcome("u", Answer("I don't know."))]
    columns = field_shares(cases, [outcomes], ScoringContext("json_fields", schema=SCHEMA))
    assert columns.keys() == {"intent", "slots"}
    for column in columns.values():
        assert column[0] == 0
        assert math.isnan(column[1])
        assert math.isnan(column[2])
    assert field_shares(cases, [outcomes], ScoringContext("json", schema=SCHEMA)) == {}


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ({"intend": 2}, "the schema has no field 'intend'; did you mean 'intent'?"),
        ({"slots.tim": 2}, "'slots' of the schema has no field 'tim'; did you mean 'time'?"),
        ({"intent.x": 2}, "'intent' of the schema has no field 'x'; it names none"),
        ({"": 2}, "the schema has no field ''"),
        ({"intent": -1}, "the weight of 'intent' must be a number from 0 up, not -1"),
        ({"intent": math.nan}, "the weight of 'intent' must be a number"),
        ({"intent": math.inf}, "the weight of 'intent' must be a number"),
        ({"intent": 0, "slots": 0, "city.name": 0}, "every field weighs 0"),
    ],
)
def test_weights_that_cannot_be(weights: dict[str, float], why: str) -> None:
    with pytest.raises(FieldFault, match=r"bar\.fields") as caught:
        JsonFields(SCHEMA, weights)
    assert why in str(caught.value)


def test_a_field_that_every_branch_names_is_found_and_a_schema_without_fields_refused() -> None:
    JsonFields(SCHEMA, {"slots.name": 1, "slots": 0, "intent": 0, "city.name": 0})
    loop = '{"properties": {"a": {"$ref": "#/properties/a"}}}'
    with pytest.raises(FieldFault, match="'a' of the schema has no field 'b'"):
        JsonFields(loop, {"a.b": 1})
    for schema in ('{"type": "array", "items": {"properties": {"a": {}}}}', "{}"):
        with pytest.raises(UserError, match="names no fields"):
            JsonFields(schema, {})


def test_by_what_correct_is_judged() -> None:
    assert scoring_context([], schema=SCHEMA, metric="json_fields", weights={"intent": 2}).weights == {"intent": 2}
    with pytest.raises(UserError, match=r"no behaviour\.schema"):
        scoring_context([], metric="json_fields")
    with pytest.raises(UserError, match="only 'metric: json_fields' reads"):
        scoring_context([], schema=SCHEMA, weights={"intent": 2})
    with pytest.raises(UserError, match="or say json_fields"):
        scoring_context([], schema=SCHEMA, metric="f1")
