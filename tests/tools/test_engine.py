"""Does a call come back with its value, and a wrong call with what was wrong?"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rung.config.project import Project, load_project
from rung.errors import InputError, UserError
from rung.records import Asker, Failure, Json, ToolSpec
from rung.records.steps import CallTool, CallToolResult, Request
from rung.tools import ToolEngine, open_tools, tools_of
from rung.tools.engine import MAX_RESULT
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


class _Odd:
    """A tool that breaks, hangs or says too much, as it is asked."""

    identity = "odd"
    seconds = 1.0
    spec = ToolSpec("odd", "Odd.", "{}")

    def call(self, arguments: Mapping[str, Json]) -> Json:
        match arguments.get("how"):
            case "break":
                raise KeyError("gone")
            case "hang":
                time.sleep(60)
            case "much":
                return [["x" * 100] * 1000] * 100
        return "fine"


def test_a_tool_that_breaks_or_hangs_fails_and_one_that_says_too_much_is_cut() -> None:
    hows = ("break", "hang", "much", "fine")
    began = time.monotonic()
    results = dict(ToolEngine([_Odd()]).run([Request(CallTool("odd", json.dumps({"how": how})), Asker()) for how in hows]))
    assert time.monotonic() - began < 30
    for number, says in ((0, "broke: KeyError: 'gone'"), (1, "longer than 1 s")):
        failure = results[number]
        assert isinstance(failure, Failure)
        assert says in failure.error
        assert failure.step == "call_tool"
    large = results[2]
    assert isinstance(large, CallToolResult)
    assert isinstance(large.value, dict)
    assert len(str(large.value["beginning"])) == MAX_RESULT
    assert "ask for less" in str(large.value["left_out"])
    assert results[3] == CallToolResult("fine")


def project(folder: Path, tools: list[Json]) -> Project:
    settings: dict[str, Json] = {"model": "scripted", "tools": tools, "rungs": ["tools"]}
    (folder / "rung.yaml").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return load_project(folder)


def test_tools_with_settings_are_opened_by_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        'def price(product: str) -> int:\n    """Its price."""\n    return 1\n', encoding="utf-8"
    )
    entries: list[Json] = [
        "calculator",
        {"http": {"allow": ["https://api.example.com"]}},
        {"python": {"function": "own.py:price"}},
    ]
    names = [tool.spec.name for tool in tools_of(project(tmp_path, entries))]
    assert names == ["calculator", "http_get", "price"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"sql": {"database": "a.db", "url_env": "B"}}, "either 'database'"),
        ({"sql": {"database": "a.db", "url_env": "postgres://u:p@h/d"}}, "holds a user or a password"),
        ({"sql": {"database": "gone.db"}}, "which is no file"),
        ({"sql": {"databse": "gone.db"}}, "unknown key 'databse'; did you mean 'database'"),
        ({"sqll": {"database": "a.db"}}, "a tool is a name, or one of sql, http, mcp, python"),
        ({"http": {"allow": []}}, "nothing could be"),
        ({"mcp": {}}, "either 'command'"),
        ({"python": {"function": "own.py"}}, "such as tools.py:price"),
        ("sql", "needs settings, such as sql: {database: shop.db}"),
        ("search", "names none"),
        ("calculater", "calculator"),
    ],
)
def test_mistakes_in_their_settings_name_the_line(tmp_path: Path, entry: Json, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        tools_of(project(tmp_path, [entry]))
    assert error.value.line > 1


def test_two_tools_of_one_name_are_refused(tmp_path: Path) -> None:
    one: Json = {"http": {"allow": ["https://api.example.com"]}}
    with pytest.raises(InputError, match="two tools are called 'http_get'"):
        tools_of(project(tmp_path, [one, one]))
