"""Does a sync of very many files, or of one very large text, end, in how much time and memory, and is all of it found?

    python benchmarks/large.py [--files 100000] [--megabytes 200] [--embedder table]

A project with the scripted embedder (256 dimensions, no weights), or the one that is named: what is measured is reading,
cutting, storing and indexing, and embedding by the table where that is named. Each file, and each megabyte of the text,
holds a word that stands nowhere else. `rung sync` runs in a process of its own, then again with nothing changed. Prints for
each: seconds, CPU seconds and the peak memory of the process and of the largest that it started. Then every document is
counted, and 200 words drawn at random are searched for by BM25; exits with 1 if anything is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SETTINGS = """task: a
model: scripted
embedder: {embedder}
knowledge: {{sources: [docs], chunk_tokens: 160, dense_weight: 0}}
"""
ASKED = 200
FOLDER = 1000  # files in one folder
WORDS = ("the", "pump", "of", "this", "station", "moves", "water", "through", "a", "pipe", "and", "back", "again", "daily")
MEASURED = """
import json, resource, sys
from rung.cli.main import main
sys.argv = ["rung", *sys.argv[1:]]
code = 0
try:
    main()
except SystemExit as end:
    code = end.code or 0
own, theirs = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
cpu = own.ru_utime + own.ru_stime + theirs.ru_utime + theirs.ru_stime
used = {"cpu": cpu, "own": own.ru_maxrss, "theirs": theirs.ru_maxrss}
print(json.dumps(used), file=sys.stderr)
sys.exit(code)
"""


def main() -> int:
    """Make the projects, sync them and look for everything."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=100_000, help="0: none")
    options.add_argument("--megabytes", type=int, default=200, help="of the one text; 0: none")
    options.add_argument("--embedder", default="scripted")
    options.add_argument("--seed", type=int, default=0)
    said = options.parse_args()
    print(f"{'what':<14} {'sync':<6} {'passages':>9} {'seconds':>8} {'CPU s':>8} {'peak MB':>8} {'others':>7} {'load':>5}")
    lost = 0
    with tempfile.TemporaryDirectory() as place:
        if said.files:
            lost += measured(
                project(Path(place) / "files", said.embedder), f"{said.files:,} files", write_files, said.files, said.seed
            )
        if said.megabytes:
            lost += measured(
                project(Path(place) / "text", said.embedder), f"{said.megabytes} MB", write_text, said.megabytes, said.seed
            )
    return 1 if lost else 0


def project(folder: Path, embedder: str) -> Path:
    """The folder, with its settings and a place for documents."""
    (folder / "docs").mkdir(parents=True)
    (folder / "rung.yaml").write_text(SETTINGS.format(embedder=embedder))
    return folder


def measured(folder: Path, what: str, write: Callable[[Path, int], int], count: int, seed: int) -> int:
    """Sync twice and look for what was written; how much is missing."""
    documents = write(folder / "docs", count)
    for which in ("first", "again"):
        before = time.monotonic()
        done = command("sync", str(folder), "--json")
        told, used = json.loads(done.stdout), json.loads(done.stderr.splitlines()[-1])
        peak, others = used["own"] / 1024, used["theirs"] / 1024
        print(
            f"{what:<14} {which:<6} {told['passages']:>9,} {time.monotonic() - before:>8.1f} {used['cpu']:>8.1f} "
            f"{peak:>8,.0f} {others:>7,.0f} {os.getloadavg()[0]:>5.1f}",
            flush=True,
        )
        if told["problems"] or done.returncode:
            print(f"problems: {told['problems'][:3]}")
            return 1
    return missing(folder, documents, count, seed)


def missing(folder: Path, documents: int, count: int, seed: int) -> int:
    """How many documents are not there, and how many of the words drawn are not found in first place."""
    from rung.config.project import load_project
    from rung.loop import opened
    from rung.records import Asker

    drawn = random.Random(seed).sample(range(count), min(ASKED, count))
    with opened(load_project(folder), reading=True) as engines:
        knowledge = engines.knowledge
        assert knowledge is not None
        gone = documents - len(knowledge.document_groups())
        found = [knowledge.search(word_of(n), asker=Asker(), top=1) for n in drawn]
    unfound = [n for n, passages in zip(drawn, found, strict=True) if not passages or word_of(n) not in passages[0].text]
    print(f"{documents:,} documents, {gone} missing; {len(drawn)} words, {len(unfound)} not found")
    return gone + len(unfound)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """A command of Rung in a process of its own, which tells at the end what it used."""
    command: Sequence[str] = [sys.executable, "-c", MEASURED, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def word_of(number: int) -> str:
    """A word that stands in one file, or one megabyte, alone."""
    return f"part{number:06d}x"


def write_files(docs: Path, count: int) -> int:
    """As many small files; returns how many documents they are."""
    for number in range(count):
        if number % FOLDER == 0:
            (docs / f"{number // FOLDER:04d}").mkdir()
        text = (
            f"# {word_of(number)}\n\nThe {word_of(number)} costs {number % 97} euros and ships within {number % 7} days.\n"
        )
        (docs / f"{number // FOLDER:04d}" / f"{number:06d}.md").write_text(text)
    return count


def write_text(docs: Path, megabytes: int) -> int:
    """One text of so many megabytes; returns that it is one document."""
    rng = random.Random(0)
    with (docs / "all.txt").open("w") as file:
        for number in range(megabytes):
            left = 1 << 20
            file.write(f"The {word_of(number)} stands here.\n\n")
            while left > 0:
                line = " ".join(rng.choices(WORDS, k=60)) + ".\n\n"
                file.write(line)
                left -= len(line)
    return 1


if __name__ == "__main__":
    sys.exit(main())
