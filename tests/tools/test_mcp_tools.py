"""Do the tools of an MCP server become tools of the project's?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rung.config.tool_settings import McpSettings
from rung.errors import UserError
from rung.records import Asker, Failure
from rung.records.steps import CallTool, CallToolResult, Request
from rung.tools.engine import MAX_RESULT, ToolEngine
from rung.tools.mcp_tools import mcp_tools

SERVER = str(Path(__file__).with_name("mcp_shop.py"))
pytestmark = pytest.mark.slow


def settings(**given: object) -> McpSettings:
    return McpSettings.model_validate({"command": [sys.executable, SERVER], **given})


def test_its_tools_are_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_SECRET", "word")
    tools = mcp_tools(settings(env=["SHOP_SECRET"]), tmp_path)
    assert [tool.spec.name for tool in tools] == ["price", "secret", "hang", "much"]
    assert tools[0].spec.description == "What a product costs, in dollars."
    assert json.loads(tools[0].spec.parameters)["required"] == ["product"]
    engine = ToolEngine(tools)
    calls = [
        CallTool("price", '{"product": "tent"}'),
        CallTool("price", '{"product": "boat"}'),
        CallTool("price"),
        CallTool("secret"),
    ]
    results = dict(engine.run([Request(call, Asker()) for call in (*calls, CallTool("much"))]))
    assert results[0] == CallToolResult({"usd": 120.5})
    for number, says in ((1, "Error executing tool price"), (2, "product")):
        result = results[number]
        assert isinstance(result, CallToolResult)
        assert says in json.dumps(result.value)
    assert results[3] in (CallToolResult("word"), CallToolResult({"result": "word"}))
    large = results[4]
    assert isinstance(large, CallToolResult)
    assert len(json.dumps(large.value)) < MAX_RESULT + 200

    hasty = ToolEngine(mcp_tools(settings(seconds=0.5), tmp_path))
    ((_, late),) = hasty.run([Request(CallTool("hang"), Asker())])
    assert isinstance(late, Failure)


def test_only_the_named_ones_and_a_name_that_it_has_not(tmp_path: Path) -> None:
    assert [tool.spec.name for tool in mcp_tools(settings(tools=["price"]), tmp_path)] == ["price"]
    with pytest.raises(UserError, match="no tool 'prices'; it has: price, secret"):
        mcp_tools(settings(tools=["prices"]), tmp_path)


def test_a_server_that_does_not_start_is_said(tmp_path: Path) -> None:
    for command in (["no-such-program-here"], [sys.executable, "-c", "raise SystemExit(3)"]):
        with pytest.raises(UserError, match="cannot be used"):
            mcp_tools(settings(command=command), tmp_path)
    with pytest.raises(UserError, match="NOT_SET_HERE"):
        mcp_tools(settings(env=["NOT_SET_HERE"]), tmp_path)
