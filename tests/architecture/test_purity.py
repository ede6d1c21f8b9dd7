"""Do the parts that decide touch nothing but their arguments? No model, no disk, no network, no torch, no clock to wait on.

The units of PURE may import the standard library (less what reaches out), numpy, scipy, pydantic, jsonschema (with its
`referencing`) and each other. `pathlib` may name a path there, not read it; `importlib.metadata` finds plugins, and
`importlib.resources` reads what lies beside a module in its package.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, Module, imports, modules, place, units, write

PURE = frozenset({"errors", "progress", "plugins", "records", "text", "stats", "strategies", "scoring", "verdict", "report"})
ALLOWED = {"__future__", "numpy", "scipy", "pydantic", "jsonschema", "referencing"} | set(sys.stdlib_module_names)
REACHES_OUT = {
    "asyncio",
    "concurrent",
    "ctypes",
    "fcntl",
    "ftplib",
    "glob",
    "http",
    "io",
    "multiprocessing",
    "os",
    "select",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "urllib",
    "webbrowser",
    "xmlrpc",
}
CALLS = {"open", "input", "print", "exec", "eval"}
METHODS = {
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "mkdir",
    "unlink",
    "rmdir",
    "touch",
    "iterdir",
    "glob",
    "rglob",
    "symlink_to",
    "rename",
    "chmod",
    "sleep",
    "urlopen",
}


def impurities(folder: Path = PACKAGE) -> list[str]:
    """What a pure module imports or calls that it must not."""
    found = modules(folder)
    known = frozenset(m.unit for m in found) | PURE
    wrong = []
    for module in (m for m in found if m.unit in PURE):
        for imported in imports(module):
            top = imported.module.split(".")[0]
            bad = [f"rung.{u}" for u in units(imported, known) - PURE] if top == "rung" else []
            if top != "rung" and (top not in ALLOWED or top in REACHES_OUT):
                bad = [imported.module]
            wrong += [f"{place(module, imported.line)} imports {name}" for name in bad]
        wrong += _calls(module)
    return wrong


def _calls(module: Module) -> list[str]:
    wrong = []
    for node in (n for n in ast.walk(module.tree) if isinstance(n, ast.Call)):
        bare = isinstance(node.func, ast.Name) and node.func.id in CALLS
        method = isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
        packaged = ast.unparse(node.func).startswith("(files(__package__) / ")
        if bare or (method and not packaged):
            wrong.append(f"{place(module, node.lineno)} calls {ast.unparse(node.func)}")
    return wrong


def test_the_parts_that_decide_are_pure() -> None:
    assert {m.unit for m in modules()} >= {"records", "text", "strategies", "scoring", "verdict"}
    assert impurities() == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("strategies/rag.py", "import torch\n"),
        ("strategies/rag.py", "def f():\n    import httpx\n"),
        ("scoring/judge.py", "import urllib.request\n"),
        ("scoring/judge.py", "from rung.models.http import Http\n"),
        ("report/html/page.py", "open('report.html', 'w')\n"),
        ("report/html/page.py", "from pathlib import Path\nPath('report.html').write_text('')\n"),
        ("report/html/page.py", "def f(files):\n    files.read_text()\n"),
        ("records.py", "import os\n"),
        ("verdict/decide.py", "from rung.dataset.load import load_dataset\n"),
    ],
)
def test_an_impurity_is_caught(file: str, text: str, tmp_path: Path) -> None:
    assert len(impurities(write(tmp_path, {file: text}))) == 1


def test_what_is_pure_passes(tmp_path: Path) -> None:
    files = {
        "report/html/page.py": "from importlib.resources import files\n(files(__package__) / 'a.css').read_text()\n",
        "verdict/decide.py": "import math\nimport numpy as np\nfrom rung.records import Verdict\nfrom rung import records\n",
        "models/local.py": "import os\nopen('weights')\n",
    }
    assert impurities(write(tmp_path, files)) == []
