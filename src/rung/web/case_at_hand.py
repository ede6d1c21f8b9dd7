"""One case of a run for its page: what was asked, its row in the project as it stands now, and its gold in the documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from rung.commands.mend_rows import CASE, RowLine, row_at
from rung.config.project import Project
from rung.dataset.case_rows import case_of
from rung.dataset.load import Dataset, gold_documents, read_cases, with_evidence
from rung.errors import UserError
from rung.pipeline.evaluation_store import Asked
from rung.records import Case, Json, Problem
from rung.web.case_index import CaseIndex
from rung.web.document_access import may_read_all, readable_texts
from rung.web.viewer import Viewer, words_for


@dataclass(frozen=True, slots=True)
class CaseAtHand:
    """A case as it is shown. `line`: its row as it stands in the project now; None where it has none any more, or the row
    asks something else by now. `evidence`: as written there. `remarks`: what a reader has to know of it."""

    case: Case
    line: RowLine | None = None
    evidence: tuple[Json, ...] = ()
    remarks: tuple[str, ...] = field(default=())


def case_at_hand(project: Project, viewer: Viewer, index: CaseIndex, number: int) -> CaseAtHand:
    """The case of this number in a run.

    Its accepted answers and its gold are today's where the project asks the same as then, for they can be mended.
    """
    id, question = index.ids[number], index.questions[number]
    line, case, remarks = None, Case(id, question), list[str]()
    evidence: tuple[Json, ...] = ()
    try:
        for location in _locations(project, id, index.places[number]):
            line, case, evidence = _read(project, location)
            break
    except UserError as error:
        remarks.append(words_for(viewer, str(error), "The row of this case cannot be read"))
        line = None
    if line is None:
        remarks.append("The project has this case no more: nobody can mend it, and what it accepted is not shown.")
    elif Asked.of(replace(case, id=id)).question != index.asked[number][0]:
        remarks.append(
            f"The row asks something else by now ({case.place}): its question is that of then, its gold is not shown."
        )
        line, case, evidence = None, Case(id, question), ()
    if line is not None and not may_read_all(viewer, gold_documents(case, {"evidence": list(evidence)}), project):
        remarks.append("Its gold stands in documents that are not for you by now: it is not shown.")
        line, case, evidence = None, Case(id, question), ()
    if line is not None:
        case, more = _located(project, viewer, replace(case, id=id), evidence)
        remarks += more
        is_judged_so = Asked.of(case).judged == index.asked[number][1]
        if not is_judged_so and not more and not project.settings.behaviour.labels:
            remarks.append(
                "The gold was changed since this run: the marks are by the gold of then, until it is scored again."
            )
    return CaseAtHand(case, line, evidence, tuple(remarks))


def _locations(project: Project, id: str, hint: str) -> Iterator[str]:
    """Where the row of a case stands: as it was last seen there, else looked for."""
    base, _, copy = id.rpartition("#")
    names = {id, base} if copy.isdigit() else {id}
    if hint:
        try:
            if _read(project, hint)[1].id in names:
                yield hint
                return
        except UserError:
            pass  # others may have been put in before it
    problems: list[Problem] = []
    for case, _ in read_cases(project, problems):
        if case.id == id:
            yield case.place
            return


def _read(project: Project, location: str) -> tuple[RowLine, Case, tuple[Json, ...]]:
    line = row_at(project, CASE, location)
    try:
        case, evidence = case_of(dict(line.row), location, judged=project.settings.bar.metric == "judge", drafts=True)
    except ValueError as error:
        raise UserError(f"{location}: the row {error}") from error
    return line, case, evidence


def _located(project: Project, viewer: Viewer, case: Case, evidence: tuple[Json, ...]) -> tuple[Case, list[str]]:
    """The case with its evidence as characters of the documents, as they are indexed; and what is wrong with it."""
    if not evidence and not case.gold_documents:
        return case, []
    try:
        text_of = readable_texts(project, viewer)
    except UserError as error:
        return case, [words_for(viewer, str(error), "The documents cannot be read")]
    if text_of is None:
        return case, ["Nothing is indexed, so that the gold cannot be shown in its documents."]
    from rung.knowledge import find_quote

    located = with_evidence(Dataset(cases=(case,), quotes={case.id: evidence}), text_of, find_quote)
    remarks = [problem.message for problem in located.problems]
    return (located.cases[0] if located.cases else case), remarks
