"""Settings that building finds: rung.yaml asks for them by another setting, and a pinned strategy has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.artifacts import Built
from rung.builders.answer_index import KIND as ANSWERS_KIND
from rung.builders.instruction import KIND as INSTRUCTION_KIND
from rung.builders.refusal import KIND as REFUSAL_KIND
from rung.records import Json

_ASKED_BY = {"refuse_below": "wrong_at_most", "instruction": "optimise"}  # what is learnt -> what asks for it
_ENTRIES = {  # kind of artifact -> (setting, entry of its manifest)
    REFUSAL_KIND: ("refuse_below", "threshold"),
    INSTRUCTION_KIND: ("instruction", "instruction"),
    ANSWERS_KIND: ("threshold", "threshold"),
}


def learnt_settings(built: Sequence[Built]) -> dict[str, Json]:
    """From which confidence or similarity on is answered, and the words of the task, as artifacts have them."""
    named = [(*_ENTRIES[artifact.kind], artifact.manifest) for artifact in built if artifact.kind in _ENTRIES]
    return {setting: manifest[entry] for setting, entry, manifest in named}


def learnt_in(settings: Mapping[str, Json], measured: Mapping[str, Json]) -> dict[str, Json]:
    """Those of a measured strategy's settings that `settings`, as rung.yaml has them, ask to be found."""
    asked = (learnt for learnt, by in _ASKED_BY.items() if settings.get(by) not in (None, 0, "none"))
    return {learnt: measured[learnt] for learnt in asked if learnt in measured}
