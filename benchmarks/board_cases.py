"""How fast is the board's page of cases over a large verdict, and how much memory does it take? On answers that are made up.

    python benchmarks/board_cases.py [--cases 50000] [--rungs 10] [--folder FOLDER]

A verdict is written as `rung compare` stores it, by the same writer: each rung answers every case in about 40 words drawn
from 5,000, cites two passages, was shown 3 of the 10 that it found among 20,000 of 120 words; a tenth of the documents is
for one group. Nothing of it was answered by a model. With `--folder` it is kept, and used again. Then `rung board` reads it
in a process of its own, and is asked over HTTP, 20 times each, as its owner; the same filters as somebody with the group are
timed in this process. Where Chromium is on this machine, it opens the page five times and says when it first painted. Prints
the seconds of reading, the median and the 95th percentile of each page, and the server's resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from rung.config.project import load_project
from rung.pipeline.evaluation_store import EVALUATIONS, Facts, write_evaluations
from rung.pipeline.publishing import LATEST, LINE, TABLE, Line, published, verdicts_of, write_list
from rung.records import Answer, Case, Citation, Coverage, Evaluation, Outcome, Passage, RungResult, Scorecard, Usage
from rung.web.case_index import CaseFilter, CaseIndex
from rung.web.case_reading import read_index
from rung.web.document_access import groups_of

YAML = "name: synthetic\ntask: Answer.\ncases: [cases.jsonl]\nmodel: scripted\nrungs: [prompt]\nbar: {correct: 0.5}\n"
LAYERS = ("not retrieved", "used but wrong", "refused wrongly", "ranked too low")
METRICS = ("correct", "em", "f1", "recall@5", "ndcg@10", "mrr", "citation_precision", "support_recall")
DOCUMENTS, PASSAGES, FOUND, SHOWN, TURNS = 2000, 20_000, 10, 3, 20
FIRST_PAINT = """() => new Promise(done => {
    const painted = list => { for (const one of list) if (one.name === "first-contentful-paint") done(one.startTime) }
    new PerformanceObserver(list => painted(list.getEntries())).observe({type: "paint", buffered: true})
})"""
FILTERS: dict[str, dict[str, str]] = {
    "no filter": {},
    "rung and outcome": {"rung": "rung4", "outcome": "wrong"},
    "layer": {"layer": "not retrieved"},
    "rungs differ": {"differs": "any"},
    "differs from a rung": {"rung": "rung4", "differs": "rung9"},
    "document": {"document": "doc17"},
    "a word of every answer": {"text": "a"},
    "a frequent word": {"text": "w12"},
    "a rare phrase": {"text": "w12 w4999"},
    "what stands nowhere": {"text": "nowhere at all"},
    "page 900": {"at": "900"},
    "all at once": {
        "rung": "rung4",
        "outcome": "wrong",
        "layer": "not retrieved",
        "differs": "any",
        "document": "doc1",
        "text": "w1",
    },
}


class _Made(Sequence[Evaluation]):
    """Evaluations that are made when they are asked for, one at a time."""

    def __init__(self, cases: Sequence[Case], rungs: int, passages: Sequence[Passage]) -> None:
        self._cases, self._rungs, self._passages = cases, rungs, passages

    def __len__(self) -> int:
        return self._rungs

    def __getitem__(self, number):  # type: ignore[no-untyped-def]
        if number >= self._rungs:
            raise IndexError(number)
        rng = random.Random(number)
        scores = np.random.default_rng(number).random((len(METRICS), len(self._cases)))
        scores[0] = np.round(scores[0] + 0.04 * number, 1).clip(0, 1)
        layers = tuple(None if score >= 0.5 else rng.choice(LAYERS) for score in scores[0])
        outcomes = tuple(self._outcome(case, rng) for case in self._cases)
        card = Scorecard(tuple(case.id for case in self._cases), dict(zip(METRICS, scores, strict=True)))
        result = RungResult(f"rung{number}", {}, "not_applicable", order=number, reference=number == self._rungs - 1)
        return Evaluation(result, outcomes=outcomes, cards=(card,), layers=layers)

    def _outcome(self, case: Case, rng: random.Random) -> Outcome:
        start = rng.randrange(PASSAGES - 50)
        retrieved = tuple(self._passages[start + n] for n in rng.sample(range(50), FOUND))
        cited = tuple(Citation(n + 1, p.document, p.start, p.end, p.id) for n, p in enumerate(retrieved[:2]))
        text = words(rng, rng.randrange(20, 60))
        return Outcome(case.id, Answer(text, text, False, cited, retrieved[:SHOWN], retrieved), usage=Usage(700, 60, 2))


def words(rng: random.Random, count: int) -> str:
    """Words by a law like that of language: a few are frequent."""
    return " ".join(f"w{int(5000 ** rng.random())}" for _ in range(count))


def make(folder: Path, cases: int, rungs: int) -> None:
    """The project with its verdict."""
    rng = random.Random(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rung.yaml").write_text(YAML, "utf-8")
    groups = {f"doc{n}": ("staff",) if n % 10 == 0 else () for n in range(DOCUMENTS)}
    passages = []
    for number in range(PASSAGES):
        document, start = f"doc{number * DOCUMENTS // PASSAGES}", (number % 10) * 700
        text = words(rng, 120)
        passages.append(Passage(f"{document}#{start}", document, start, start + len(text), text, groups=groups[document]))
    made = [
        Case(f"c{n}", f"What is said of {words(rng, 12)}?", (words(rng, 3),), gold_documents=(f"doc{n % DOCUMENTS}",))
        for n in range(cases)
    ]
    with (folder / "cases.jsonl").open("w", encoding="utf-8") as file:
        for case in made:
            row = {"id": case.id, "question": case.question, "answers": case.answers, "gold_documents": case.gold_documents}
            file.write(json.dumps({**row, "split": "test"}) + "\n")
    project = load_project(folder)
    own = verdicts_of(project) / "synthetic"
    own.mkdir(parents=True, exist_ok=True)
    facts = Facts("f1", Coverage(cases * rungs, cases * rungs), document_groups=groups)
    with (own / EVALUATIONS).open("wb") as stored:
        write_evaluations(stored, facts, made, _Made(made, rungs, passages))
    (own / TABLE).write_text("synthetic\n", "utf-8")
    entry = {"winner": "rung4", "clears_bar": True, "cases": cases, "rungs": [], "coverage": {}}
    (own / LINE).write_text(json.dumps(entry), "utf-8")
    write_list(project, [Line(1, "synthetic", "2026-01-01")])
    (verdicts_of(project) / LATEST).write_text("synthetic\n", "utf-8")


@contextmanager
def board(folder: Path) -> Iterator[tuple[str, int]]:
    """`rung board` in a process of its own: the address with its token, and its process id."""
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        command = [sys.executable, "-m", "rung", "board", str(folder), "--port", "0", "--no-browser"]
        with log.open("wb") as errors:
            process = subprocess.Popen(command, stderr=errors, env=os.environ)
        try:
            while not (match := re.search(r"http://\S+token=\S+", log.read_text("utf-8", "replace"))):
                if process.poll() is not None:
                    raise SystemExit(log.read_text("utf-8", "replace"))
                time.sleep(0.1)
            yield match[0], process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def resident(pid: int) -> str:
    """Memory of a process: now, and at most."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    now, most = (int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) // 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[index]
    return f"{now:,} MB now, {most:,} MB at most"


def processor(pid: int) -> float:
    """Seconds of processor that a process has used, whatever else the machine did."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(values, 95))


def measure(folder: Path) -> None:
    """Ask a board."""
    path = load_project(folder).state / "verdicts" / "synthetic" / EVALUATIONS
    print(f"stored answers: {path.stat().st_size / 1e6:.0f} MB")
    with board(folder) as (entrance, pid), httpx.Client(follow_redirects=True, timeout=60) as client:
        print(f"board before: {resident(pid)}")
        client.get(entrance)
        before = processor(pid)
        address, begun = f"{entrance.partition('?')[0]}/runs/1/cases", time.perf_counter()
        pages = 1
        while "<progress" in client.get(address).text:
            pages += 1
            time.sleep(0.5)
        spent = f"{time.perf_counter() - begun:.1f} s, {processor(pid) - before:.1f} s of processor"
        print(f"read in {spent}, looked at {pages} times meanwhile; {resident(pid)}")
        for name, query in FILTERS.items():
            print(f"{name:24} {timed(client, address, query, pid)}")
        ids = [f"c{n}" for n in random.Random(1).sample(range(1000), TURNS)]
        print(f"{'one case':24} {timed(client, address, {}, pid, ids)}")
        print(f"board after: {resident(pid)}")
        painted(entrance, address)


def timed(client: httpx.Client, address: str, query: dict[str, str], pid: int, ids: Sequence[str] = ("",) * TURNS) -> str:
    """Milliseconds from the request to the whole page, and of the server's processor for it."""
    spent, before = [], processor(pid)
    for id in ids:
        begun = time.perf_counter()
        response = client.get(f"{address}/{id}" if id else address, params=query)
        spent.append((time.perf_counter() - begun) * 1000)
        response.raise_for_status()
    counted = re.search(r'role="status"[^>]*>([^<]*)<', response.text)
    words_of = counted[1] if counted else f"{len(response.text):,} characters"
    own = (processor(pid) - before) * 1000 / len(ids)
    return f"median {statistics.median(spent):4.0f} ms, p95 {p95(spent):4.0f} ms, processor {own:4.0f} ms, {words_of}"


def painted(entrance: str, address: str) -> None:
    """When Chromium first painted."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("first paint: no browser on this machine")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(entrance)
        spent = []
        for _ in range(5):
            page.goto(address)
            spent.append(page.evaluate(FIRST_PAINT))
        print(f"first contentful paint: {', '.join(f'{one:.0f}' for one in spent)} ms")
        browser.close()


def size_of(index: CaseIndex) -> int:
    """About how many bytes an index takes, answers included."""
    layout, cited, rights = index.layout, index.cited, index.rights
    columns: list[Any] = [index.marks, index.layers, index.by_urgency, layout.passages, layout.answers]
    columns += [cited.document, cited.rung, cited.case, rights.of_case, rights.of_answer]
    texts = sum(len(text) + 49 for some in (index.ids, index.questions, index.places) for text in some)
    own = len(index.texts.blob) + index.texts.starts.itemsize * len(index.texts.starts)
    return sum(int(one.nbytes) for one in columns) + texts + own + index.rows.size


def restricted(folder: Path) -> None:
    """The filters of somebody with a group, and of somebody with none, without HTTP."""
    project = load_project(folder)
    index, access = read_index(project, published(project, "1")), groups_of(project)
    print(f"index by its own count: {size_of(index) / 1e6:.0f} MB, of them texts {len(index.texts.blob) / 1e6:.0f}, "
          f"compressed answers {index.rows.size / 1e6:.0f}")  # fmt: skip
    for groups in (frozenset({"staff"}), frozenset[str]()):
        for name, query in FILTERS.items():
            asked = CaseFilter(**{key: value for key, value in query.items() if key != "at"})
            spent = []
            for _ in range(TURNS):
                begun = time.perf_counter()
                numbers = index.matching(asked, groups, access)
                spent.append((time.perf_counter() - begun) * 1000)
            who = ", ".join(groups) or "no group"
            print(f"{who:9} {name:24} median {statistics.median(spent):5.1f} ms, p95 {p95(spent):5.1f} ms, {len(numbers):,}")


def main() -> None:
    """Make and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--rungs", type=int, default=10)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        if not (folder / "rung.yaml").exists():
            begun = time.perf_counter()
            make(folder, given.cases, given.rungs)
            print(f"made in {time.perf_counter() - begun:.0f} s")
        measure(folder)
        restricted(folder)


if __name__ == "__main__":
    main()
