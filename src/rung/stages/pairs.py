"""Which pairs and clicks teach retrieval? Reads the files under `knowledge.pairs`.

A row is `{"anchor" | "query", "positive", "negative"}`, as sentence-transformers has it (lists and `negative_2` … too), or a
click, `{"query", "document" | "passage", "clicked": true}`, which becomes a case that names its gold. Turning them into
training rows is left to `workshop.taught`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rung.errors import UserError
from rung.materials import json_lines
from rung.overlaps import overlaps
from rung.project import Project
from rung.records import Case, Evidence, Json, Problem
from rung.strategies.protocol import Pair

_ANCHORS = ("anchor", "query", "question")
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
            shown = str(path.relative_to(project.root))
            for number, row in json_lines(path, shown, problems):
                try:
                    found = row_of(row, f"{shown}:{number}")
                except UserError as error:
                    problems.append(Problem(shown, number, str(error)))
                    continue
                clicks += [one for one in found if isinstance(one, Case)]
                pairs += [one for one in found if isinstance(one, Pair)]
    asked = [Case(id=pair.anchor[:40], question=pair.anchor, place=pair.place) for pair in pairs]
    kept, repeated = overlaps((*asked, *clicks), judging)
    fine = tuple(pair for pair in pairs if pair.place in kept), tuple(click for click in clicks if click.place in kept)
    return Teaching(*fine, (*problems, *repeated))


def row_of(row: Mapping[str, Json], place: str) -> list[Pair | Case]:
    """The pairs (one for each positive) or the click of a row; nothing for a row that was shown and not clicked.

    Raises:
        UserError: the row is neither.
    """
    anchor = next((text for key in _ANCHORS for text in _texts(row.get(key))), "")
    if not anchor:
        raise UserError("has no question: give 'anchor' or 'query', text that is not empty")
    if "clicked" in row:
        return [_click(row, anchor, place)] if row["clicked"] is True else []
    positives = _texts(row.get("positive"))
    if not positives:
        raise UserError("is no pair: give 'positive', text that is not empty, or 'document' with 'clicked'")
    negatives = tuple(text for key in row if re.fullmatch(r"negatives?(_\d+)?", key) for text in _texts(row[key]))
    return [Pair(anchor, positive, negatives, place) for positive in positives]


def _click(row: Mapping[str, Json], anchor: str, place: str) -> Case:
    named = next((text for key in ("passage", "document") for text in _texts(row.get(key))), "")
    if not named:
        raise UserError("is no click: give 'document' or 'passage', as a search names them")
    evidence: tuple[Evidence, ...] = ()
    if span := _SPAN.fullmatch(named):
        evidence, named = (Evidence(span[1], int(span[2]), int(span[3])),), span[1]
    return Case(f"click {place}", anchor, evidence=evidence, gold_documents=(named,), split="train", place=place)


def _texts(value: Json) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [text for text in listed if isinstance(text, str) and text.strip()]
