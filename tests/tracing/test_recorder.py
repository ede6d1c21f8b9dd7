"""Conversations are handed over once, when the last thread has let them go; what finds no room is counted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from rung.records.traces import Trace
from rung.tracing import recorder as recorders
from rung.tracing.recorder import Recorder
from tests.tracing.traces import opening, runs, spans


class Kept:
    """A sink that keeps what it was given, once it may; a `Sink`."""

    def __init__(self) -> None:
        self.traces: list[Trace] = []
        self.may, self.is_closed, self.tended = threading.Event(), False, 0
        self.may.set()

    def take(self, traces: Sequence[Trace]) -> None:
        self.may.wait(20)
        self.traces += traces

    def tend(self) -> None:
        self.tended += 1

    def close(self) -> None:
        self.is_closed = True


class Broken(Kept):
    """A sink with a defect."""

    def take(self, traces: Sequence[Trace]) -> None:
        raise ValueError("a defect")


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_ended_becomes_a_trace_within_the_window() -> None:
    kept = Kept()
    recorder = Recorder(spans(), [kept])
    recording = recorder.begin(opening("ab" * 16))
    for one in runs():
        recording.step(one)
    recording.end()
    recording.release()
    until(lambda: bool(kept.traces))
    assert [(trace.summary.id, len(trace.steps)) for trace in kept.traces] == [("ab" * 16, 2)]
    recorder.close()
    assert (len(kept.traces), kept.is_closed, kept.tended > 0) == (1, True, True)


def test_it_is_handed_over_when_the_last_thread_lets_it_go() -> None:
    kept = Kept()
    recorder = Recorder(spans(), [kept])
    recording = recorder.begin(opening())
    recording.begin(0.25)
    recording.end("client_left")
    recording.release()
    recording.end("timeout")  # what is said later of how it ended does not count
    recording.step(runs()[0])  # still under way
    assert recorder.waiting == 0
    recording.release()
    recorder.close()
    (trace,) = kept.traces
    assert (trace.summary.error, len(trace.steps)) == ("client_left", 1)
    assert trace.root.attributes["rung.queue_seconds"] == 0.25


def test_the_end_hands_over_what_waits() -> None:
    kept = Kept()
    recorder = Recorder(spans(), [kept])
    for _ in range(500):
        recorder.begin(opening()).release()
    recorder.close()
    assert len(kept.traces) == 500


@pytest.mark.parametrize("limit", ["LIMIT", "CHARACTERS"])
def test_what_finds_no_room_is_lost_and_counted(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, limit, 3 if limit == "LIMIT" else 300)
    kept = Kept()
    kept.may.clear()  # as where a sink is slow
    recorder = Recorder(spans(), [kept])

    def one() -> None:
        recording = recorder.begin(opening())
        recording.characters = 100
        recording.release()

    one()
    until(lambda: recorder.waiting == 0)  # it is with the sink
    for _ in range(5):
        one()
    assert (recorder.waiting, recorder.lost) == (3, 2)
    kept.may.set()
    recorder.close()
    assert len(kept.traces) == 4


def test_a_share_is_kept_and_every_failure() -> None:
    kept = Kept()
    recorder = Recorder(spans(), [kept], share=0.25)
    for number in range(1_000):
        recording = recorder.begin(opening())
        recording.end("timeout" if number % 10 == 0 else "")
        recording.release()
    recorder.close()
    failed = [trace for trace in kept.traces if trace.summary.error]
    assert len(failed) == 100
    assert 150 < len(kept.traces) - len(failed) < 300  # 225 expected, standard deviation 13
    assert all(recorder.keeps(trace.summary.trace) for trace in kept.traces if not trace.summary.error)


def test_a_defect_of_one_sink_is_told_and_takes_nothing_from_others(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    recorder = Recorder(spans(), [Broken(), kept])
    recorder.begin(opening()).release()
    with caplog.at_level(logging.ERROR):
        recorder.close()
    assert len(kept.traces) == 1
    assert "a defect of Rung" in caplog.text
