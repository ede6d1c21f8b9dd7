"""Which answers are refusals: the words, the JSON, and what merely begins alike."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.text.json_values import fits
from rung.text.refusals import REFUSAL, is_refusal, refusal_json

REFUSALS = [
    "I don't know.",
    "I do not know",
    "i dont know",
    "I don’t know.",
    "**I don't know.**",
    '"I don\'t know."',
    "I really don't know the answer to that.",
    "I don't know what the capital of Ruritania is.",
    "I don't know based on the passages.",
    "I don't know, sorry!",
    "Sorry, I don't know.",
    "I'm sorry, but I cannot answer this question.",
    "I am sorry, but I don't have enough information to answer that.",
    "Unfortunately, the documents do not contain this information.",
    "I'm not sure.",
    "I am not sure what you mean by that.",
    "I can't find the answer in the passages.",
    "I could not find any information about refunds.",
    "I'm unable to answer that from the documents.",
    "I do not have access to that information.",
    "We don't have any information on this.",
    "There is no information about the price in the passages.",
    "There is no mention of a king in the text.",
    "There's not enough information to answer the question.",
    "Not enough information.",
    "No information available.",
    "Insufficient information to answer.",
    "not in the documents",
    "The answer is not in the documents.",
    "This is not mentioned in the provided passages.",
    "The question cannot be answered from the given context.",
    "It cannot be determined.",
    "Cannot be answered.",
    "The passage does not say who won.",
    "The provided documents don't mention the delivery time.",
    "The text doesn't provide an answer.",
    "The context does not contain the answer to your question.",
    "Unanswerable",
    "The question is unanswerable.",
    "No answer.",
    "unknown",
    "N/A",
    "idk",
    "I have no idea.",
    "Not specified.",
    "Based on the documents provided, I don't know.",
    "I don't know, but you can ask the help desk.",
    "Answer: I don't know",
    "I'm sorry, but as an AI language model, I don't have access to that information.",
    "The answer to this question is not provided in the text.",
    "The passages provided do not mention the price.",
    "None of the passages mention a price.",
    "It is unclear from the text.",
    "It's not known who wrote it.",
]
ANSWERS = [
    "",
    "   ",
    "Paris",
    "I don't know much about X but it is Y",
    "I don't know, but I think it is Paris.",
    "I don't know exactly; however, it was built in 1889.",
    "I'm not sure, but it was probably 1066.",
    "I know that it is blue.",
    "Knowledge is what you do not know",
    "Nobody knows",
    "No",
    "No.",
    "None",
    "0",
    "Not until 1920",
    "Notre Dame",
    "no earlier than May",
    "not in the north but in the south",
    "There is no evidence that vaccines cause autism",
    "There is no charge for returns.",
    "There was no king in 1066.",
    "The text was written by Cicero",
    "The document does not contain a signature page.",
    "The answer is 42.",
    "The information is stored in the database.",
    "It is not known for its beaches but for its hills.",
    "It is in the documents folder.",
    "You cannot find a better price.",
    "Unknown Pleasures",
    "Unanswerable questions were added in 2018",
    "Sorry Seems to Be the Hardest Word",
    "Unfortunately, your parcel is late.",
    "I can't get no satisfaction",
    "The unknown soldier",
    "context-free grammars",
    "an I don't know attitude",
    "Do not know your rights",
    "Information theory",
    "not found 404",
    "provided by the state",
    "The information desk is on the second floor",
    "none of the above",
    "None of the documents were signed",
    "It is unclear water that they drink",
    "As an AI company, we sell models.",
]


MARKED = [json.loads(line) for line in (Path(__file__).parent / "refusals.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["dev", "held out"])
def test_few_of_the_marked_sentences_are_taken_for_what_they_are_not(part: str) -> None:
    """English, German, Spanish and French, marked by hand; no rule was made after looking at the half that was held out."""
    for refuses in (True, False):
        texts = [row["text"] for row in MARKED if row["part"] == part and row["refusal"] is refuses]
        wrong = [text for text in texts if is_refusal(text) is not refuses]
        assert len(wrong) <= 0.05 * len(texts), wrong


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_recognised(text: str) -> None:
    assert is_refusal(text)
    assert is_refusal(text.upper())


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_not_taken_for_a_refusal(text: str) -> None:
    assert not is_refusal(text)


def test_the_refusal_that_rungs_are_taught_is_one() -> None:
    assert is_refusal(REFUSAL)


def test_hostile_text_takes_no_time() -> None:
    began = time.process_time()
    for text in ("the " * 50_000, "sorry, " * 50_000, "i don't know " * 50_000, "based on " + "a " * 90_000):
        is_refusal(text)
    assert time.process_time() - began < 0.5


SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"quote": {"type": ["string", "null"]}, "answer": {"type": ["string", "null"]}},
        "required": ["answer", "quote"],
        "additionalProperties": False,
    }
)


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ('{"answer": null, "quote": null}', True),
        ('{"quote": "", "answer": null}', True),
        ('{"answer": "I don\'t know.", "quote": null}', True),
        ('{"answer": {"text": null, "spans": []}}', True),
        ("null", True),
        ("{}", True),
        ('""', True),
        ("I don't know.", True),
        ('{"answer": "nine", "quote": null}', False),
        ('{"answer": 0, "quote": null}', False),
        ('{"answer": false}', False),
        ('{"answer": null, "quote": ', False),
        ("", False),
    ],
)
def test_refusal_in_json(text: str, refuses: bool) -> None:
    assert is_refusal(text, SCHEMA) is refuses


def test_refusal_json_keeps_the_schemas_order() -> None:
    assert refusal_json(SCHEMA) == '{"quote": null, "answer": null}'


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, {"a": ""}),
        ({"type": "object", "properties": {"a": {"type": "array"}, "b": {"type": "string"}}, "required": ["a"]}, {"a": []}),
        ({"type": "object", "properties": {"a": {"type": ["null", "integer"]}}}, {"a": None}),
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, None),
        ({"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]}, None),
        ({"type": "object", "properties": {"a": {"enum": ["yes", "no"]}}, "required": ["a"]}, None),
        ({"type": "object", "properties": {"a": {"enum": ["yes", None]}}, "required": ["a"]}, {"a": None}),
        ({"type": "object", "required": ["a"]}, None),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "minProperties": 1}, None),
        ({"type": ["string", "null"]}, None),
        (
            {
                "type": "object",
                "properties": {"in": {"$ref": "#/$defs/inner"}},
                "required": ["in"],
                "$defs": {"inner": {"type": "object", "properties": {"x": {"type": "null"}}, "required": ["x"]}},
            },
            {"in": {"x": None}},
        ),
        (
            {"anyOf": [{"type": "integer"}, {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]}]},
            {"a": None},
        ),
    ],
)
def test_refusal_json_of_a_schema(schema: object, wanted: object) -> None:
    text = json.dumps(schema)
    found = refusal_json(text)
    if schema == {"type": ["string", "null"]}:
        assert found == "null"
    elif wanted is None:
        assert found is None
    else:
        assert found is not None
        assert json.loads(found) == wanted
        assert fits(found, text)
        assert is_refusal(found, text)


def test_a_recursive_schema_ends() -> None:
    schema = {
        "$ref": "#/$defs/node",
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "required": ["next"]}},
    }
    assert refusal_json(json.dumps(schema)) is None


@pytest.mark.parametrize("schema", ["", "nonsense", "[]", '{"type": "nosuch"}'])
def test_a_schema_that_is_none_is_the_users_to_fix(schema: str) -> None:
    with pytest.raises(UserError, match="the schema is no JSON"):
        refusal_json(schema)


def test_a_remote_reference_is_an_error_and_not_a_request() -> None:
    with pytest.raises(UserError, match=r"https://example\.invalid/x"):
        fits("{}", '{"$ref": "https://example.invalid/x"}')


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("The passages give no inventor.", True),
        ("The context identifies no inventor.", True),
        ("The policy gives no refund.", False),
        ("The passage mentions no fee, so it is free.", False),
    ],
)
def test_what_the_passages_do_not_give_is_a_refusal(text: str, refuses: bool) -> None:
    assert is_refusal(text) is refuses
