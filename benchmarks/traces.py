"""How long listing, showing and ending take where a database holds very many traces.

Makes so many, of 300 that are all different, over 60 days and 40 callers; then times what `rung trace` and a server do
with them. RUNG_RECORDS names a PostgreSQL database in the file's place.

    python benchmarks/traces.py [--traces 1000000]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from rung.records import Answer, Asker, Citation, Message, Passage, Question
from rung.records.steps import Generate, GenerateResult, Search, SearchResult
from rung.runtime.live import StepRun
from rung.state.database import State
from rung.state.tables import traces as table
from rung.tracing.parent import new_trace
from rung.tracing.spans import Ending, Opening, Spans
from rung.tracing.store import TraceFilter, ended, listed, named, row_of

DAY_MS = 86_400_000
WORDS = ("return", "item", "within", "days", "of", "delivery", "parcel", "customer", "pays", "express", "euros", "invoice")


def rows(rng: random.Random, content: bool) -> list[dict[str, object]]:
    """Rows of different answers, each with a search for five passages and a generation."""
    made = Spans(content, lambda _model, _result: 0.0001)
    return [row_of(made.trace(*_conversation(rng))) for _ in range(300)]


def _conversation(rng: random.Random) -> tuple[Opening, list[StepRun], Ending]:
    def text(words: int) -> str:
        return " ".join(rng.choices(WORDS, k=words))

    found = tuple(
        Passage(f"docs/{n}.md#0-400", f"docs/{n}.md", 0, 400, text(90), score=rng.random())
        for n in rng.sample(range(999), 5)
    )
    prompt = (Message("system", text(40)), Message("user", "\n\n".join(p.text for p in found) + text(12)))
    runs = [
        StepRun(Search(text(8), 5), SearchResult(found), 0.0, rng.random() / 50, engine="e" * 64),
        StepRun(Generate(prompt), GenerateResult(text(30), 700, 40, usd=None), 0.02, rng.random(), 0.1),
    ]
    answer = Answer(text(30), passages=found, citations=(Citation(1, found[0].document, 0, 40, found[0].id),))
    opening = Opening(
        id=new_trace(),
        trace=new_trace(),
        parent=None,
        deployment="rag",
        digest="d" * 64,
        caller="",
        caller_id="",
        asker=Asker(frozenset({"staff"})),
        question=Question("q", text(8)),
        model="smollm2-135m-grounded",
        began=0.0,
        clock=0.0,
        identities={"generate": "g" * 64},
    )
    return opening, runs, Ending(answer=answer, seconds=runs[1].seconds + 0.03)


def fill(state: State, count: int, content: bool) -> float:
    """Write so many; a second."""
    rng, now = random.Random(7), time.time_ns() // 1_000_000
    templates = rows(rng, content)
    began = time.perf_counter()
    for first in range(0, count, 1_000):
        batch = []
        for n in range(first, min(first + 1_000, count)):
            id, caller = new_trace(), f"caller {rng.randrange(40)}"
            entry = {"id": id, "trace": id, "at": now - round((count - n) / count * 60 * DAY_MS)}
            entry |= {"caller": caller, "caller_id": f"key:{caller}", "deployment": "rung" if n % 50 else "other"}
            batch.append({**templates[n % 300], **entry, "error": "" if n % 100 else "timeout"})
        with state.writing() as connection:
            connection.execute(table.insert(), batch)
    return count / (time.perf_counter() - began)


def timed(name: str, work: Callable[[], object], times: int = 7) -> None:
    """Print the median and the slowest."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    print(f"{name:<44} median {1000 * median(took):9.1f} ms, slowest {1000 * max(took):9.1f} ms")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=1_000_000)
    parser.add_argument("--content", action="store_true", help="with their texts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, State(Path(scratch)) as state:
        print(f"written: {fill(state, given.traces, given.content):,.0f} traces/s in batches of 1,000")
        if not state.is_shared:
            size = sum(path.stat().st_size for path in Path(scratch).glob("state.db*"))
            print(f"{size / given.traces:,.0f} bytes a trace, {size / 1e6:,.0f} MB")
        cut = time.time_ns() // 1_000_000
        for name, wanted in (
            ("list, the newest 20", TraceFilter()),
            ("list, one deployment of 2 %", TraceFilter(deployment="other")),
            ("list, one caller of 40", TraceFilter(caller="caller 3")),
            ("list, by a caller's id", TraceFilter(caller="key:caller 3")),
            ("list, a caller that is not there", TraceFilter(caller="nobody")),
            ("list, only errors (1 %)", TraceFilter(failed=True)),
            ("list, errors of one caller", TraceFilter(failed=True, caller="caller 3")),
            ("list, errors of a caller that is not there", TraceFilter(failed=True, caller="nobody")),
            ("list, a deployment and a caller", TraceFilter(deployment="other", caller="caller 3")),
            ("list, a day of a month ago", TraceFilter(since=cut - 31 * DAY_MS, until=cut - 30 * DAY_MS)),
        ):
            timed(name, lambda wanted=wanted: listed(state, wanted, limit=20))
        some = listed(state, TraceFilter(deployment="other"), limit=500)[-1].id
        timed("show, by an id", lambda: named(state, some))
        timed("show, by its first 10 characters", lambda: named(state, some[:10]))
        timed("retention that finds nothing to end", lambda: ended(state, days=100, rows=given.traces + 1))
        removing(state, given.traces)


def removing(state: State, count: int) -> None:
    """Time the end of a tenth of all, as a server does it: at most a second of work at a time."""
    began, removed, turns = time.perf_counter(), 0, 0
    while gone := ended(state, days=100, rows=count - count // 10):
        removed, turns = removed + gone, turns + 1
    seconds = time.perf_counter() - began
    print(f"retention: {removed:,} ended in {seconds:.1f} s and {turns} turns, {removed / seconds:,.0f} a second")
    with state.reading() as connection:
        left = connection.scalar(sa.select(sa.func.count()).select_from(table))
    print(f"{left:,} left")


if __name__ == "__main__":
    main()
