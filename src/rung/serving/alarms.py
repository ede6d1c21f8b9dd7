"""Alarms of a deployment that breaks a limit where nothing follows by itself: there is none to go back to, or it was gone
back to already. Each is raised once, ends when the limit is shown to hold again, and only then can be raised anew.
"""

from __future__ import annotations

from dataclasses import asdict

from rung.records.deployment import DeploymentRecord
from rung.serving.trials import broken_limits, is_within, keeps_limit, limit_words, risk_of_limit
from rung.state.database import State
from rung.state.deployments import Place, Seen, last_seen, seen_since


class Alarms:
    """What one server has raised of the deployment that is served. Of what was seen before the server began nothing is
    raised: what goes on is shown again by the answers that follow.

    Raises:
        Unavailable: the database is.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._about = ("", -1)  # the deployment, and the answer since which it is served
        self._after: Place = last_seen(state)  # before what is looked at
        self._raised: dict[str, Place] = {}  # by limit: what had been seen when it was shown last to go on

    def look(self, record: DeploymentRecord, *, since: int, why: str) -> list[str]:
        """A line for each limit that is newly broken, and for each that holds again.

        Args:
            record: the deployment that is served.
            since: number of the last answer before it was served.
            why: why nothing follows.

        Raises:
            Unavailable: the database is.
        """
        if self._about != (record.id, since):
            self._about, self._raised = (record.id, since), {}
        rollout, latest, lines = record.rollout, last_seen(self._state), list[str]()
        risk = risk_of_limit(rollout)
        blocks, self._after = self._seen(record, since, self._after)
        for one in blocks:
            for limit, broken in broken_limits(rollout, one, risk=risk).items():
                if limit not in self._raised:
                    self._raised[limit] = latest
                    lines.append(f"ALERT: deployment {record.id} breaks a limit, and {why}: {broken}")
        for limit, raised in list(self._raised.items()):
            after = _sum(self._seen(record, since, raised)[0])
            if not is_within(rollout, limit, after):
                self._raised[limit] = latest  # it goes on: a long outage does not have to be made up for
            elif keeps_limit(rollout, limit, after, risk=risk):
                del self._raised[limit]
                self._after = latest  # what was bad before does not raise it again
                lines.append(f"ALERT ended: deployment {record.id} keeps it again: {limit_words(rollout, limit, after)}")
        return lines

    def _seen(self, record: DeploymentRecord, since: int, after: Place) -> tuple[tuple[Seen, ...], Place]:
        return seen_since(self._state, record.id, since=since, after=after, slower_than=record.rollout.max_p95)


def _sum(blocks: tuple[Seen, ...]) -> Seen:
    rows = [asdict(one) for one in blocks]
    return Seen(**{name: sum(row[name] for row in rows) for name in asdict(Seen())})
