"""How long building takes here: as long a row as the newest artifact of its kind took in this project, else unknown.

What is not known is never guessed for people. To put builds in order, cheapest first, a rough guess does (`ROUGH`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rung.artifacts import Training
from rung.artifacts.registry import Registry
from rung.config.project import Project
from rung.records import Case, Json
from rung.strategies.protocol import (
    Adapter,
    AnswerIndex,
    ChunkedIndex,
    ExampleIndex,
    InstructionSearch,
    Labelling,
    Materials,
    Need,
    RefusalThreshold,
    Reranker,
    Retriever,
    Routing,
)
from rung.training.recipe import FILE, TRAINER, Recipe, passes_for, read_recipe
from rung.training.self_replay import Asked, chats_for, general_prompts, prompts_for, shipped

# Seconds a row and pass, of small models on two cores: they order builds, and stand nowhere else.
ROUGH: Mapping[str, float] = {
    "cutting": 0.02,
    "classifier": 0.02,
    "retriever": 0.2,
    "reranker": 0.5,
    "adapter": 1.0,
    "router": 2.0,
    "refusal": 2.0,
    "instruction": 2.0,
    "answer-index": 2.0,
}
_PASSES = 3  # of a retriever or reranker whose recipe says none
_REPEATED = ("adapter", "retriever", "reranker")  # kinds whose time grows with the passes over their rows


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds a row and pass by kind of artifact, and seconds that a build of the kind takes besides, as measured here."""

    per_row: Mapping[str, float] = field(default_factory=dict)
    besides: Mapping[str, float] = field(default_factory=dict)

    def seconds(self, training: Training) -> float | None:
        """How long a training takes; None where none of its kind was measured here."""
        each = self.per_row.get(training.kind)
        if each is None:
            return None
        passes = training.passes if training.kind in _REPEATED else 1
        return each * training.rows * passes + self.besides.get(training.kind, 0.0)


def pace_of_building(project: Project) -> Pace:
    """What the newest artifact of each kind took in this project."""
    per_row: dict[str, float] = {}
    besides: dict[str, float] = {}
    for artifact in Registry(project.state).artifacts():  # by kind, then by time: the newest of a kind comes last
        if artifact.seconds and artifact.rows and not artifact.hosted:
            passes = artifact.recipe.get("epochs") if artifact.kind in _REPEATED else 1
            per_row[artifact.kind] = artifact.seconds / artifact.rows / (passes if isinstance(passes, int) and passes else 1)
            gate = artifact.forgetting.get("seconds")
            besides[artifact.kind] = float(gate) if isinstance(gate, (int, float)) else 0.0
    return Pace(per_row, besides)


def trainings(project: Project, needs: tuple[Need, ...], model: str) -> Iterator[Training]:
    """What would be trained here for these needs of a rung on this model ("" is the default), as far as it is known before
    rows are put together. What its host tunes is none of it: no comparison begins that."""
    at_host = project.settings.tuning_of(model) is not None
    for need in needs:
        match need:
            case Adapter() if at_host:
                pass
            case Adapter(lessons=rows, recipe=recipe):
                yield Training("adapter", len(rows), _passes(recipe) or _passes(_of_file(project)) or passes_for(len(rows)))
            case Retriever(lessons=cases, pairs=pairs, recipe=recipe):
                passes = 1 if recipe.get("form") == "map" else _passes(recipe) or _PASSES
                yield Training("retriever", len(cases) + len(pairs), passes)
            case Reranker(lessons=cases, pairs=pairs, recipe=recipe):
                yield Training("reranker", len(cases) + len(pairs), _passes(recipe) or _PASSES)
            case Labelling(rows=rows):
                yield Training("classifier", len(rows))
            case Routing(cases=cases):
                yield Training("router", len(cases))
            case RefusalThreshold(cases=cases):
                yield Training("refusal", len(cases))
            case InstructionSearch():
                yield Training("instruction", need.answers)
            case AnswerIndex(cases=cases, dev=dev):
                yield Training("answer-index", len(cases) + len(dev))
            case ChunkedIndex() | ExampleIndex():
                pass


def composed_of(settings: Mapping[str, Json], materials: Materials) -> tuple[str, tuple[Case, ...]]:
    """What is built for a rung that is made of others, and which cases these answer for that at most."""
    if "false_hits" in settings:
        return "answer-index", (*materials.dev_apart, *materials.lessons)
    return "router", (*materials.dev, *(materials.lessons if settings.get("train_cases") else ()))


def trainer_of(project: Project, model: str, needs: tuple[Need, ...]) -> str:
    """What would train the adapters among these needs, in words; "" where there are none."""
    if not any(isinstance(need, Adapter) for need in needs):
        return ""
    if project.settings.tuning_of(model) is not None:
        return f"its host ('rung train generator --on {project.settings.alias_of(model)}')"
    return TRAINER


def roughly(pace: Pace, training: Training) -> float:
    """Seconds to order builds by: as measured, else by a rough guess."""
    measured = pace.seconds(training)
    return ROUGH[training.kind] * training.rows * training.passes if measured is None else measured


def in_words(seconds: float) -> str:
    """ "40 s", "12 minutes", "3.5 hours"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def replayed(project: Project, need: Adapter) -> tuple[Asked, ...]:
    """What the model is asked so that its own answers can be mixed in among what the adapter learns."""
    rows = len(need.lessons)
    recipe = Recipe.of({**_of_file(project), **need.recipe}, rows=rows)
    if project.settings.tuning_of() is not None or not recipe.replays_itself or shipped(project.settings.tuned_on()):
        return ()
    return general_prompts()[: prompts_for(chats_for(rows, recipe.replay))]


def _passes(recipe: Mapping[str, object]) -> int:
    passes = recipe.get("epochs")
    return passes if isinstance(passes, int) else 0


def _of_file(project: Project) -> Mapping[str, Json]:
    path = project.root / FILE
    return read_recipe(path) if path.exists() else {}
