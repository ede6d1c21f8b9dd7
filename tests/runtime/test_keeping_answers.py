"""Are answers kept when the file is damaged, and is an equal step asked by one process only?"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from rung.errors import Damaged
from rung.models.scripted import ScriptedGenerator
from rung.models.scripted_engines import Play
from rung.records import Asker, Message, Passage, digest
from rung.records.steps import Conversation, Generate, GenerateResult, SearchResult, generate
from rung.runtime import batch
from rung.runtime.batch import Tally, carry
from rung.runtime.cache import StepCache
from rung.runtime.recovery import is_whole, recover
from tests.working import working

COUNT = 400


def filled(path: Path) -> dict[str, str]:
    """A store of answers, some longer than a page, searches and notes; the answers' texts by digest."""
    store, texts = StepCache(path), {}
    for n in range(COUNT):
        text = f"answer {n} " * (1 + n % 7 * 100 if n % 40 == 0 else 5)
        texts[digest(n)] = text
        store.put(digest(n), GenerateResult(text, n, n), seen=[Passage(f"p{n}", "d", 0, 4, "text")])
        store.note("tokens", digest("note", n), n)
    store.put(digest("search"), SearchResult((Passage("p1", "d", 0, 4, "text", score=0.5),)))
    store.close()
    return texts


def readable(path: Path, texts: dict[str, str]) -> int:
    """How many answers are there; each of them as it was."""
    store = StepCache(path)
    found = store.get(texts)
    store.close()
    for name, result in found.items():
        assert isinstance(result, GenerateResult)
        assert result.text == texts[name]
    return len(found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_what_can_be_read_is_kept(seed: int, tmp_path: Path) -> None:
    path, rng = tmp_path / "rung.db", random.Random(seed)
    texts = filled(path)
    data = bytearray(path.read_bytes())
    page = 0 if seed < 3 else rng.randrange(len(data) // 4096)
    if seed % 3 == 0:
        data[page * 4096 : (page + 1) * 4096] = bytes(4096)
    elif seed % 3 == 1:
        for _ in range(3):
            data[page * 4096 + rng.randrange(4096)] ^= 0xFF
    else:
        del data[len(data) * 3 // 4 :]
    path.write_bytes(data)
    if is_whole(path):
        assert "are kept" in recover(path)
    assert is_whole(path) == ""
    left = readable(path, texts)
    assert left >= COUNT // 2 if seed % 3 == 2 else left >= COUNT * 9 // 10


def test_an_altered_answer_is_not_given(tmp_path: Path) -> None:
    path = tmp_path / "rung.db"
    texts = filled(path)
    path.write_bytes(path.read_bytes().replace(b"answer 7 ", b"answer 8 "))
    store = StepCache(path)
    with pytest.raises(Damaged, match="rung doctor --repair"):
        store.get([digest(7)])
    store.close()
    recover(path)
    assert readable(path, texts) == COUNT - 1


def test_a_store_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rung.db"
    with monkeypatch.context() as patched:
        patched.setattr("rung.runtime.cache.SCHEMA", "CREATE TABLE steps (digest); killed here")
        with pytest.raises(Damaged):
            StepCache(path)
    assert not path.exists()
    StepCache(path).close()
    assert is_whole(path) == ""


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / ".rung").mkdir()
    path = tmp_path / ".rung" / "rung.db"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(Damaged, match=f"rung.db is damaged .*rung doctor --repair {tmp_path}"):
        StepCache(path)
    assert recover(path).startswith("0 answers")


def _asked(n: int) -> Conversation[str]:
    said = yield from generate(Generate((Message("user", f"question {n}"),)))
    return said.text


def _carry(path: Path, log: Path, count: int = 30, delay: float = 0.02) -> list[str | None]:
    store = StepCache(path)
    engine = ScriptedGenerator(play=Play(log=log, delay=delay))
    talks = [(Asker(), lambda n=n: _asked(n)) for n in range(count)]
    ended = carry(talks, engines={"generate": engine}, store=store, tally=Tally())
    store.close()
    return [one.value for one in ended]


@pytest.mark.slow
def test_four_processes_ask_each_step_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_carry, args=(tmp_path / "rung.db", log)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    asked = Counter(log.read_text().split())
    assert (len(asked), set(asked.values())) == (30, {1})


def test_what_a_killed_process_had_claimed_is_taken_over(tmp_path: Path) -> None:
    log = tmp_path / "log"
    worker = multiprocessing.get_context("fork").Process(target=_carry, args=(tmp_path / "rung.db", log, 30, 0.2))
    worker.start()
    while not log.exists():
        time.sleep(0.02)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    began = time.monotonic()
    assert all(_carry(tmp_path / "rung.db", log, delay=0))
    assert time.monotonic() - began < 60
    assert max(Counter(log.read_text().split()).values()) <= 2


def test_who_does_not_get_on_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "PATIENCE", 0.3)
    asleep, steps = StepCache(tmp_path / "rung.db"), []

    class Recording(ScriptedGenerator):
        def run(self, requests):  # type: ignore[no-untyped-def]
            steps.extend(requests)
            return super().run(requests)

    from rung.records.steps import Request, request_digest

    engine = Recording()
    request = Request(Generate((Message("user", "question 0"),)), Asker())
    assert asleep.claim([request_digest(request, engine.identity)])
    store = StepCache(tmp_path / "rung.db")
    ended = carry([(Asker(), lambda: _asked(0))], engines={"generate": engine}, store=store, tally=Tally())
    assert (ended[0].failure, len(steps)) == (None, 1)
    asleep.close()
    store.close()


@pytest.mark.slow
def test_another_process_is_waited_for_as_long_as_the_budget_lasts(tmp_path: Path) -> None:
    """Whatever it has: a step, the index, or an artifact that it builds."""
    from rung.artifacts.store import building
    from rung.config.project import load_project
    from rung.errors import BudgetEnded
    from rung.files.durable import alone
    from rung.knowledge.store.lance import LanceIndex
    from rung.pipeline.budget import CompareRequest
    from rung.records.steps import Request, request_digest

    (tmp_path / "rung.yaml").write_text("task: a\nmodel: scripted\nembedder: scripted\nknowledge: {sources: [d]}\n")
    other = StepCache(tmp_path / ".rung" / "rung.db")
    request = Request(Generate((Message("user", "question 0"),)), Asker())
    folder, index = tmp_path / ".rung" / "artifacts" / "adapter" / "abc", LanceIndex(tmp_path / ".rung" / "index")
    with working(load_project(tmp_path), CompareRequest(minutes=0.5 / 60)) as at:
        assert other.claim([request_digest(request, at.engines.generator.identity)])
        with pytest.raises(BudgetEnded, match="minutes allowed are over"):
            at.runner.run([(Asker(), lambda: _asked(0))], title="ask", engines={"generate": at.engines.generator})
        with (
            alone(folder.with_name(".abc.lock")),
            pytest.raises(BudgetEnded, match="waited for"),
            building(folder, "build"),
        ):
            pass
        with (
            index.writing(),
            pytest.raises(BudgetEnded),
            LanceIndex(tmp_path / ".rung" / "index").writing(at.meter.go_on),
        ):
            pass
    other.close()
