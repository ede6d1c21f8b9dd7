"""What was trained on it: artifacts by the rows that taught them, and what is to be done, which a person decides.

Weights are not erased: nobody can take a row out of them. The rows of an artifact are kept by digest and id, so that an
artifact is told by a row's id, by a row that still stands in the project's files, or by the case that names the document.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.artifacts.registry import Registry
from rung.artifacts.store import ROWS, artifact_folder
from rung.config.project import Project
from rung.dataset import read_examples
from rung.dataset.case_rows import case_of
from rung.dataset.load import shown_as
from rung.dataset.row_files import json_lines
from rung.erasure.served import Served
from rung.erasure.sources import named_by
from rung.erasure.target import Finding, Left, Target
from rung.records import Problem, plain
from rung.training.registry import Artifact, learnt, learnt_case

SHOWN = ("example-index", "answer-index")  # shown in prompts or as answers, and built whenever they are needed
_TEXTS = (".json", ".jsonl", ".txt", ".md")


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """An artifact that was taught by it. `rows`: how many of its rows; `advice`: what to do."""

    kind: str
    digest: str
    state: str
    rows: int
    advice: str


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The artifacts of a project."""

    project: Project

    def find(self, target: Target) -> Sequence[Finding]:
        """See `Place`."""
        indexes = [one for one, _ in self._holding(target) if one.kind in SHOWN]
        action = "erased, and built again when needed"
        return [Finding("artifacts", "indexes of examples", len(indexes), action)] if indexes else []

    def left(self, target: Target) -> Sequence[Left]:
        """See `Place`."""
        held = list(self._holding(target))
        listed = [
            Left(str(path), 0, f"'rung artifacts retire {one.digest[:12]}', and delete the file if it is still there")
            for one, path in held
            if one.kind not in SHOWN
        ]
        return [*listed, *self._stopping({one.digest for one, _ in held if one.kind in SHOWN})]

    def erase(self, target: Target) -> None:
        """See `Place`."""
        for one, _ in self._holding(target):
            if one.kind in SHOWN:
                shutil.rmtree(artifact_folder(self.project.state, one.kind, one.digest))

    def count(self) -> int:
        """See `Place`."""
        return 0

    def trained_on(self, target: Target, locations: frozenset[str] = frozenset()) -> tuple[TrainedOn, ...]:
        """The artifacts that were taught by it, as far as can be told; one that does not say which rows taught it is among
        them, with 0 rows. `locations`: lines of the project's files that hold it, as "file:line"."""
        digests, ids = taught_by(self.project, target)
        registry, listed = Registry(self.project.state), []
        for artifact in registry.artifacts():
            rows = registry.rows(artifact)
            if artifact.kind in SHOWN or artifact.state == "unfinished":
                continue
            if rows is None:
                if digests or ids or locations:
                    why = "it does not say which rows taught it: retire it, unless you know"
                    listed.append(TrainedOn(artifact.kind, artifact.digest, artifact.state, 0, why))
                continue
            count = sum(
                row.digest in digests or row.id in ids or row.place in locations or target.holds(row.id) for row in rows
            )
            if count:
                listed.append(TrainedOn(artifact.kind, artifact.digest, artifact.state, count, _advice(artifact)))
        return tuple(listed)

    def _stopping(self, digests: set[str]) -> Iterator[Left]:
        """Deployments, served or tried, that answer with indexes of examples which go."""
        with Served(self.project).opened() as state:
            if state is None or not digests:
                return
            from rung.state.deployments import deployment, standing_now

            now = standing_now(state)
            for id in filter(None, (now.current, now.candidate)):
                if not digests.isdisjoint(deployment(state, id).artifacts):
                    yield Left(
                        state.name, 0, f"deployment {id} stops, it shows an example that goes: compare and promote anew"
                    )

    def _holding(self, target: Target) -> Iterator[tuple[Artifact, Path]]:
        """Artifacts with a file of text that holds it, each with the first such file."""
        for artifact in Registry(self.project.state).artifacts():
            folder = artifact_folder(self.project.state, artifact.kind, artifact.digest)
            files = (path for path in sorted(folder.rglob("*")) if path.suffix in _TEXTS and path.is_file())
            path = next((path for path in files if path.name != ROWS and _is_in(path, target)), None)
            if artifact.kind in SHOWN and path is None and _is_in(folder / ROWS, target):
                path = folder / ROWS
            if path is not None:
                yield artifact, path


def taught_by(project: Project, target: Target) -> tuple[frozenset[str], frozenset[str]]:
    """(digests, ids) by which rows of the project's files that hold it stand in lists of what was taught."""
    digests, ids = set[str](), set(target.rows)
    problems: list[Problem] = []
    for path in named_by(project, project.settings.behaviour.examples, "behaviour", "examples"):
        for example in read_examples(path, problems, flawed=True):
            if example.id in target.rows or target.is_in([m.content for m in example.messages]):
                digests.add(learnt(example).digest)
                ids.add(example.id)
    for path in named_by(project, project.settings.cases, "cases"):
        for number, row in json_lines(path, shown_as(project, path), problems):
            try:
                case, _ = case_of(row, f"{path}:{number}", drafts=True)
            except ValueError:
                continue
            if case.id in target.rows or target.is_in(plain(row)):
                digests.add(learnt_case(case).digest)
                ids.add(case.id)
    return frozenset(digests), frozenset(ids)


def _advice(artifact: Artifact) -> str:
    if artifact.state in ("retired", "gone"):
        return "nothing: it is not here any more"
    if artifact.state == "promoted":
        return f"train again without these rows, promote that, then 'rung artifacts retire {artifact.digest[:12]}'"
    return f"'rung artifacts retire {artifact.digest[:12]}', and train again without these rows"


def _is_in(path: Path, target: Target) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    if target.holds(text):
        return True
    for line in [text] if path.suffix == ".json" else text.split("\n"):
        try:
            if target.is_in(json.loads(line)):
                return True
        except (ValueError, RecursionError):
            continue
    return False
