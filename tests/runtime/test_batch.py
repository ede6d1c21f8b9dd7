"""The batch driver: equal steps once, failures as records, nothing twice after a kill."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from rung.errors import Interrupted, UserError
from rung.records import Asker, Failure, Message, Passage
from rung.records.steps import (
    Conversation,
    Generate,
    GenerateResult,
    Request,
    Result,
    Search,
    SearchResult,
    StepFailed,
    generate,
    request_digest,
    search,
)
from rung.runtime.batch import Carried, Tally, carry
from rung.runtime.cache import StepCache
from rung.runtime.live import converse


class Counting:
    """An engine that counts its calls and echoes."""

    def __init__(self, identity: str = "counting", fail: str = "") -> None:
        self.identity = identity
        self.fail = fail
        self.batches: list[list[Request]] = []

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        self.batches.append(list(requests))
        for place, request in reversed(list(enumerate(requests))):  # in another order than asked
            step = request.step
            if isinstance(step, Search):
                yield place, SearchResult((Passage("p", "d", 0, 4, step.query, score=0.5, groups=("staff",)),))
            elif isinstance(step, Generate):
                text = step.messages[-1].content
                yield place, Failure("broken on purpose") if text == self.fail else GenerateResult(text.upper(), 2, 1)


def talk(word: str) -> Callable[[], Conversation[str]]:
    def conversation() -> Conversation[str]:
        found = yield from search(word, top=3)
        said = yield from generate(Generate((Message("user", found.passages[0].text),)))
        return said.text

    return conversation


@pytest.fixture
def store(tmp_path: Path) -> StepCache:
    return StepCache(tmp_path / "rung.db")


def run(
    words: Sequence[str], store: StepCache, engine: Counting, tally: Tally | None = None, groups: str = ""
) -> list[Carried[str]]:
    asker = Asker(frozenset([groups]) if groups else None)
    engines = {"search": engine, "generate": engine}
    return carry([(asker, talk(word)) for word in words], engines=engines, store=store, tally=tally or Tally())


def test_conversations_go_together_in_few_engine_calls(store: StepCache) -> None:
    engine = Counting()
    done = run(["a", "b", "c"], store, engine)
    assert [c.value for c in done] == ["A", "B", "C"]
    assert [len(batch) for batch in engine.batches] == [3, 3]
    assert (done[0].usage.prompt_tokens, done[0].usage.completion_tokens, done[0].usage.steps) == (2, 1, 2)


def test_equal_steps_are_answered_once(store: StepCache) -> None:
    engine, tally = Counting(), Tally()
    assert [c.value for c in run(["a", "a", "a"], store, engine, tally)] == ["A", "A", "A"]
    assert [len(batch) for batch in engine.batches] == [1, 1]
    assert (tally.executed, tally.replayed) == (2, 4)


def test_a_second_run_executes_nothing(store: StepCache, tmp_path: Path) -> None:
    first = run(["a", "b"], store, Counting())
    store.close()
    engine, tally = Counting(), Tally()
    assert run(["a", "b"], StepCache(tmp_path / "rung.db"), engine, tally) == first
    assert engine.batches == []
    assert (tally.executed, tally.replayed) == (0, 4)


def test_another_engine_or_asker_is_another_step(store: StepCache) -> None:
    run(["a"], store, Counting())
    other, asked = Counting("other"), Counting()
    run(["a"], store, other)
    assert [len(b) for b in other.batches] == [1, 1]
    run(["a"], store, asked, groups="staff")
    assert [[type(r.step) for r in b] for b in asked.batches] == [[Search]]  # the generation does not depend on who asks


def test_a_failed_step_fails_its_answer_and_no_other(store: StepCache) -> None:
    done = run(["a", "b"], store, Counting(fail="b"))
    assert done[0].value == "A"
    assert done[1].value is None
    assert done[1].failure == Failure("broken on purpose")


def test_a_failure_is_tried_again_next_time(store: StepCache) -> None:
    run(["b"], store, Counting(fail="b"))
    assert run(["b"], store, Counting())[0].value == "B"


def test_a_strategy_may_go_on_after_a_failed_step(store: StepCache) -> None:
    def stubborn() -> Conversation[str]:
        try:
            yield from generate(Generate((Message("user", "b"),)))
        except StepFailed as failed:
            return f"went on after: {failed.failure.error}"
        return "unreached"

    engine = Counting(fail="b")
    (done,) = carry([(Asker(), stubborn)], engines={"generate": engine}, store=store, tally=Tally())
    assert done.value == "went on after: broken on purpose"


def test_a_strategy_with_a_defect_fails_its_own_answers_only(store: StepCache) -> None:
    def defect() -> Conversation[str]:
        yield from search("x", top=1)
        raise KeyError("oops")

    engine = Counting()
    talks = [(Asker(), defect), (Asker(), talk("a"))]
    done = carry(talks, engines={"search": engine, "generate": engine}, store=store, tally=Tally())
    assert done[0].failure is not None
    assert "KeyError" in done[0].failure.error
    assert done[1].value == "A"


def test_a_step_that_nobody_carries_out_is_named(store: StepCache) -> None:
    with pytest.raises(UserError, match="nothing here carries out 'generate' steps"):
        carry([(Asker(), talk("a"))], engines={"search": Counting()}, store=store, tally=Tally())


def test_ctrl_c_keeps_what_was_finished(store: StepCache) -> None:
    class Stopped(Counting):
        def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
            yield 0, SearchResult((Passage("p", "d", 0, 1, "a"),))
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="1 step results are kept"):
        run(["a", "b"], store, Stopped())
    engine, tally = Counting("counting"), Tally()
    run(["a"], store, engine, tally)
    assert (tally.executed, tally.replayed) == (1, 1)


def test_progress_counts_every_conversation_once(store: StepCache) -> None:
    seen: list[tuple[int, int]] = []
    engine = Counting()
    talks = [(Asker(), talk(word)) for word in "abca"]
    carry(
        talks,
        engines={"search": engine, "generate": engine},
        store=store,
        tally=Tally(),
        progress=lambda n, m: seen.append((n, m)),
    )
    assert seen[-1] == (4, 4)
    assert [n for n, _ in seen] == sorted(n for n, _ in seen)


def test_results_come_back_as_they_went_in(store: StepCache) -> None:
    passage = Passage("d#0-4", "d", 0, 4, 'Ünïcode "text"\n', "T", "d.md", 0.25, ("a", "b"), 3, 7, (0, 9))
    store.put("1", SearchResult((passage,)))
    store.put("2", GenerateResult("ß", 1, 2, True, 0.5))
    again = StepCache(store.path)
    assert again.get(["1", "2", "3"]) == {"1": SearchResult((passage,)), "2": GenerateResult("ß", 1, 2, True, 0.5)}


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "rung.db").write_bytes(b"not a database at all, but long enough to be looked at" * 50)
    with pytest.raises(UserError, match=r"rung\.db is damaged"):
        StepCache(tmp_path / "rung.db")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rung.db") as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(UserError, match="newer Rung"):
        StepCache(tmp_path / "rung.db")


def test_a_full_disk_is_said_and_nothing_is_lost(store: StepCache) -> None:
    run(["a"], store, Counting())
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(UserError, match="disk is full"):
        run([f"{n} {'x' * 4000}" for n in range(50)], store, Counting())
    store._db.execute("PRAGMA max_page_count=1000000")
    tally = Tally()
    run(["a"], store, Counting(), tally)
    assert tally.executed == 0


def test_live_streams_and_times_each_step() -> None:
    class Streaming(Counting):
        def stream(self, request: Request) -> Iterator[str | GenerateResult | Failure]:
            yield "Hel"
            yield "lo"
            yield GenerateResult("Hello", 3, 2)

    heard: list[str] = []
    live = converse(
        talk("a")(), asker=Asker(), engines={"search": Counting(), "generate": Streaming()}, on_text=heard.append
    )
    assert live.value == "Hello"
    assert heard == ["Hel", "lo"]
    assert [t.kind for t in live.timings] == ["search", "generate"]
    assert live.first_token is not None
    assert 0 < live.first_token <= live.seconds


def test_live_failure_is_a_record() -> None:
    engine = Counting(fail="a")
    live = converse(talk("a")(), asker=Asker(), engines={"search": engine, "generate": engine})
    assert live.failure == Failure("broken on purpose")


KILLED = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from tests.runtime.test_batch import Counting, run
    from rung.runtime.cache import StepCache
    from rung.runtime.batch import Tally

    class Slow(Counting):
        def run(self, requests):
            for place, result in super().run(requests):
                time.sleep(0.002)
                yield place, result

    tally = Tally()
    done = run([f"word {n}" for n in range(150)], StepCache(Path(sys.argv[1])), Slow(), tally)
    print(sum(c.value is not None for c in done), tally.executed, tally.replayed)
""")


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_executes_no_step_again(tmp_path: Path) -> None:
    path, root = tmp_path / "rung.db", Path(__file__).parents[2]
    known = 0
    for wait in (0.15, 0.25, 0.35):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=root, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None and _stored(path) <= known:
            time.sleep(0.01)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        known = _stored(path)
    assert known > 0
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=root, check=True, capture_output=True, text=True)
    finished, executed, replayed = map(int, done.stdout.split())
    assert finished == 150
    assert executed == 300 - known  # exactly what was not stored yet
    assert replayed == known
    assert _stored(path) == 300


def _stored(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM steps").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_only_a_search_depends_on_who_asks() -> None:
    staff = Asker(frozenset(["staff"]))
    say, find = Generate((Message("user", "a"),)), Search("a", 3)
    assert request_digest(Request(say, staff), "e") == request_digest(Request(say), "e")
    assert request_digest(Request(find, staff), "e") != request_digest(Request(find), "e")
    assert request_digest(Request(find, Asker(frozenset())), "e") != request_digest(Request(find), "e")
