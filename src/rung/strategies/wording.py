"""The instruction that a rung gives: the project's task, or the words that `rung.yaml` gives the rung in its place.

So that prompts can be swept and searched as any setting is. Which of the project's models it asks is a setting of every rung
too. The form of the answer and the rule of grounding are added to
whichever it is (`prompting.instruction`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rung.errors import UserError
from rung.records import Json
from rung.strategies.protocol import Composition, Materials, NotApplicable, Plan, Rung

TASK = "task"
MODEL = "model"  # what `rung.yaml` calls one of several
OF_ANY_RUNG = (TASK, MODEL)  # settings that no rung has in its own record


def planned(rung: type[Rung], materials: Materials, settings: Mapping[str, Json]) -> Plan | Composition | NotApplicable:
    """`rung.plan`, for the task that the settings word, if they do; the setting is then among those of the plan.

    Raises:
        UserError: as `rung.plan`; or the task is no text, or of a rung that asks no model.
    """
    if MODEL in settings:
        return _on_model(rung, materials, settings)
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


def _on_model(rung: type[Rung], materials: Materials, settings: Mapping[str, Json]) -> Plan | Composition | NotApplicable:
    if not getattr(rung, "instructs", True):
        raise UserError(f"{rung.name}: unknown setting '{MODEL}'; this rung asks no model of its own")
    plan = planned(rung, materials, {name: value for name, value in settings.items() if name != MODEL})
    if not isinstance(plan, Plan):
        return plan
    return replace(plan, spec=replace(plan.spec, settings={MODEL: settings[MODEL], **plan.settings}))
