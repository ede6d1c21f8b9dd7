"""How an alert changes with a reading: ok, pending, firing, resolved. Pure; time is counted in looks.

An alert fires after so many looks in a row that found it drifted, and ends after so many that found it fine: what lies
between the two limits, and what could not be told, changes nothing. One that fires again soon after it had ended needs
twice as many fine looks then, up to sixteen times as many: what goes to and fro is told of ever more seldom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rung.records.alerts import Alert, AlertEvent, Key, Reading

CALM = 20  # readings after an end within which firing again is a relapse; a detector may give none in most looks
MOST_DOUBLED = 4  # relapses that count
GONE = "what it was about is no longer there"


def after(alert: Alert | None, detector: str, reading: Reading, *, look: int, at: int) -> tuple[Alert, AlertEvent | None]:
    """The alert after one more reading, and what is to be told of; None: nothing.

    Args:
        alert: as it was; None: there was none.
        detector: whose reading.
        reading: what this look says.
        look: its number, greater than that of the look before.
        at: the time of day, for people; nothing is decided by it.
    """
    before = alert or Alert(detector, reading, look=look, since=look, at=at)
    if reading.state == "unknown":
        return _unknown(before, reading.says, look), None
    seen = replace(before, reading=reading, look=look, unknown=0, blind="", told=before.told + 1)
    if reading.state == "between":
        return seen, None
    if reading.state == "drifted":
        counted = replace(seen, drifted=before.drifted + 1, fine=0, clears_after=reading.clears_after)
        return _drifted(counted, at=at)
    return _fine(replace(seen, drifted=0, fine=before.fine + 1), at=at)


def _drifted(alert: Alert, *, at: int) -> tuple[Alert, AlertEvent | None]:
    if alert.state == "firing":
        return alert, None
    if alert.drifted < alert.reading.fires_after:
        return _moved(alert, "pending", at) if alert.state != "pending" else alert, None
    is_relapse = bool(alert.ended) and alert.told <= CALM
    firing = replace(_moved(alert, "firing", at), relapses=alert.relapses + 1 if is_relapse else 0)
    return firing, AlertEvent(alert.detector, alert.reading, "firing", alert.look, alert.reading.says, at=at)


def _fine(alert: Alert, *, at: int) -> tuple[Alert, AlertEvent | None]:
    if alert.state != "firing":
        return (alert if alert.state == "ok" else _moved(alert, "ok", at)), None
    if alert.fine < looks_to_clear(alert):
        return alert, None
    return _ended(alert, alert.reading.says, at=at)


def looks_to_clear(alert: Alert) -> int:
    """Fine looks in a row that end it."""
    return alert.clears_after << min(alert.relapses, MOST_DOUBLED)


def on_the_way(alert: Alert) -> str:
    """How far an alert is from firing or from its end, in words; "" where its reading says all there is."""
    reading, needed = alert.reading, looks_to_clear(alert)
    if alert.state == "pending":
        return f"drifted in {alert.drifted} of the {reading.fires_after} looks in a row after which it fires"
    if alert.state != "firing" or reading.state == "drifted":
        return ""
    if reading.state == "fine":
        return f"it is fine again in {alert.fine} of the {needed} looks in a row that end it: until then it fires"
    return f"it is between its two limits now, and fires until {needed} looks in a row find it fine"


def gone(alert: Alert, *, look: int, at: int) -> AlertEvent | None:
    """What is to be told of an alert that its detector had no reading of any more; it is forgotten."""
    return _ended(replace(alert, look=look), GONE, at=at)[1] if alert.state == "firing" else None


def _ended(alert: Alert, why: str, *, at: int) -> tuple[Alert, AlertEvent]:
    ended = replace(_moved(alert, "resolved", at), ended=alert.look, told=0)
    return ended, AlertEvent(alert.detector, alert.reading, "resolved", alert.look, why, at=at)


def _moved(alert: Alert, state: str, at: int) -> Alert:
    return replace(alert, state=state, since=alert.look, at=at)  # type: ignore[arg-type]


def all_after(
    alerts: Mapping[Key, Alert],
    readings: Mapping[str, Iterable[Reading]],
    *,
    blind: Mapping[str, str],
    look: int,
    at: int,
) -> tuple[dict[Key, Alert], list[AlertEvent]]:
    """All alerts after a look, and what is to be told of.

    Args:
        alerts: as they were.
        readings: what each detector that looked says; one that did not is not among them, and its alerts stay as they are.
        blind: why, by name, for those of them that could not look to the end: what they did not come to is unknown.
        look: number of the look.
        at: the time of day.
    """
    now, events = dict(alerts), list[AlertEvent]()
    for detector, some in readings.items():
        seen = {(detector, one.name, one.subject): one for one in some}
        for key, reading in seen.items():
            now[key], event = after(alerts.get(key), detector, reading, look=look, at=at)
            events += [event] if event else []
        for key in [key for key in alerts if key[0] == detector and key not in seen]:
            if detector in blind:
                now[key] = _unknown(alerts[key], blind[detector], look)
                continue
            event = gone(alerts[key], look=look, at=at)
            events += [event] if event else []
            del now[key]
    return now, events


def _unknown(alert: Alert, why: str, look: int) -> Alert:
    return replace(alert, look=look, unknown=alert.unknown + 1, blind=why)
