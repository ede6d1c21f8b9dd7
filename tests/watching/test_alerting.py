"""Does an alert fire after as many looks as it says, end after as many, and keep still in between?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rung.records.alerts import Alert, AlertEvent, Found, Reading
from rung.watching.alerting import CALM, GONE, all_after, looks_to_clear, on_the_way

READING = Reading("sources changed", "fine", "it is so", figure=0, limit=1, fires_after=2, clears_after=2)
MARKS: dict[str, Found] = {"d": "drifted", ".": "fine", "b": "between", "?": "unknown"}


def passed(marks: str, reading: Reading = READING) -> tuple[Alert, list[AlertEvent]]:
    """The alert after looks that said this, and all that was told of."""
    alerts: dict[tuple[str, str, str], Alert] = {}
    events: list[AlertEvent] = []
    for look, mark in enumerate(marks, 1):
        now = replace(reading, state=MARKS[mark])
        alerts, new = all_after(alerts, {"index": [now]}, blind={}, look=look, at=1000 * look)
        events += new
    (alert,) = alerts.values()
    return alert, events


@pytest.mark.parametrize(
    ("marks", "state", "told"),
    [
        (".", "ok", []),
        ("d", "pending", []),
        ("d.", "ok", []),
        ("d.d.d.d.d.", "ok", []),
        ("dd", "firing", [2]),
        ("dd.", "firing", [2]),
        ("dd..", "resolved", [2, 4]),
        ("dd...", "ok", [2, 4]),
        ("dd.d.d.d.d", "firing", [2]),
        ("dbd", "firing", [3]),
        ("ddbbbbbb", "firing", [2]),
        ("dd.b.", "resolved", [2, 5]),
        ("dd?????", "firing", [2]),
        ("d?d", "firing", [3]),
        ("dd.?.", "resolved", [2, 5]),
        ("?", "ok", []),
    ],
)
def test_an_alert_after_looks(marks: str, state: str, told: list[int]) -> None:
    alert, events = passed(marks)
    assert (alert.state, [event.look for event in events]) == (state, told)
    assert [event.state for event in events] == ["firing", "resolved"][: len(told)]


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        ("d", "drifted in 1 of the 2 looks in a row after which it fires"),
        ("dd", ""),
        ("dd.", "it is fine again in 1 of the 2 looks in a row that end it: until then it fires"),
        ("dd..", ""),
        ("dd..dd.", "it is fine again in 1 of the 4 looks in a row that end it: until then it fires"),
        ("ddb", "it is between its two limits now, and fires until 2 looks in a row find it fine"),
        ("ok.", ""),
    ],
)
def test_how_far_an_alert_is_from_firing_or_its_end_is_said(marks: str, says: str) -> None:
    assert on_the_way(passed(marks.replace("ok", ".."))[0]) == says


def test_what_cannot_be_told_is_counted_and_said() -> None:
    alert, _ = passed("dd???")
    assert (alert.unknown, alert.blind) == (3, READING.says)
    assert passed("dd??d")[0].unknown == 0


def test_one_that_fires_again_soon_takes_twice_as_long_to_end() -> None:
    alert, events = passed("dd.." + "dd..")
    assert alert.state == "firing"
    assert (alert.relapses, looks_to_clear(alert)) == (1, 4)
    assert [event.look for event in events] == [2, 4, 6]
    assert [event.look for event in passed("dd..dd....")[1]] == [2, 4, 6, 10]
    calm, _ = passed("dd.." + "." * CALM + "dd")
    assert calm.relapses == 0


def test_a_relapse_is_one_by_the_readings_of_its_detector_however_seldom_that_looks() -> None:
    """Of a detector that pauses, a watch makes many looks between two of its readings."""
    alerts: dict[tuple[str, str, str], Alert] = {}
    for at, mark in enumerate("dd..dd"):
        now = {"index": [replace(READING, state=MARKS[mark])]}
        alerts, _ = all_after(alerts, now, blind={}, look=60 * at + 1, at=1)
    (alert,) = alerts.values()
    assert (alert.state, alert.relapses) == ("firing", 1)


def test_what_goes_to_and_fro_is_told_of_ever_more_seldom() -> None:
    """A figure that hovers about its limit, each look by chance above or below: 2,000 looks, and few words."""
    rng = np.random.default_rng(5)
    marks = "".join(rng.choice(["d", "."], size=2000))
    raw = marks.count("dd.") + marks.count("..d")
    _, events = passed(marks)
    assert raw > 300
    assert len(events) < 60


def test_what_is_no_longer_there_ends_and_is_forgotten() -> None:
    alerts, _ = all_after(
        {}, {"model": [replace(READING, subject="a", state="drifted", fires_after=1)]}, blind={}, look=1, at=1
    )
    after, events = all_after(alerts, {"model": []}, blind={}, look=2, at=2)
    assert after == {}
    assert [(event.state, event.why) for event in events] == [("resolved", GONE)]


def test_a_detector_that_does_not_look_or_cannot_leaves_its_alerts_as_they_are() -> None:
    alerts, _ = all_after({}, {"model": [replace(READING, state="drifted", fires_after=1)]}, blind={}, look=1, at=1)
    assert all_after(alerts, {"index": []}, blind={}, look=2, at=2) == (alerts, [])
    after, events = all_after(alerts, {"model": []}, blind={"model": "it is away"}, look=2, at=2)
    (alert,) = after.values()
    assert events == []
    assert (alert.state, alert.unknown, alert.blind) == ("firing", 1, "it is away")


def test_readings_of_two_subjects_are_two_alerts() -> None:
    both = [replace(READING, subject=name, state="drifted", fires_after=1) for name in ("a", "b")]
    alerts, events = all_after({}, {"model": both}, blind={}, look=1, at=1)
    assert len(alerts) == len(events) == 2


def test_a_reading_of_another_rung_is_read_without_what_is_not_known_here() -> None:
    assert Reading.of({"name": "a", "state": "fine", "says": "b", "colour": "red"}) == Reading("a", "fine", "b")
