"""Are looks counted, alerts and events kept, whoever looks and however often it begins anew?"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from rung.records.alerts import Alert, AlertEvent, Key, Reading
from rung.state.alerts import (
    all_alerts,
    baselines_of,
    delivered,
    keep_baseline,
    last_look,
    recent_events,
    record_look,
    undelivered,
)
from rung.state.database import State

READING = Reading(
    "sources changed", "drifted", "3 did", subject="a \0 b \ud800", figure=3, limit=1, evidence={"n": [1, None]}
)
ALERT = Alert("index", READING, state="firing", look=1, since=1, at=7, drifted=2)
EVENT = AlertEvent("index", READING, "firing", 1, "3 did", at=7)


def test_what_a_look_found_another_process_reads(state: State, records: str, tmp_path: Path) -> None:
    number, alerts, (event,) = record_look(state, lambda before, look: ({**before, ALERT.key: ALERT}, [EVENT]), at=5)
    assert (number, alerts, event.number) == (1, {ALERT.key: ALERT}, 1)
    with State(tmp_path, records) as other:
        assert all_alerts(other) == {ALERT.key: ALERT}
        assert recent_events(other, limit=9) == [replace(EVENT, number=1)]
        assert (last_look(other).number, last_look(other).at) == (1, 5)
        record_look(other, lambda before, look: ({ALERT.key: replace(ALERT, look=look)}, []), at=4)
    assert all_alerts(state)[ALERT.key].look == 2
    assert (last_look(state).number, last_look(state).at) == (2, 4)  # a clock that went back is kept as it is
    record_look(state, lambda before, look: ({}, []), at=6)
    assert all_alerts(state) == {}


def test_a_look_that_fails_is_not_counted(state: State) -> None:
    def fails(before: Mapping[Key, Alert], look: int) -> tuple[Mapping[Key, Alert], list[AlertEvent]]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record_look(state, fails, at=1)
    assert last_look(state).number == 0


def test_two_watches_at_once_count_each_look(state: State) -> None:
    def look() -> None:
        for _ in range(5):
            record_look(state, lambda before, number: ({ALERT.key: replace(ALERT, look=number)}, [EVENT]), at=1)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert last_look(state).number == 15
    assert [event.number for event in undelivered(state, limit=100)] == list(range(1, 16))


def test_events_wait_until_they_are_delivered(state: State) -> None:
    for _ in range(3):
        record_look(state, lambda before, look: ({}, [replace(EVENT, look=look)]), at=1)
    assert [event.number for event in undelivered(state, limit=2)] == [1, 2]
    delivered(state, 2)
    assert [event.look for event in undelivered(state, limit=2)] == [3]
    assert len(recent_events(state, limit=9)) == 3


def test_a_baseline_takes_the_place_of_the_one_before_of_its_detector(state: State) -> None:
    keep_baseline(state, "d1", {"prompt": {"prompts": "x"}, "model": {"m": {"canaries": []}}})
    keep_baseline(state, "d2", {"prompt": {"prompts": "y"}})
    keep_baseline(state, "d1", {"prompt": {"prompts": "z"}})
    values = {name: one.value for name, one in baselines_of(state, "d1").items()}
    assert values == {"prompt": {"prompts": "z"}, "model": {"m": {"canaries": []}}}
    keep_baseline(state, "d1", {}, none=["model"])
    assert baselines_of(state, "d1").keys() == {"prompt"}
    assert baselines_of(state, "d2")["prompt"].value == {"prompts": "y"}
    assert baselines_of(state, "d3") == {}
