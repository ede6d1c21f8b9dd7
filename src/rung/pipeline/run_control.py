"""Steer a comparison that runs from elsewhere: pause it, let it go on, give it more budget, stop it.

What is asked for is written down for it; obeying is left to `steering`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from rung.config.project import Project
from rung.errors import UserError
from rung.files.durable import alone, write_whole
from rung.pipeline.run_record import RunRecord, read_record
from rung.pipeline.steering import CONTROL, Orders, read_orders, run_name

LOCK = "control.lock"  # in the project's state
LOG = "compare.log"  # in it, too: the output of a comparison that was started from a page
NOT_RUNNING = "no comparison runs here now"


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody asks for now. `pause`: to pause, or to go on; None leaves that as it is."""

    pause: bool | None = None
    stop: bool = False
    more_minutes: float = 0.0
    more_usd: float = 0.0

    def after(self, before: Orders) -> Orders:
        """All that is asked for then."""
        pause = before.pause if self.pause is None else self.pause
        minutes, usd = before.minutes + self.more_minutes, before.usd + self.more_usd
        return Orders(pause, before.stop or self.stop, minutes, usd)


def ask(project: Project, change: Change) -> RunRecord:
    """Ask the comparison that runs for something; it obeys at its next step. Returns its record as it was.

    Raises:
        UserError: none runs, or it has no such budget.
    """
    with alone(project.state / LOCK):
        record = read_record(project)
        if record is None or record.status != "running":
            raise UserError(f"{project.root}: {NOT_RUNNING}", code="no_comparison")
        _check_budget(record, change)
        name = run_name(record.process, record.began)
        orders = change.after(read_orders(project.state / CONTROL, name))
        write_whole(project.state / CONTROL, json.dumps({**name, **asdict(orders)}))
        return record


def asked_of(project: Project, record: RunRecord) -> Orders:
    """What is asked of the comparison that this is the record of."""
    return read_orders(project.state / CONTROL, run_name(record.process, record.began))


def _check_budget(record: RunRecord, change: Change) -> None:
    run = record.state.run
    for more, limit, option in (
        (change.more_minutes, run.seconds_allowed, "--budget-minutes"),
        (change.more_usd, run.usd_allowed, "--budget-usd"),
    ):
        if more and limit is None:
            raise UserError(f"it was begun without {option}, so that there is nothing to add to")
