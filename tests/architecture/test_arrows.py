"""Do imports point one way only? Function-level, type-only and relative imports count as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, imports, modules, place, units, write

# Each line may import the lines above it. Units on one line do not import each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("plugins",),
    ("records",),
    ("text", "stats", "progress"),
    ("files",),
    ("config",),
    ("strategies", "scoring", "verdict"),
    ("report", "dataset"),
    ("models", "knowledge", "tools"),
    ("importers", "exporters"),
    ("training",),
    ("artifacts", "state"),
    ("runtime",),
    ("tracing",),
    ("builders",),
    ("pipeline",),
    ("erasure",),
    ("commands",),
    ("loop",),
    ("serving",),
    ("watching",),
    ("web",),
    ("cli", "api"),
)
RANK = {unit: rank for rank, layer in enumerate(LAYERS) for unit in layer}
FREE = {
    "",
    "testing",
    "__main__",
}  # the root names what is public, `testing` what a user's tests need: both may import anything
IMPORTED_BY_NOBODY = {"testing", "__main__"}


def against_the_arrows(folder: Path = PACKAGE) -> list[str]:
    """Every import that points the wrong way, and every unit that has no place in LAYERS."""
    found = modules(folder)
    known = frozenset(RANK) | FREE | {m.unit for m in found}
    wrong = [f"{u} has no place in LAYERS" for u in sorted({m.unit for m in found} - set(RANK) - FREE)]
    for module in found:
        for imported in imports(module):
            for unit in units(imported, known) - {module.unit}:
                if unit in IMPORTED_BY_NOBODY:
                    wrong.append(f"{place(module, imported.line)} imports rung.{unit}, which is for users' tests only")
                elif module.unit not in RANK:
                    continue
                elif unit == "" and RANK[module.unit] < RANK["cli"]:
                    wrong.append(f"{place(module, imported.line)} imports the root package")
                elif unit in RANK and RANK[unit] >= RANK[module.unit]:
                    wrong.append(f"{place(module, imported.line)} imports rung.{unit}, which is not above it in LAYERS")
    return wrong


def test_imports_point_one_way() -> None:
    assert len(modules()) > 10
    assert against_the_arrows() == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("records/spec.py", "from rung.text.sentences import sentences\n"),
        ("strategies/rag.py", "from rung.models.local import Local\n"),
        ("strategies/rag.py", "def answer():\n    from rung.runtime import batch\n"),
        ("strategies/rag.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import rung.knowledge.index\n"),
        ("strategies/rag.py", "from rung import loop\n"),
        ("strategies/rag.py", "from ..models import local\n"),
        ("strategies/rag.py", "from rung.scoring.squad import f1\n"),
        ("models/local.py", "from rung.knowledge import index\n"),
        ("models/local.py", "import importlib\nimportlib.import_module('rung.training.low_rank')\n"),
        ("models/local.py", "from rung import open\n"),
        ("web/runs.py", "from rung.cli.ask import ask\n"),
        ("loop.py", "from rung.testing import StrategyContract\n"),
        ("novelty.py", "import json\n"),
    ],
)
def test_an_import_against_the_arrows_is_caught(file: str, text: str, tmp_path: Path) -> None:
    assert len(against_the_arrows(write(tmp_path, {file: text}))) == 1


def test_imports_along_the_arrows_pass(tmp_path: Path) -> None:
    files = {
        "strategies/rag.py": "from rung.records.steps import Search\nfrom rung import records\nfrom . import registry\n",
        "training/lora.py": "from rung.models.protocol import Generator\n",
        "cli/ask.py": "import rung\nfrom rung.loop import compare\n",
        "testing/engines.py": "from rung.runtime.batch import run\n",
    }
    assert against_the_arrows(write(tmp_path, files)) == []
