"""What no tracked file holds: machines that a reader does not have, unfinished work, docstrings of modules that ask.

The needles are put together from pieces, so that this file does not contain them.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, modules

PLACES = [
    "/" + "work/",
    "/" + "farm/",
    "/" + "tmp/" + "v/",
    "/" + "tmp/" + "w/",
    "/" + "tmp/" + "h/",
    "." + "library",
    "/" + "home/",
    "/" + "root/",
    "py" + "pi.org",
    "python" + "hosted.org",
    "artifactory" + ".",
    "nexus" + "-repo",
    "dev" + "pi-",
]
UNFINISHED = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "lorem" + " ipsum", "coming" + " soon"]
DATA = "../" + "shared"
PROSE = {".py", ".md", ".toml", ".yml", ".yaml", ".sh", ".html", ".css", ".js", ""}


def tracked(root: Path = ROOT) -> list[Path]:
    """Files under version control; without git (a source archive), those of the project's folders."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [root / name for name in listed.stdout.split("\0") if name and (root / name).is_file()]
    folders = [root / name for name in ("src", "tests", "examples", "benchmarks", "docs", ".ci")]
    return [p for f in folders for p in sorted(f.rglob("*")) if p.is_file() and not {".rung", "__pycache__"} & set(p.parts)]


def found_in(path: Path, root: Path = ROOT) -> list[str]:
    """Needles in one file, with their lines."""
    name = path.relative_to(root).as_posix()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []
    is_data = name.startswith("examples/") and ("/docs/" in name or name.endswith(".jsonl"))
    marks = [] if is_data or path.suffix not in PROSE else UNFINISHED
    patterns = [re.compile(rf"(?<![\w.]){re.escape(p)}" if p[0] == "/" else re.escape(p)) for p in PLACES]
    patterns += [re.compile(rf"\b{re.escape(mark)}\b") for mark in marks]
    patterns += [re.compile(re.escape(DATA))] if name.startswith(("src/", "tests/")) else []
    return [f"{name}:{n}: {m.group()}" for n, line in enumerate(lines, 1) for p in patterns if (m := p.search(line))]


def test_no_tracked_file_names_this_machine_or_is_unfinished() -> None:
    files = tracked()
    assert len(files) > 20
    assert [hit for path in files for hit in found_in(path)] == []


@pytest.mark.parametrize("needle", [*PLACES, *UNFINISHED, DATA])
def test_every_needle_is_found(needle: str, tmp_path: Path) -> None:
    path = tmp_path / "src" / "a.py"
    path.parent.mkdir()
    path.write_text(f"# fine\n# see {needle}\n", encoding="utf-8")
    assert len(found_in(path, tmp_path)) == 1


def asks(docstring: str) -> bool:
    """Whether its first sentence is a question."""
    return re.split(r"(?<=[.?!])\s", docstring, maxsplit=1)[0].endswith("?")


def test_docstrings_of_modules_state() -> None:
    assert [m.name for m in modules() if asks(ast.get_docstring(m.tree) or "")] == []


@pytest.mark.parametrize(
    ("docstring", "question"),
    [
        ("Where is trained? On a GPU.", True),
        ("What does it say?\n\nThis.", True),
        ("Where is trained: on a GPU.", False),
        ("Says who. Why?", False),
    ],
)
def test_a_question_is_known(docstring: str, question: bool) -> None:
    assert asks(docstring) is question
