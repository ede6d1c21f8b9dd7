"""No circle between files: none needs a file that needs it, within a package or across, inside a function or not.

Imports under TYPE_CHECKING are left out: they are never carried out.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, imports, modules, write


class _CarriedOut(ast.NodeTransformer):
    """Leaves out what stands under TYPE_CHECKING."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        return node.orelse if ast.unparse(node.test).endswith("TYPE_CHECKING") else self.generic_visit(node)


def circle(folder: Path = PACKAGE) -> list[str]:
    """A circle of modules, each imported by the one before it; empty where there is none."""
    found = modules(folder)
    names = {module.name for module in found}
    needs: dict[str, set[str]] = {}
    for module in found:
        carried_out = replace(module, tree=_CarriedOut().visit(ast.parse(module.text)))
        whole = [f"{one.module}.{name}" for one in imports(carried_out) for name in one.names]
        bare = [one.module for one in imports(carried_out) if not {f"{one.module}.{name}" for name in one.names} & names]
        needs[module.name] = {*whole, *bare} & names - {module.name}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_file_needs_one_that_needs_it() -> None:
    assert circle() == []


@pytest.mark.parametrize(
    "files",
    [
        {"a.py": "from rung.b import x\n", "b.py": "from rung import a\n"},
        {"a.py": "import rung.p.b\n", "p/b.py": "from rung.p.c import x\n", "p/c.py": "def f():\n    import rung.a\n"},
        {"p/__init__.py": "from rung.p.a import x\n", "p/a.py": "from . import b\n", "p/b.py": "import rung.p\n"},
    ],
)
def test_a_circle_is_found(files: dict[str, str], tmp_path: Path) -> None:
    assert len(circle(write(tmp_path, files))) > 2


def test_what_is_imported_for_types_alone_makes_no_circle(tmp_path: Path) -> None:
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from rung.b import B\n"
    assert circle(write(tmp_path, {"a.py": types, "b.py": "from rung.a import A\n"})) == []
