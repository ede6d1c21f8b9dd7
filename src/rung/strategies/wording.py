"""The instruction that a rung gives: the project's task, or the words that `rung.yaml` gives the rung in its place.

So that prompts can be swept and searched as any setting is. The form of the answer and the rule of grounding are added to
whichever it is (`prompting.instruction`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rung.errors import UserError
from rung.records import Json
from rung.strategies.protocol import Composition, Materials, NotApplicable, Plan, Rung

TASK = "task"


def planned(rung: type[Rung], materials: Materials, settings: Mapping[str, Json]) -> Plan | Composition | NotApplicable:
    """`rung.plan`, for the task that the settings word, if they do; the setting is then among those of the plan.

    Raises:
        UserError: as `rung.plan`; or the task is no text, or of a rung that asks no model.
    """
    if TASK not in settings:
        return rung.plan(materials, settings)
    task = settings[TASK]
    if not getattr(rung, "instructs", True):
        raise UserError(f"{rung.name}: unknown setting '{TASK}'; this rung gives no instruction of its own")
    if not isinstance(task, str) or not task.strip():
        raise UserError(f"{rung.name}: setting '{TASK}' must be words, found {task!r}")
    others = {name: value for name, value in settings.items() if name != TASK}
    plan = rung.plan(replace(materials, task=task), others)
    if not isinstance(plan, Plan):
        return plan
    return replace(plan, spec=replace(plan.spec, settings={TASK: task, **plan.settings}))
