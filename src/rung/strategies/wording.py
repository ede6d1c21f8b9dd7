"""What every rung may be told in `rung.yaml` beside its own settings: the words of its task, and which model it asks.

So that prompts can be swept and searched as any setting is. The form of the answer and the rule of grounding are added to
whichever words these are (`prompting.instruction`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rung.errors import UserError
from rung.records import Json
from rung.strategies.protocol import Composition, Materials, NotApplicable, Plan, Rung

TASK = "task"
MODEL = "model"  # what `rung.yaml` calls one of several
OF_ANY_RUNG = (MODEL, TASK)  # settings that no rung has in its own record
_LACKS = {MODEL: "asks no model of its own", TASK: "gives no instruction of its own"}


def own_settings(settings: Mapping[str, Json]) -> dict[str, Json]:
    """The settings that a rung has in its own record."""
    return {name: value for name, value in settings.items() if name not in OF_ANY_RUNG}


def planned(rung: type[Rung], materials: Materials, settings: Mapping[str, Json]) -> Plan | Composition | NotApplicable:
    """`rung.plan`, for the task that the settings word, if they do; that, and the model, are then among the plan's settings.

    Raises:
        UserError: as `rung.plan`; or the task is no text, or the rung asks no model.
    """
    of_any = {name: settings[name] for name in OF_ANY_RUNG if name in settings}
    if not of_any:
        return rung.plan(materials, settings)
    if not getattr(rung, "instructs", True):
        name = next(iter(of_any))
        raise UserError(f"{rung.name}: unknown setting '{name}'; this rung {_LACKS[name]}")
    task = of_any.get(TASK, materials.task)
    if not isinstance(task, str) or (TASK in of_any and not task.strip()):
        raise UserError(f"{rung.name}: setting '{TASK}' must be words, found {task!r}")
    plan = rung.plan(replace(materials, task=task), own_settings(settings))
    return replace(plan, spec=replace(plan.spec, settings={**of_any, **plan.settings})) if isinstance(plan, Plan) else plan
