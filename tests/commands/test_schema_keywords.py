"""Does `rung check` say which keywords of the schema are not held while an answer is written, with file and line?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.commands.survey import Survey, survey
from rung.config.project import load_project
from rung.errors import InputError
from rung.records import Json
from rung.text.json_values import pointer_lines

SCHEMA = """{
  "type": "object",
  "properties": {
    "tags": {
      "type": "array",
      "items": {"type": "string", "maxLength": 9},
      "uniqueItems": true, "contains": {"const": "a"}
    },
    "name": {"type": "string", "nullable": true},
    "n/m": {
      "type": "string",
      "pattern": "^[a-z]{1,9}\\\\b.$"
    }
  }
}
"""


def looked_over(folder: Path, schema: str, model: str = "smollm2-135m-instruct") -> Survey:
    (folder / "rung.yaml").write_text(
        f"task: t\nmodel: {model}\nbehaviour: {{schema: answer.schema.json}}\ncases: [cases.jsonl]\nrungs: [structured]\n"
    )
    (folder / "cases.jsonl").write_text('{"question": "q", "answers": ["{}"]}\n')
    (folder / "answer.schema.json").write_text(schema, encoding="utf-8")
    return survey(load_project(folder))


def test_what_is_not_held_is_a_problem_with_its_line(tmp_path: Path) -> None:
    found = looked_over(tmp_path, SCHEMA)
    said = [str(problem) for problem in found.problems]
    assert len(said) == 3
    assert said[0].startswith("answer.schema.json:9: 'nullable' is no keyword of JSON Schema")
    assert said[1].startswith("answer.schema.json:7: 'uniqueItems' is not held")
    assert said[2].startswith("answer.schema.json:12: 'pattern' is not held")
    assert "nothing is wrong" not in list(found.as_lines())
    (hint,) = (hint for hint in found.hints() if "schema" in hint)
    assert hint.startswith("answer.schema.json:4, answer.schema.json:9"), "a list and a text without an upper length"


def test_what_a_server_holds_is_the_servers(tmp_path: Path) -> None:
    found = looked_over(tmp_path, SCHEMA, model='"http://localhost:1/v1#m"')
    assert [problem.line for problem in found.problems] == [9]


@pytest.mark.slow
def test_a_schema_that_is_held_whole_is_no_problem(tmp_path: Path) -> None:
    schema = {"properties": {"a": {"type": "integer", "multipleOf": 7}, "b": {"enum": ["España"]}}, "required": ["a", "b"]}
    found = looked_over(tmp_path, json.dumps(schema))
    assert [p for p in found.problems if p.path == "answer.schema.json"] == []
    assert not any("schema" in hint for hint in found.hints())


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (
            '{"properties": {"a": {"type": "integer", "minimum": 3, "maximum": 1}}, "required": ["a"]}',
            "'minimum' and 'maximum' contradict",
        ),
    ],
)
def test_a_schema_that_no_answer_can_be_held_to_is_refused(tmp_path: Path, schema: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        looked_over(tmp_path, schema)
    assert caught.value.line == 1


def test_a_reference_that_leads_nowhere_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"answer.schema.json:1: the schema refers to #/.defs/gone, which is not there"):
        looked_over(tmp_path, '{"properties": {"a": {"$ref": "#/$defs/gone"}}}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_lines_of_pointers(value: Json) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    lines = text.split("\n")

    def pointers(inner: Json, pointer: str) -> dict[str, Json]:
        found = {pointer: inner}
        pairs = enumerate(inner) if isinstance(inner, list) else inner.items() if isinstance(inner, dict) else ()
        for key, item in pairs:
            found |= pointers(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
        return found

    told = pointer_lines(text)
    assert set(told) == set(pointers(value, ""))
    for pointer, inner in pointers(value, "").items():
        beginning = json.dumps(inner, ensure_ascii=False)[:1]
        assert beginning in lines[told[pointer] - 1]
