"""A newcomer's first hour: documents of a real package, forty cases, a model server of one's own, first to last command.

    python benchmarks/user_walk.py [--keep FOLDER]

Fetches the source distribution of click 8.2.1 (BSD-3-Clause) by pip for its documentation (31 files), starts
`walk/server.py` as a process of its own, and goes through the commands as a person would. The model reads perfectly and
knows nothing, so what is true is known beforehand: closed book nothing, the oracle everything that stands in its documents,
`rag` what its search brings. Each command's exit code is held against what it should be, every output is searched for a
traceback and for sentences that are false here, and no request may reach the server twice. Exits with 1 where anything is
wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent / "walk"
PACKAGE, VERSION = "click", "8.2.1"
FALSE_HERE = (
    "does as well without documents",
    "the search loses nothing",
    "reads what it is shown is wrong",
    "does not read what it is shown",
    "do not: rag",
    "bar is missed, 0 cases",
)


class Walk:
    """Commands in one project folder, with what was wrong so far."""

    def __init__(self, root: Path) -> None:
        self.root, self.wrong = root, []

    def rung(self, *words: str, code: int = 0) -> str:
        """One command as a person types it; its output."""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "rung", *words], cwd=self.root, capture_output=True, text=True, check=False
        )
        text = done.stdout + done.stderr
        print(f"$ rung {' '.join(words)}   (exit {done.returncode}, {time.monotonic() - began:.1f} s)")
        print("\n".join(f"    {line}" for line in text.rstrip().splitlines()[:40]), flush=True)
        self.check(done.returncode == code, f"'rung {' '.join(words)}' exited with {done.returncode}, not {code}")
        self.check("Traceback" not in text, f"'rung {' '.join(words)}' ended in a traceback")
        return text

    def check(self, holds: bool, what: str) -> None:
        """Remember what is wrong."""
        if not holds:
            self.wrong.append(what)
            print(f"!!! {what}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="work here, and leave it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = (options.keep or Path(scratch)) / "project"
        _documents(root)
        port, log = _free_port(), root.parent / "requests.jsonl"
        key = HERE / "cases.jsonl"
        server = subprocess.Popen([sys.executable, str(HERE / "server.py"), str(port), str(key), str(log)])
        try:
            _until_there(port)
            walk = Walk(root)
            _commands(walk, port, log)
        finally:
            server.terminate()
            server.wait()
    print("\nwrong: " + ("nothing" if not walk.wrong else "".join(f"\n  - {what}" for what in walk.wrong)))
    sys.exit(1 if walk.wrong else 0)


def _commands(walk: Walk, port: int, log: Path) -> None:
    walk.rung("doctor")
    said = walk.rung("advise", ".")
    walk.check("do not: rag" not in said.lower(), "advise warns of retrieval in a folder of documents")
    walk.rung("init", ".")
    settings = (
        "name: click-help\ntask: Answer questions about Click from its documentation, in as few words as possible.\n"
        'knowledge: {sources: ["docs/*.md", "docs/*.rst"]}\ncases: [cases/*.jsonl]\n'
        f'model: "http://127.0.0.1:{port}/v1#reader"\nembedder: minilm-l6-v2\n'
        "rungs: [prompt, few_shot, rag]\nbar: {correct: 0.6, leaks: 0}\n"
    )
    (walk.root / "rung.yaml").write_text(settings, encoding="utf-8")
    (walk.root / "cases").mkdir(exist_ok=True)
    for path in (walk.root / "cases").glob("*"):
        path.unlink()
    shutil.copy(HERE / "cases.jsonl", walk.root / "cases" / "cases.jsonl")
    walk.rung("check", ".")
    walk.rung("compare", ".", "--dry-run")
    walk.rung("sync", ".")
    found = walk.rung("search", ".", "Which function shows long texts through a pager?")
    walk.check("echo_via_pager" in found, "the search does not find the pager")
    _verdict(walk, walk.rung("compare", "."), log)
    asked = len(log.read_text(encoding="utf-8").splitlines())
    walk.rung("compare", ".")
    walk.check(len(log.read_text(encoding="utf-8").splitlines()) == asked, "a second comparison asked the server again")
    for form in ("html", "md", "json", "junit", "ragas", "table"):
        walk.rung("report", ".", "--format", form, "-o", f"out.{form}")
    said = walk.rung("ask", ".", "Which function shows long texts through a pager?")
    walk.check("echo_via_pager" in said, "ask does not answer from the documents")
    walk.rung("knowledge", "list", ".")
    (walk.root / "docs" / "wincmd.rst").unlink()
    walk.rung("sync", ".")
    walk.rung("knowledge", "prune", ".")
    state = [path for path in (walk.root / ".rung").rglob("*") if path.is_file()]
    held = [path for path in state if b"cmd.exe unicode APIs" in path.read_bytes()]
    walk.check(not held, f"a deleted file's text is in {held}")
    walk.rung("artifacts", ".")


def _verdict(walk: Walk, said: str, log: Path) -> None:
    """What is true of this model: it knows nothing, and reads perfectly."""
    for sentence in FALSE_HERE:
        walk.check(sentence not in said, f"the verdict says '{sentence}'")
    verdict = json.loads(next(iter(sorted((walk.root / ".rung" / "verdicts").glob("*/verdict.json")))).read_text("utf-8"))
    scores = {rung["name"]: rung["scores"].get("correct", {}).get("mean") for rung in verdict["rungs"]}
    print(f"    correct: {scores}; gaps: {json.dumps(verdict.get('gaps'))}")
    walk.check(
        verdict["winner"] is not None and verdict["winner"].startswith("rag"), f"the winner is {verdict['winner']}, not rag"
    )
    walk.check((scores["closed_book"] or 0) < 0.1, "closed book knows something")
    walk.check((scores["oracle"] or 0) > 0.9, "the oracle was not shown what stands in its documents")
    walk.check((verdict["gaps"]["behaviour"]["mean"] or 0) < 0.1, "a behaviour gap is stated of a model that has none")
    repeated = [n for n in Counter(log.read_text(encoding="utf-8").splitlines()).values() if n > 1]
    walk.check(len(repeated) <= 8, f"{len(repeated)} requests, more than those of the live pass, were sent twice")


def _documents(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, f"{PACKAGE}=={VERSION}", "-d", scratch], check=True, env={**os.environ})
        archive = next(Path(scratch).glob("*.tar.gz"))
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        docs = root / "docs"
        docs.mkdir(exist_ok=True)
        for path in sorted(Path(scratch).glob(f"{PACKAGE}-*/docs/*")):
            if path.suffix in (".md", ".rst"):
                shutil.copy(path, docs / path.name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_there(port: int) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the model server did not start")


if __name__ == "__main__":
    main()
