"""The pairs and clicks that teach retrieval. Reads the files under `knowledge.pairs`.

A row is a pair or triplet (`dataset.pairs`), or a click, `{"query", "document" | "passage", "clicked": true}`, which
becomes a case that names its gold. Turning them into training rows is left to `builders.training_pairs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rung.config.project import Project
from rung.dataset.leakage import overlaps
from rung.dataset.pairs import ANCHORS, pairs_of, texts
from rung.dataset.row_files import rows_in
from rung.dataset.teaching_rows import fit_to_teach
from rung.files.limited import name_of
from rung.records import Case, Evidence, Json, Pair, Problem

_SPAN = re.compile(r"(.+)#(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Teaching:
    """What was read; rows that repeat a judging case are left out, and listed."""

    pairs: tuple[Pair, ...] = ()
    clicks: tuple[Case, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_teaching(project: Project, judging: tuple[Case, ...]) -> Teaching:
    """All pairs and clicks of a project.

    Raises:
        UserError: a file that `rung.yaml` names is absent.
    """
    pairs: list[Pair] = []
    clicks: list[Case] = []
    problems: list[Problem] = []
    for pattern in project.settings.knowledge.pairs:
        paths = sorted(project.root.glob(pattern))
        if not paths:
            raise project.error(f"no file matches '{pattern}'", "knowledge", "pairs")
        for path in paths:
            shown = name_of(path.relative_to(project.root))
            for number, row in rows_in(path, shown, problems):
                try:
                    parsed = row_of(row, f"{shown}:{number}")
                except ValueError as error:
                    problems.append(Problem(shown, number, str(error)))
                    continue
                clicks += [one for one in parsed if isinstance(one, Case)]
                pairs += [one for one in parsed if isinstance(one, Pair)]
    pairs, clicks = [*fit_to_teach(project, pairs, problems)], [*fit_to_teach(project, clicks, problems)]
    asked = [Case(id=pair.anchor[:40], question=pair.anchor, place=pair.place) for pair in pairs]
    admitted, repeated = overlaps((*asked, *clicks), judging)
    fine = (
        tuple(pair for pair in pairs if pair.place in admitted),
        tuple(click for click in clicks if click.place in admitted),
    )
    return Teaching(*fine, (*problems, *repeated))


def row_of(row: Mapping[str, Json], location: str) -> list[Pair | Case]:
    """The pairs (one for each positive) or the click of a row; nothing for a row that was shown and not clicked.

    Raises:
        ValueError: the row is neither.
    """
    if "clicked" not in row:
        return [*pairs_of(row, location)]
    return [_click(row, location)] if str(row["clicked"]).lower() in ("true", "1") else []


def _click(row: Mapping[str, Json], location: str) -> Case:
    anchors, documents = texts(row, ANCHORS), texts(row, ("passage", "document"))
    if not anchors or not documents:
        raise ValueError("is no click: give 'query', and 'document' or 'passage' as a search names them")
    named = documents[0]
    evidence: tuple[Evidence, ...] = ()
    if span := _SPAN.fullmatch(named):
        evidence, named = (Evidence(span[1], int(span[2]), int(span[3])),), span[1]
    return Case(f"click {location}", anchors[0], evidence=evidence, gold_documents=(named,), split="train", place=location)
