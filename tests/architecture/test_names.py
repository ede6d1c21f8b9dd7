"""Does every part say what it is for, in the words of the design?

Modules open with a sentence; public functions and classes have a docstring; public names use the design's words and no
synonyms. A method is exempt where a protocol says what it does: stubs (`...`), dunders, and names that a protocol declares.
Parameters, local variables and private attributes are named by what they hold, in the field's words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, Module, classes, functions, modules, place, write

SYNONYMS = {
    "chunk_id": "passage",
    "chunks": "passages",
    "doc": "document",
    "doc_id": "document",
    "docid": "document",
    "docs": "documents",
    "datapoint": "case",
    "pid": "passage",
    "qid": "case",
    "query_id": "case",
    "sample_id": "case",
    "test_case": "case",
    "test_cases": "cases",
    "user_groups": "groups",
}
# Words that say nothing of what a variable holds, and what is meant by them.
VAGUE = {
    "carried": "results",
    "carry": "run",
    "found": "results, matches, or what they are",
    "intake": "dataset",
    "kept": "retained, selected, or what they are",
    "known": "cached, seen",
    "lessons": "train_cases, training_chats",
    "luck": "rng",
    "made": "manifest, created, or what it is",
    "measure": "scoring_context, metric",
    "order": "request; of rows: shuffled, or by_ what",
    "place": "index, or location (file:line)",
    "robbed": "negatives",
    "said": "text, response, settings, entry",
    "talk": "conversation",
    "told": "report, details, entry",
    "wanted": "expected, requested, target",
    "weighed": "evaluation",
    "yardstick": "scoring_context",
}
# `order` is what users call it where they give the systems from the lowest up: `rung.decide(…, order=…)`, `--order`.
ORDERS = ("decide", "decide_scores", "read_scores")


def without_opening(found: list[Module]) -> list[str]:
    """Modules whose docstring is absent or whose first paragraph is no sentence. An empty `__init__` needs none."""
    wrong = []
    for module in found:
        opening = (ast.get_docstring(module.tree) or "").split("\n\n")[0]
        if module.text.strip() and not re.match(r"[A-Z`“\"].*[.?!:]$", opening, re.DOTALL):
            wrong.append(module.name)
    return wrong


def is_stub(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    last = function.body[-1]
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant) and last.value.value is ...


def promised(found: list[Module]) -> set[str]:
    """Names of the methods that our protocols declare."""
    protocols = [c for m in found for c in classes(m.tree) if any("Protocol" in ast.unparse(b) for b in c.bases)]
    return {f.name for c in protocols for f in functions(c)}


def public_definitions(tree: ast.Module) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, bool]]:
    """(definition, is a method) for public names, at the top level and in public classes. Tests name themselves."""
    listed: list[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, bool]] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            listed.append((node, False))
            if isinstance(node, ast.ClassDef):
                methods = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
                listed.extend((n, True) for n in methods if not n.name.startswith(("_", "test_")))
    return listed


def undocumented(found: list[Module]) -> list[str]:
    known = promised(found)
    wrong = []
    for module in found:
        for node, method in public_definitions(module.tree):
            spared = method and (node.name in known or is_stub(node))  # type: ignore[arg-type]
            if not spared and not (ast.get_docstring(node) or "").strip():
                wrong.append(f"{place(module, node.lineno)} {node.name}")
    return wrong


def synonyms(found: list[Module]) -> list[str]:
    """Public functions, parameters and fields named with a word that the design does not use."""
    wrong = []
    for module in found:
        for node, _ in public_definitions(module.tree):
            names = [node.name]
            if isinstance(node, ast.ClassDef):
                names += [n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
            else:
                names += [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            wrong += [f"{place(module, node.lineno)} {n}: say {SYNONYMS[n.lower()]}" for n in names if n.lower() in SYNONYMS]
    return wrong


def bound(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, int]]:
    """Names that a function binds, with their lines: parameters, those of its lambdas too, and variables."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, node.lineno
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest, node.lineno


def private_fields(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Fields of private classes, with their lines. Those of public ones may be stored or printed by their names."""
    for one in classes(tree):
        if one.name.startswith("_"):
            yield from (
                (n.target.id, n.lineno) for n in one.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
            )


def vague(found: list[Module]) -> list[str]:
    """Parameters, variables and private fields with a name of `VAGUE`. A protocol's stubs are left as plugins know them."""
    wrong = set()
    for module in found:
        written = [f for f in functions(module.tree) if not is_stub(f)]
        names = {one for f in written for one in bound(f) if one[0] != "order" or f.name not in ORDERS}
        names |= {*private_fields(module.tree)}
        wrong |= {(module.name, line, place(module, line), name) for name, line in names if name in VAGUE}
    return [f"{where} {name}: say {VAGUE[name]}" for _, _, where, name in sorted(wrong)]


CHECKS = (without_opening, undocumented, synonyms, vague)


@pytest.mark.parametrize("check", CHECKS)
def test_names_and_docstrings(check) -> None:  # type: ignore[no-untyped-def]
    assert check(modules(PACKAGE)) == []


BROKEN = {
    "without_opening": {
        "a.py": "x = 1\n",
        "b.py": '"""no sentence"""\n',
        "c.py": '"""What is it for?\n\nMore."""\n',
        "d.py": "",
    },
    "undocumented": {
        "a.py": "def f() -> None: ...\nclass A:\n    def g(self) -> int:\n        return 1\n",
        "b.py": 'from typing import Protocol\nclass P(Protocol):\n    """P."""\n    def run(self) -> None: ...\n',
        "c.py": 'class Q:\n    """Q."""\n    def run(self) -> None:\n        pass\n    def _h(self) -> None: ...\n',
    },
    "synonyms": {
        "a.py": 'class A:\n    """A."""\n    doc_id: str\n',
        "b.py": 'def f(chunks: int, passages: int) -> None:\n    """F."""\n',
        "c.py": "def _f(docs: int) -> None: ...\n",
    },
    "vague": {
        "files/a.py": "def f(place: int) -> int:\n    return [said for said in (place,)][0]\n",
        "files/b.py": "class _B:\n    told: str\nclass C:\n    told: str\n",
        "files/c.py": "def f(at: int) -> None:\n    g = lambda kept: kept\n    for found in ():\n        g.place = found\n",
        "files/d.py": "def f(known: int) -> None: ...\n",
    },
}
CAUGHT = {"without_opening": 2, "undocumented": 3, "synonyms": 2, "vague": 5}


@pytest.mark.parametrize("check", CHECKS)
def test_a_bad_name_is_caught(check, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert len(check(modules(write(tmp_path, BROKEN[check.__name__])))) == CAUGHT[check.__name__]
