"""Does a typed function become a tool that checks what it is given?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.config.tool_settings import FunctionSettings
from rung.errors import UserError
from rung.records import Json
from rung.tools.functions import FunctionTool

FILE = '''
"""Prices."""
from datetime import date
from typing import Literal

def price(product: str, currency: Literal["usd", "eur"] = "usd") -> dict[str, object]:
    """What a product costs."""
    if product != "tent":
        raise ValueError(f"there is no {product}")
    return {"price": 120.5, "currency": currency, "since": date(2026, 1, 1)}

def broken(product: str) -> int:
    """Breaks."""
    return 1 // 0

def untyped(product):
    """No types."""

def silent(product: str) -> int:
    return 1

def many(*products: str) -> int:
    """Many."""
    return 1

def odd(product: str) -> object:
    """Odd."""
    print("said")
    return object()

async def later(product: str) -> int:
    """Later."""
    return 1
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(FILE, encoding="utf-8")
    return tmp_path


def tool(folder: Path, name: str, **settings: object) -> FunctionTool:
    return FunctionTool(FunctionSettings.model_validate({"function": f"tools.py:{name}", **settings}), folder)


def test_it_is_told_by_its_annotations_and_docstring(folder: Path) -> None:
    spec = tool(folder, "price").spec
    assert (spec.name, spec.description) == ("price", "What a product costs.")
    parameters = json.loads(spec.parameters)
    assert parameters["required"] == ["product"]
    assert parameters["properties"]["currency"]["enum"] == ["usd", "eur"]


def test_it_is_called_and_its_value_is_json(folder: Path) -> None:
    assert tool(folder, "price").call({"product": "tent"}) == {"price": 120.5, "currency": "usd", "since": "2026-01-01"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "product"),
        ({"product": "tent", "currency": "yen"}, "currency"),
        ({"product": "boat"}, "no boat"),
        ({"x": 1, "product": "tent"}, "x"),
    ],
)
def test_what_does_not_do_is_said_to_the_model(folder: Path, arguments: dict[str, Json], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        tool(folder, "price").call(arguments)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("untyped", "of what type 'product' is"),
        ("silent", "no docstring"),
        ("later", "no plain function"),
        ("gone", "no plain function"),
        ("many", "cannot be named"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_said(folder: Path, name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        tool(folder, name)


def test_a_file_that_is_not_there_or_does_not_run(folder: Path) -> None:
    (folder / "bad.py").write_text("import no_such_module_here\n", encoding="utf-8")
    for function, says in {"gone.py:f": "no such file", "bad.py:f": "cannot be run: ModuleNotFoundError"}.items():
        with pytest.raises(UserError, match=says):
            FunctionTool(FunctionSettings(function=function), folder)


def test_its_identity_is_the_files(folder: Path) -> None:
    before = tool(folder, "price").identity
    (folder / "tools.py").write_text(FILE + "\n# other\n", encoding="utf-8")
    assert tool(folder, "price").identity != before


def test_what_is_no_json_is_a_fault_of_the_tool_and_what_it_prints_is_not_on_stdout(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TypeError, match="no JSON"):
        tool(folder, "odd").call({"product": "tent"})
    assert capsys.readouterr() == ("", "said\n")
