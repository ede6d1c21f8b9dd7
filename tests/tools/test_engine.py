"""Does a call come back with its value, and a wrong call with what was wrong?"""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import InputError, UserError
from rung.records import Asker
from rung.records.steps import CallTool, CallToolResult, Request
from rung.tools import ToolEngine, open_tools, tools_of
from rung.tools.registry import DOOR


def called(name: str, arguments: str) -> object:
    engine = ToolEngine(open_tools(["calculator"]))
    ((place, result),) = engine.run([Request(CallTool(name, arguments), Asker())])
    assert place == 0
    assert isinstance(result, CallToolResult)
    return result.value


def test_a_call_comes_back_with_its_value() -> None:
    assert called("calculator", '{"expression": "6*7"}') == "42"


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("calulator", '{"expression": "6*7"}', "there are: calculator"),
        ("calculator", "6*7", "no JSON"),
        ("calculator", "[6, 7]", "object"),
        ("calculator", '{"expression": "six"}', "no arithmetic"),
    ],
)
def test_a_wrong_call_comes_back_with_what_was_wrong(name: str, arguments: str, says: str) -> None:
    value = called(name, arguments)
    assert isinstance(value, dict)
    assert says in str(value["error"])


def test_a_spec_is_a_json_schema() -> None:
    import jsonschema

    for name in DOOR.built_in:
        (tool,) = open_tools([name])
        assert tool.spec.name == name
        jsonschema.Draft202012Validator.check_schema(json.loads(tool.spec.parameters))


def test_an_unknown_tool_is_refused_with_the_nearest_and_its_line(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: t\ntools:\n  - calculator\n  - calculater\n")
    with pytest.raises(InputError, match=r"rung.yaml:4.*did you mean 'calculator'"):
        tools_of(load_project(tmp_path))


def test_a_plugin_may_not_take_a_name_that_is_taken() -> None:
    point = EntryPoint("calculator", "rung.tools.calculator:Calculator", DOOR.group)
    with pytest.raises(UserError, match="two tools are called 'calculator'"):
        DOOR.load([point])
