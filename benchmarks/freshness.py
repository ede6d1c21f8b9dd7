"""How long after a file is saved is its text found, and what is left of a file that was deleted?

    python benchmarks/freshness.py [--documents 300] [--saves 20]

`rung sync --watch` runs over a project in a process of its own. Files are written and deleted; this process asks until the
change shows. Then a file that was found by a kept search is deleted: its words are looked for in the newest version's rows,
in the rows of the databases, and (after `rung knowledge prune`) in every file of `.rung`. Exits with 1 if they are found.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tests.working import working

from rung.config.project import load_project
from rung.knowledge import Knowledge
from rung.records import Asker
from rung.records.steps import search

SECRET = "zyxomma"
WAIT = 60.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--documents", type=int, default=300)
    options.add_argument("--saves", type=int, default=20)
    said = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _project(root, said.documents)
        watcher = subprocess.Popen(
            [sys.executable, "-m", "rung", "sync", str(root), "--watch", "--json"], stdout=subprocess.PIPE
        )
        try:
            with working(load_project(root)) as at:
                knowledge = at.engines.knowledge
                if knowledge is None:
                    raise SystemExit("the project has no documents")
                _until(lambda: knowledge.versions() != (), "the first sync")
                _saves(root, knowledge, said.saves)
        finally:
            watcher.terminate()
            watcher.wait()
        sys.exit(1 if _traces(root) else 0)


def _saves(root: Path, knowledge: Knowledge, count: int) -> None:
    shown, gone = [], []
    for number in range(count):
        word = f"freshword{number:04d}"
        path = root / "docs" / f"new{number}.md"
        path.write_text(f"# News\n\nThis file tells of {word}.\n", encoding="utf-8")
        shown.append(_until(lambda w=word: _finds(knowledge, w), f"{path.name} to be found"))
        path.unlink()
        gone.append(_until(lambda w=word: not _finds(knowledge, w), f"{path.name} to be gone"))
    for name, times in (("saved, then found", shown), ("deleted, then gone", gone)):
        p50, p95 = np.percentile(times, [50, 95])
        print(f"{name}: p50 {p50:.2f} s, p95 {p95:.2f} s, {len(times)} files", flush=True)


def _traces(root: Path) -> int:
    """Places where a deleted file's word still stands."""
    path = root / "docs" / "secret.md"
    path.write_text(f"# Secret\n\nThe word of the house is {SECRET}.\n", encoding="utf-8")
    _rung("sync", str(root))
    with working(load_project(root)) as at:
        if at.engines.knowledge is None:
            raise SystemExit("the project has no documents")
        at.runner.run([(Asker(), lambda: search(f"what is {SECRET}?", top=5))], title="ask")
        if not any(SECRET in p.text for some in at.engines.cache.passages() for _, p in some):
            raise SystemExit("the memory of steps should hold it before it is deleted")
    path.unlink()
    _rung("sync", str(root))
    found = 0
    with working(load_project(root)) as at:
        knowledge = at.engines.knowledge
        if knowledge is not None:
            found += sum(SECRET in d.text for d in knowledge.documents())
            found += sum(SECRET in p.text for p in knowledge.search(SECRET, asker=Asker(), top=50))
    for file in (root / ".rung").rglob("*.db"):
        found += _rows_with(file)
    print(f"traces in the newest version and in the databases' rows: {found}")
    _rung("knowledge", "prune", str(root))
    files = [file for file in (root / ".rung").rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    print(f"files of .rung that hold it after 'rung knowledge prune': {len(files)} {[str(f) for f in files][:5]}")
    return found + len(files)


def _rows_with(file: Path) -> int:
    db = sqlite3.connect(file)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = [row for table in tables for row in db.execute(f'SELECT * FROM "{table}"')]
    db.close()
    return sum(SECRET in (v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v)) for row in rows for v in row)


def _finds(knowledge: Knowledge, word: str) -> bool:
    return any(word in passage.text for passage in knowledge.search(word, asker=Asker(), top=3))


def _until(holds: Callable[[], bool], what: str) -> float:
    """Seconds until it holds."""
    began = time.perf_counter()
    while not holds():
        if time.perf_counter() - began > WAIT:
            raise SystemExit(f"waited {WAIT:.0f} s for {what}")
        time.sleep(0.01)
    return time.perf_counter() - began


def _project(root: Path, count: int) -> None:
    chance = random.Random(0)
    (root / "docs").mkdir()
    for number in range(count):
        words = " ".join(f"word{chance.randrange(5000)}" for _ in range(120))
        (root / "docs" / f"d{number}.md").write_text(f"# Title {number}\n\n{words}\n", encoding="utf-8")
    (root / "rung.yaml").write_text("knowledge:\n  sources: [docs/*.md]\n  dense_weight: 0.5\n", encoding="utf-8")


def _rung(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "rung", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"rung {' '.join(words)}: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
