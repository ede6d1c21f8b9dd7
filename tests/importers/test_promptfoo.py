"""What becomes of Promptfoo's tests: roles of variables, assertions, other files."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import InputError
from rung.importers.imported import ImportedRow
from rung.importers.promptfoo import PROMPTFOO
from rung.importers.promptfoo_asserts import asserted, from_cell
from rung.importers.source import ImportFile
from rung.records import Json


def read(folder: Path, text: str, **more: str) -> list[ImportedRow]:
    path = folder / "promptfooconfig.yaml"
    path.write_text(text, encoding="utf-8")
    return list(PROMPTFOO.read(ImportFile(path, **more)))


@pytest.mark.parametrize(
    ("assertions", "answers"),
    [
        ([{"type": "equals", "value": "Paris"}], ["Paris"]),
        ([{"type": "icontains", "value": "Paris"}], ["Paris"]),
        ([{"type": "contains-any", "value": ["9 EUR", "nine"]}], ["9 EUR", "nine"]),
        ([{"type": "icontains-any", "value": "9 EUR, nine"}], ["9 EUR", "nine"]),
        ([{"type": "contains-all", "value": ["9 EUR"]}], ["9 EUR"]),
        ([{"type": "equals", "value": {"a": 1}}], ['{"a": 1}']),
        ([{"type": "equals", "value": "It is Paris."}, {"type": "icontains", "value": "paris"}], ["It is Paris."]),
        ([{"type": "assert-set", "assert": [{"type": "equals", "value": "a"}]}], ["a"]),
        ([{"type": "similar", "value": "Paris", "threshold": 0.8}], ["Paris"]),
        ([{"type": "factuality", "value": "Paris is the capital"}], ["Paris is the capital"]),
        ([{"type": "equals", "value": "{{city}}"}], ["Oslo"]),
        ([{"type": "contains", "value": "a"}, {"type": "contains", "value": "b"}], []),
        ([{"type": "contains-all", "value": ["a", "b"]}], []),
        ([{"type": "not-contains", "value": "a"}], []),
        ([{"type": "contains", "value": "a", "weight": 0}], []),
        ([{"type": "equals", "value": "{{city | upper}}"}], []),
        ([{"type": "equals", "value": "file://answer.txt"}], []),
    ],
)
def test_assertions_become_accepted_answers_or_are_listed(assertions: list[Json], answers: list[str]) -> None:
    result = asserted(assertions, {"city": "Oslo"})
    assert result.answers == answers
    assert answers or result.notes


def test_a_schema_a_rubric_and_a_refusal_are_carried_over() -> None:
    result = asserted(
        [
            {"type": "is-json", "value": {"type": "object"}},
            {"type": "llm-rubric", "value": "Names {{city}}"},
            {"type": "is-refusal"},
            {"type": "is-json", "value": {"type": "array"}},
        ],
        {"city": "Oslo"},
    )
    assert (result.schema, result.rubrics, result.refuses) == ({"type": "object"}, ["Names Oslo"], True)
    assert result.notes == ["a second schema of 'is-json' is not carried over"]


@pytest.mark.parametrize(
    ("cell", "assertion"),
    [
        ("Paris", {"type": "equals", "value": "Paris"}),
        ("see: this", {"type": "equals", "value": "see: this"}),
        ("icontains: Paris", {"type": "icontains", "value": "Paris"}),
        ("contains-any: a, b", {"type": "contains-any", "value": ["a", "b"]}),
        ("not-contains: x", {"type": "not-contains", "value": "x"}),
        ("similar(0.8): Paris", {"type": "similar", "value": "Paris"}),
        ("latency(500)", {"type": "latency", "value": "500"}),
        ("grade: is kind", {"type": "llm-rubric", "value": "is kind"}),
        ("fn: output == 1", {"type": "javascript", "value": "output == 1"}),
        ("is-json", {"type": "is-json"}),
    ],
)
def test_a_cell_of_the_csv_is_an_assertion(cell: str, assertion: Json) -> None:
    assert from_cell(cell) == assertion


def test_variables_that_the_prompt_shows_are_asked_and_contexts_are_documents(tmp_path: Path) -> None:
    (row,) = read(
        tmp_path,
        """\
prompts: ['From {{context}} answer {{query}} in {{language}}']
tests:
  - vars:
      query: How much?
      language: German
      context: Express costs 9 EUR.
      internal: not shown
    assert: [{type: equals, value: 9 EUR}]
""",
    )
    (case,), (document,) = row.cases, row.documents
    assert case["question"] == "How much?\nlanguage: German"
    assert case["gold_documents"] == [document["id"]]
    assert document["text"] == "Express costs 9 EUR."


NO_QUESTION = "has no variable 'question', by which its prompts ask"


@pytest.mark.parametrize(
    ("prompts", "variables", "outcome"),
    [
        ("'C: {{context}} Q: {{question}}'", "context: A long text.", NO_QUESTION),
        ("'{{context}} {{question}}'", "context: x, question: ''", NO_QUESTION),
        ("'{{context}} {{item.question}}'", "context: x, item: {question: y}", "y"),
        ("'{{context}} {{question}}', 'Sum up {{context}}'", "context: x", "x"),
        ("'{{context}} {{question}}'", "context: x, query: y", NO_QUESTION),
        ("'{{body}}{% if topic %} {{topic}}{% endif %}'", "body: x", "x"),
    ],
)
def test_a_test_without_the_variable_by_which_its_prompt_asks_is_listed(
    prompts: str, variables: str, outcome: str, tmp_path: Path
) -> None:
    text = f"prompts: [{prompts}]\ntests:\n  - vars: {{{variables}}}\n    assert: [{{type: equals, value: z}}]\n"
    (row,) = read(tmp_path, text)
    assert (row.refused or row.cases[0]["question"]) == outcome


def test_a_variable_that_only_assertions_name_is_not_shown(tmp_path: Path) -> None:
    text = "prompts: [file://prompt.py]\ntests:\n  - vars: {topic: Norway, capital: Oslo}\n"
    (row,) = read(tmp_path, text + "    assert: [{type: icontains, value: '{{capital}}'}]\n")
    assert (row.cases[0]["question"], row.cases[0]["answers"]) == ("Norway", ["Oslo"])


def test_the_user_says_which_variable_asks(tmp_path: Path) -> None:
    text = "prompts: ['{{a}} {{question}}']\ntests:\n  - vars: {a: 'Why?', question: no, want: because}\n"
    (row,) = read(tmp_path, text, question="a", answer="want")
    assert (row.cases[0]["question"], row.cases[0]["answers"]) == ("Why?\nquestion: no", ["because"])
    (row,) = read(tmp_path, text, answer="typo")
    assert row.refused == "has no variable 'typo'; it has a, question, want"


def test_yaml_is_read_as_javascript_reads_it(tmp_path: Path) -> None:
    """Promptfoo reads YAML 1.2, where `no` and `12:30` are texts; in YAML 1.1 they are false and 750."""
    tests = "".join(f"  - vars: {{question: q{value}}}\n    assert: [{{type: equals, value: {value}}}]\n" for value in CORE)
    rows = read(tmp_path, f"prompts: ['{{{{question}}}}']\ntests:\n{tests}")
    assert {str(row.cases[0]["question"])[1:]: row.cases[0]["answers"] for row in rows} == {
        value: [text] for value, text in CORE.items()
    }


CORE = {
    "no": "no",
    "Yes": "Yes",
    "12:30": "12:30",
    "2026-01-02": "2026-01-02",
    "1_000": "1_000",
    "7": "7",
    "true": "true",
    "1.50": "1.5",
}


def test_a_question_mark_within_a_plain_text_of_a_flow_mapping_is_read(tmp_path: Path) -> None:
    """The YAML parser at hand takes `?` there for the mark of a key; Promptfoo's does not."""
    text = """\
prompts: ['{{question}} {{other}}']  # why?
tests:
  - vars: {question: How long?, other: "x?", from: http://x.example/?q=1}
    assert: [{type: icontains-any, value: [a week?, 7]}]
  - vars: {? question : Where, other: 12:30}
    assert: [{type: equals, value: no}]
"""
    long, where = read(tmp_path, text)
    assert (long.cases[0]["question"], long.cases[0]["answers"]) == ("How long?\nother: x?", ["a week?", "7"])
    assert (where.line, where.cases[0]["question"], where.cases[0]["answers"]) == (5, "Where\nother: 12:30", ["no"])
    with pytest.raises(InputError, match="but got '\\?'") as refused:
        read(tmp_path, text.replace("How long?", "'How long'?"))
    assert refused.value.line == 3


def test_lists_of_variables_are_multiplied_out(tmp_path: Path) -> None:
    text = "prompts: ['{{q}} {{lang}}']\ntests:\n  - vars: {q: [a, b], lang: [de, fr]}\n"
    (row,) = read(tmp_path, text + "    assert: [{type: equals, value: '{{q}}'}]\n")
    assert [case["question"] for case in row.cases] == ["a\nlang: de", "a\nlang: fr", "b\nlang: de", "b\nlang: fr"]
    assert [case["answers"] for case in row.cases] == [["a"], ["a"], ["b"], ["b"]]
    many = ", ".join(map(str, range(40)))
    (row,) = read(tmp_path, f"prompts: ['{{{{a}}}}']\ntests:\n  - vars: {{a: [{many}], b: [{many}]}}\n")
    assert "more than 1,000 combinations" in row.refused


def test_tests_beside_the_configuration_share_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("question,answer\nHow much?,9 EUR\nHow long?,\n", encoding="utf-8")
    (tmp_path / "more.yaml").write_text("- vars: {question: 'When?', answer: today}\n", encoding="utf-8")
    rows = read(
        tmp_path,
        """\
prompts: ['{{question}}']
defaultTest: {assert: [{type: equals, value: '{{answer}}'}]}
tests: [file://more.csv, file://more.yaml, file://../secret.csv, 'https://x.example/t.csv', file://absent.csv, file://make.py]
""",
    )
    assert [(row.part, [case["answers"] for case in row.cases]) for row in rows[:3]] == [
        ("more.csv", [["9 EUR"]]),
        ("more.csv", []),
        ("more.yaml", [["today"]]),
    ]
    assert len(rows) == 7
    assert all(row.refused and row.line == 3 for row in rows[3:])


def test_a_chat_as_a_variable_is_question_and_earlier_turns(tmp_path: Path) -> None:
    (row,) = read(
        tmp_path,
        """\
prompts: ['{{messages}}']
tests:
  - vars:
      messages: >-
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "When?"}]
    assert: [{type: equals, value: now}]
""",
    )
    assert row.cases[0]["question"] == "When?"
    assert row.cases[0]["messages"] == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]


def test_an_assert_set_of_weight_0_is_no_answer() -> None:
    inner: Json = {"type": "icontains", "value": "one or two"}
    result = asserted([{"type": "icontains", "value": "one"}, {"type": "assert-set", "weight": 0, "assert": [inner]}], {})
    assert result.answers == ["one"]
    assert result.notes == ["an assert-set of weight 0, which only reports, is not carried over"]


def test_a_refusal_beside_an_answer_is_said() -> None:
    result = asserted([{"type": "icontains", "value": "one"}, {"type": "is-refusal"}], {})
    assert result.refuses
    assert result.notes == ["'is-refusal' beside an expected text: the text is not carried over, the question has no answer"]


def test_the_options_of_the_default_test_go_into_each_test(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        """\
prompts: ['{{question}}']
defaultTest:
  options: {prefix: 'In German: ', suffix: '!', transform: x}
  threshold: 0.5
  metadata: {k: 1}
tests:
  - vars: {question: 'a?'}
    assert: [{type: equals, value: one}]
  - vars: {question: 'b?'}
    options: {prefix: 'In French: '}
    assert: [{type: equals, value: two}]
""",
    )
    assert [row.cases[0]["question"] for row in rows] == ["In German: a?!", "In French: b?!"]
    assert rows[0].notes == tuple(f"'{key}' is not carried over" for key in ("threshold", "options.transform"))
    assert all(row.cases[0]["meta"] == {"k": 1} for row in rows)


def test_columns_of_the_csv_that_are_not_carried_over_are_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "question,__expected,__metadata:cat,__config:__expected:threshold,__description\na?,b,x,0.9,d\nc?,d,,,\n"
    )
    row, bare = PROMPTFOO.read(ImportFile(tmp_path / "t.csv"))
    assert row.notes == tuple(f"'{key}' is not carried over" for key in ("__config:__expected:threshold",))
    assert row.cases[0]["meta"] == {"cat": "x", "description": "d"}
    assert bare.notes == ()


def test_an_answer_that_assertions_name_is_taken_before_the_users(tmp_path: Path) -> None:
    text = "prompts: ['{{question}}']\ntests:\n  - vars: {question: 'a?', want: x}\n    assert: [{type: equals, value: y}]\n"
    (row,) = read(tmp_path, text, answer="want")
    assert (row.cases[0]["answers"], row.notes) == (
        ["y"],
        ("its assertions name the answer: what --answer names is not read",),
    )


def test_variables_that_no_prompt_shows_are_kept(tmp_path: Path) -> None:
    (row,) = read(
        tmp_path,
        """\
prompts: ['{{question}}']
tests:
  - vars: {question: 'How long?', region: north, city: Oslo, note: ''}
    assert: [{type: icontains, value: 'a day in {{city}}'}]
""",
    )
    assert (row.cases[0]["question"], row.cases[0]["meta"]) == ("How long?", {"vars": {"region": "north"}})
    (row,) = read(tmp_path, "tests:\n  - vars: {question: 'How long?', answer: One day, level: 2}\n")
    assert (row.cases[0]["answers"], "meta" in row.cases[0]) == (["One day"], False)


def test_what_an_assertion_says_beside_its_value_is_listed() -> None:
    told: list[Json] = [
        {"type": "equals", "value": "a", "weight": 2, "metric": "exact"},
        {"type": "contains", "value": "a", "weight": 1},
        {"type": "assert-set", "metric": "both", "assert": [{"type": "contains", "value": "a"}]},
    ]
    assert sorted(asserted(told, {}).notes) == [
        "'metric' of the assertion 'assert-set' is not carried over: both",
        "'metric' of the assertion 'equals' is not carried over: exact",
        "'weight' of the assertion 'equals' is not carried over: 2",
    ]
