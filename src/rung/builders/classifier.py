"""Builds a classifier: labelled texts become a linear head on the embedder, which is tuned with it where that is better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.artifacts.store import Built, Training, artifact_folder, building, remember_rows, seal
from rung.builders.building import ArtifactBuilder
from rung.builders.recipes import check_libraries
from rung.config.project import Project
from rung.progress import phase, say, working_time
from rung.records import Json, digest
from rung.strategies.protocol import Labelled, Labelling
from rung.training.checkpoint import CHECKPOINT
from rung.training.registry import LearntRow

if TYPE_CHECKING:
    pass

KIND = "classifier"
_NAMED = 5  # rows and labels that a message names; the others are counted


def build_classifier(builder: ArtifactBuilder, need: Labelling, title: str) -> Built:
    """The classifier that these rows teach; named by texts and labels, the recipe and the embedder.

    Rows of another label than the project's teach nothing, and are listed.
    """
    from rung.training.classifier import train_classifier
    from rung.training.labels import LabelRecipe

    rows = [row for row in need.rows if row.label in set(need.labels)]
    odd = [row for row in need.rows if row.label not in set(need.labels)]
    taught = list(dict.fromkeys((row.text, row.label) for row in rows))
    recipe = LabelRecipe.of(need.recipe, seed=builder.project.settings.seed)
    named = digest(KIND, taught, recipe, builder.engines.embedder.identity)
    folder = artifact_folder(builder.project.state, KIND, named)
    with building(folder, title) as missing:
        if missing:
            notes = _notes(odd, taught, need.labels)
            for note in notes:
                say(f"! {title}: {note}")
            began = working_time()
            remember_rows(folder, (LearntRow(digest(row.text, row.label), row.id, row.place) for row in rows))
            training = Training(KIND, len(taught), begun=(folder / CHECKPOINT).exists())
            with builder.training(training), phase(title) as tick:
                manifest = train_classifier(taught, builder.engines.embedder, recipe=recipe, folder=folder, progress=tick)
            further = manifest["notes"] if isinstance(manifest["notes"], list) else []
            about: dict[str, Json] = {
                "kind": KIND,
                "rows": len(taught),
                "rows_digest": digest(taught),
                "base": {"name": builder.project.settings.embedder, "identity": builder.engines.embedder.identity},
                "seconds": working_time() - began,
            }
            seal(folder, {**about, **manifest, "notes": [*notes, *further]})
    return Built(named, folder)


def check_classifier(project: Project, need: Labelling) -> None:
    """What can be known to be wrong before anything is embedded; raises as `adapter.check_adapter`."""
    from rung.training.labels import LabelRecipe

    if LabelRecipe.of(need.recipe, seed=project.settings.seed).method == "tuned":
        check_libraries("torch")


def _notes(odd: Sequence[Labelled], taught: Sequence[tuple[str, str]], labels: Sequence[str]) -> list[str]:
    """What a person should know of the rows: labels that are none, labels without a row, texts with two labels."""
    notes = []
    if odd:
        listed = "; ".join(f"{row.place or row.text[:40]}: {row.label[:60]!r}" for row in odd[:_NAMED])
        notes.append(f"{len(odd)} rows are left out, their labels are not among behaviour.labels: {listed}")
    shown = {label for _, label in taught}
    if silent := [label for label in labels if label not in shown]:
        named = ", ".join(silent[:_NAMED]) + (", …" if len(silent) > _NAMED else "")
        notes.append(f"{len(silent)} of {len(labels)} labels have no example, so it never gives them: {named}")
    if twice := [text for text, count in Counter(text for text, _ in taught).items() if count > 1]:
        notes.append(f"{len(twice)} texts have more than one label, the first: {twice[0][:60]!r}")
    return notes
