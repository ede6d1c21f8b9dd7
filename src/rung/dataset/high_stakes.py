"""High stakes (`review: required`): which rows that would teach have not been approved by as many people as are asked for.

A row is approved by those who approved it, as it stands, in the log of reviews: with all that waited, or as a draft. What
its `approved_by` says is a word that anybody may have written, perhaps of another row, and counts for nothing here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rung.config.project import Project
from rung.dataset.case_rows import case_of
from rung.dataset.formats import example_of
from rung.dataset.retrieval_pairs import Teaching
from rung.dataset.review_log import decisions, people
from rung.records import Case, Example, Json, Pair, Problem, digest

TRAINING, DEPLOYMENT, DRAFT = "training", "deployment", "draft"  # what is reviewed
SHOWN = 16  # characters of a row's digest in the log
Written = Mapping[str, Mapping[str, Json]]  # case id -> `evidence`, `approved_by` of its row


@dataclass(frozen=True, slots=True)
class Unapproved:
    """A row that would teach. `by`: who approved it so far; `place`: its file and line."""

    id: str
    place: str
    digest: str
    shown: str
    by: tuple[str, ...] = ()


def unapproved(
    project: Project,
    examples: Sequence[Example],
    cases: Sequence[Case],
    written: Written,
    teaching: Callable[[], Teaching] = Teaching,
) -> tuple[Unapproved, ...]:
    """Rows that would teach and wait for a person, where `review` is required: examples, train cases as they are read,
    before their evidence is looked up, pairs and clicks. Dev cases, which choose settings and teach a router, are cases that
    a person wrote or approved, as test cases are. `teaching`: reads the pairs and clicks, where that is needed.

    Raises:
        UserError: the log of reviews is not what it was.
    """
    settings = project.settings.review
    if not settings.required:
        return ()
    by_row = approvals(project)
    rows = [(e.id, e.place, digest_of(e), e.input) for e in examples]
    rows += [(c.id, c.place, digest_of(c, written), c.question) for c in cases if c.split == "train"]
    taught = teaching()
    rows += [(f"pair {p.place}", p.place, digest_of(p), f"{p.anchor} = {p.positive}") for p in taught.pairs]
    rows += [(c.id, c.place, _digest_of_click(c), f"{c.question} = {c.gold_documents[0]}") for c in taught.clicks]
    waiting = []
    for id, location, named, shown in rows:
        by = by_row.get(named, ())
        if len(by) < settings.reviewers:
            waiting.append(Unapproved(id, location, named, shown, by))
    return tuple(waiting)


def on_hold(project: Project, waiting: Sequence[Unapproved]) -> str:
    """Why nothing is trained, in a sentence; "" where nothing waits."""
    if not waiting:
        return ""
    count, who = len(waiting), in_words(project.settings.review.reviewers)
    return (
        f"{count:,} of the rows that would teach {'is' if count == 1 else 'are'} not approved by {who} (review: required): "
        f"'rung review {project.root}' shows them"
    )


def problem(project: Project, waiting: Sequence[Unapproved]) -> tuple[Problem, ...]:
    """The same for a list of problems."""
    why = on_hold(project, waiting)
    return (Problem(project.file.name, project.line("review"), f"nothing is trained: {why}"),) if why else ()


def in_words(reviewers: int) -> str:
    """So many people.

    >>> in_words(1), in_words(2)
    ('a person', '2 different people')
    """
    return "a person" if reviewers == 1 else f"{reviewers} different people"


def approvals(project: Project) -> dict[str, tuple[str, ...]]:
    """Digest of a row (`digest_of`) -> who approved it in the log since it was last rejected, each person once.

    Raises:
        UserError: the log of reviews cannot be read, or is not what it was.
    """
    by: dict[str, list[str]] = defaultdict(list)
    for event in decisions(project):
        for row in _rows_of(event):
            if event.get("action") == "approve":
                by[row].append(str(event.get("by")))
            elif event.get("action") == "reject":
                by[row].clear()
    return {row: people(names) for row, names in by.items()}


def digest_of(row: Example | Case | Pair, written: Written = MappingProxyType({})) -> str:
    """Of all that it teaches; where it stands does not matter. `written`: for a case, whose evidence is taken as written."""
    if isinstance(row, Example):
        return row.digest[:SHOWN]
    if isinstance(row, Pair):
        return digest("teaches a pair", row.anchor, row.positive, row.negatives)[:SHOWN]
    evidence: Iterable[Json] = (written.get(row.id) or {}).get("evidence") or ()  # type: ignore[assignment]
    content = (row.question, row.answers, row.answerable, row.groups, row.messages, row.gold_documents, list(evidence))
    return digest("teaches", *content)[:SHOWN]


def _digest_of_click(click: Case) -> str:
    return digest("teaches a click", click.question, click.gold_documents, click.evidence)[:SHOWN]


def _rows_of(event: Mapping[str, Json]) -> tuple[str, ...]:
    """Digests of the rows that an event is about."""
    rows = event.get("rows")
    if event.get("what") == TRAINING:
        return tuple(map(str, rows)) if isinstance(rows, list) else ()
    row = event.get("after" if event.get("action") == "approve" else "before")
    if event.get("what", DRAFT) != DRAFT or not isinstance(row, dict):
        return ()
    try:  # the row while it waits for a second person is a draft
        if "messages" in row and "question" not in row:
            return (digest_of(example_of({**row, "approved_by": "somebody"}, "")),)
        case, _ = case_of(row, "", judged=True, drafts=True)
    except ValueError:
        return ()
    judges = case.split != "train" and event.get("action") == "approve"  # which says nothing of what it would teach
    return () if judges else (digest_of(case, {case.id: row}),)
