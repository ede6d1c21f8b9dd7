"""Is the kind of a reason told by its own field, and never by how its words begin?

`Reason` has a kind, and so has each text of a reason in JSON (`why_kind`, `stopped_kind`, `note_kind`); words may change.
Texts of an earlier Rung, which wrote no kinds, are left to `records/reason.py`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, Module, imports, modules, place, write

REASONS = frozenset({"why", "rejected", "stopped", "reason"})  # what texts of reasons are called
OLDER = "rung.records.reason"


def told_by_words(found: list[Module]) -> list[str]:
    """Where a text of a reason, or by its constant any of the verdict's, is asked how it begins."""
    wrong = []
    for module in found:
        constants = {
            name for one in imports(module) if one.module.startswith("rung.verdict") for name in one.names if name.isupper()
        }
        for node in ast.walk(module.tree) if module.name != OLDER else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
                asked, beginnings = words(node.func.value), set[str]().union(*map(words, node.args))
                if asked & REASONS or beginnings & (constants | {"reasons", "rejections"}):
                    wrong.append(f"{place(module, node.lineno)} {ast.unparse(node)}")
    return wrong


def words(node: ast.expr) -> set[str]:
    """Names, attributes and strings in an expression."""
    inner = list(ast.walk(node))
    named = {n.id for n in inner if isinstance(n, ast.Name)} | {n.attr for n in inner if isinstance(n, ast.Attribute)}
    return named | {n.value for n in inner if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def test_no_kind_is_told_by_how_a_text_begins() -> None:
    assert told_by_words(modules(PACKAGE)) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f(result):\n    return result.why.startswith('worse')\n",
        "def f(verdict, name):\n    return verdict.rejected[name].text.startswith('worse')\n",
        "def f(row):\n    return str(row.get('stopped', '')).startswith('not needed')\n",
        "from rung.verdict import rejections\ndef f(text):\n    return text.startswith((rejections.WORSE, 'x'))\n",
        "from rung.verdict.rejections import WORSE\ndef f(text):\n    return text.startswith(WORSE)\n",
    ],
)
def test_one_that_is_is_caught(text: str, tmp_path: Path) -> None:
    assert len(told_by_words(modules(write(tmp_path, {"report/a.py": text})))) == 1


def test_how_other_texts_begin_may_be_asked(tmp_path: Path) -> None:
    text = "from rung.records import Answer\ndef f(answer):\n    return answer.text.startswith(('No', PREFIX))\n"
    assert told_by_words(modules(write(tmp_path, {"report/a.py": text, "records/reason.py": "why.startswith('x')\n"}))) == []
