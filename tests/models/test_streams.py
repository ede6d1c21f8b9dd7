"""The streams of many threads: told by one, each whole and in order, and none harms another."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from rung.models.jobs import Job
from rung.models.streams import Streams
from rung.records import Failure
from rung.records.steps import Generate, GenerateResult

TEXT = "So many words, one letter a token."


class Letters:
    """A tokenizer whose tokens are letters. It counts its calls."""

    calls = 0

    def decode_all(self, texts: Sequence[Sequence[int]]) -> list[str]:
        """See `Tokens`."""
        self.calls += 1
        return ["".join(map(chr, ids)) for ids in texts]


@dataclass
class Steps:
    """A batch that gives each job a letter of its text a step, once so many are followed. It breaks at a step, where one is
    named."""

    break_at: int = -1
    steps: int = 0
    count: int = 1
    at_once: int = 64
    is_broken: bool = False

    def add(self, job: Job) -> Failure | None:
        return Failure("refused", step="generate") if job.index < 0 else None

    def advance(self, jobs: Collection[Job]) -> None:
        while not self.steps and len(jobs) < self.count:
            time.sleep(0.001)
        self.steps += 1
        if self.steps == self.break_at:
            raise RuntimeError("the engine broke down")

    def look_again(self) -> None: ...

    def cancel(self, jobs: Sequence[Job]) -> None: ...

    def read(self, job: Job) -> GenerateResult | Failure | None:
        if job.index == 7:
            raise ValueError("of this job alone")
        job.generated.append(ord(TEXT[len(job.generated)]))
        return GenerateResult(TEXT, 1, len(TEXT)) if len(job.generated) == len(TEXT) else None


def job(index: int = 0) -> Job:
    return Job(index, Generate((), max_tokens=100), [1])


def ignore(_piece: str) -> None:
    """Listen, and do nothing."""


def test_one_thread_tells_all_of_them_and_decodes_once_a_step() -> None:
    letters, batch = Letters(), Steps(count=20)
    streams = Streams(letters.decode_all)
    heard: list[list[str]] = [[] for _ in range(20)]
    threads: set[int] = set()

    def follow(number: int) -> GenerateResult | Failure:
        def hear(piece: str) -> None:
            if len(heard[number]) < len(TEXT) - 1:  # the last is told by who waited
                threads.add(threading.get_ident())
            heard[number].append(piece)

        return streams.follow(batch, job(), hear)

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(follow, range(20)))
    assert {result.text for result in results if isinstance(result, GenerateResult)} == {TEXT}
    assert heard == [list(TEXT)] * 20
    assert len(threads) == 1
    assert letters.calls == batch.steps == len(TEXT)


def test_what_a_listener_raises_ends_its_own_stream() -> None:
    streams, batch = Streams(Letters().decode_all), Steps(count=2)
    heard: list[str] = []

    def leave(_piece: str) -> None:
        raise KeyError("nobody listens")

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(streams.follow, batch, job(), heard.append)
        with pytest.raises(KeyError, match="nobody listens"):
            streams.follow(batch, job(), leave)
        assert isinstance(other.result(10), GenerateResult)
    assert "".join(heard) == TEXT


def test_who_leaves_is_heard_of_where_no_text_is_certain_yet() -> None:
    """As in a list whose items must differ, which is told when it is whole."""
    streams, batch = Streams(lambda texts: ["" for _ in texts]), Steps()

    def leave(piece: str) -> None:
        assert piece == ""
        raise KeyError("nobody listens")

    with pytest.raises(KeyError, match="nobody listens"):
        streams.follow(batch, job(), leave)
    assert batch.steps == 1


def test_a_defect_in_one_is_not_the_others() -> None:
    streams, batch = Streams(Letters().decode_all), Steps(count=2)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(streams.follow, batch, job(), ignore)
        with pytest.raises(ValueError, match="of this job alone"):
            streams.follow(batch, job(7), ignore)
        assert isinstance(other.result(10), GenerateResult)


def test_all_are_told_of_an_engine_that_breaks_and_the_next_can_follow() -> None:
    streams = Streams(Letters().decode_all)
    broken = Steps(break_at=3, count=4)
    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(streams.follow, broken, job(), ignore) for _ in range(4)]:
            with pytest.raises(RuntimeError, match="broke down"):
                each.result(10)
    assert isinstance(streams.follow(Steps(), job(), ignore), GenerateResult)


def test_what_is_refused_is_not_waited_for() -> None:
    streams = Streams(Letters().decode_all)
    assert streams.follow(Steps(), job(-1), ignore) == Failure("refused", step="generate")
