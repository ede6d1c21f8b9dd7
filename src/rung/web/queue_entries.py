"""What waits for a person, of every kind, as one queue: the same rows that `rung review` and `rung cases label` show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from rung.commands.label_cases import LabelPlan, Shown, alike, label_plan
from rung.commands.label_decay import BY as DECAY
from rung.commands.review import DRAFTS, Waiting, waiting
from rung.commands.sample_cases import BY as TRAFFIC
from rung.commands.stakes_review import WaitingDeployment, waiting_deployments, waiting_rows
from rung.config.project import Project
from rung.dataset.drafted_rows import meta_in
from rung.dataset.high_stakes import Unapproved, digest_of
from rung.dataset.load import documents_in, gold_documents, load_dataset, paths, read_cases
from rung.dataset.load import evidence_of as evidence_in
from rung.dataset.proposals import BY as FEEDBACK
from rung.dataset.review_log import LOG
from rung.errors import UserError
from rung.pipeline.judge_labels import labels_file
from rung.pipeline.publishing import PAGE, latest, latest_folder
from rung.records import Case, Evidence, Example, Json, digest
from rung.report.access import Needs, may_read
from rung.web.by_stamp import ByStamp
from rung.web.document_access import may_read_all
from rung.web.project_at_hand import ProjectAtHand
from rung.web.viewer import Viewer, words_for

Kind = Literal["label", "disagreement", "feedback", "draft", "decay", "training", "deployment"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHOWN = 16  # characters of a key
_UNKNOWN = "they could not be looked for"
UNTOLD = ("",)  # documents of a row that does not say which: for who may read everything


@dataclass(frozen=True, slots=True)
class Label:
    """An answer to be called good or not, in all copies of its case; `plan`: of which it is."""

    copies: tuple[Shown, ...]
    plan: LabelPlan = field(repr=False)
    evidence: tuple[Json, ...] = ()

    @property
    def shown(self) -> Shown:
        """What is shown of it."""
        return self.copies[0]


@dataclass(frozen=True, slots=True)
class Teaching:
    """A row that would teach, where `review` is required. `row` None: it is neither case nor example, but a pair of a
    retriever's, and its file has it."""

    waits: Unapproved
    row: Case | Example | None


Item = Label | Waiting | Teaching | WaitingDeployment


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the queue. `subject` names it as it is now: another one as soon as it changes."""

    kind: Kind
    subject: str
    title: str
    item: Item
    needs: Needs = ()
    documents: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Names it in an address."""
        return digest("queue", self.kind, self.subject)[:SHOWN]


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits, in its order. `withheld`: entries that whoever looks may not read; `notes`: what could not be looked for,
    by kind, and why."""

    entries: tuple[Entry, ...]
    withheld: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)
    plan: LabelPlan | None = None

    def of(self, kind: str) -> tuple[Entry, ...]:
        """Those of a kind; "" is all."""
        return tuple(one for one in self.entries if not kind or one.kind == kind)

    @property
    def counts(self) -> dict[Kind, int]:
        """How many there are of each kind."""
        return {kind: sum(one.kind == kind for one in self.entries) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Gold:
    """What a case names today: its evidence as written, and all its documents."""

    evidence: tuple[Json, ...] = ()
    documents: tuple[str, ...] = ()


_plans: ByStamp[LabelPlan] = ByStamp()
_marked: ByStamp[None] = ByStamp()  # verdicts that say who may read them
_drafts: ByStamp[tuple[Waiting, ...]] = ByStamp()
_rows: ByStamp[tuple[Teaching, ...]] = ByStamp()
_golds: ByStamp[Mapping[str, Gold]] = ByStamp()


def queue(at_hand: ProjectAtHand, viewer: Viewer) -> Queue:
    """All that waits and that whoever looks may read.

    Raises:
        UserError: the index cannot be opened.
    """
    project, notes = at_hand.project(), dict[str, str]()
    entries, plan = list[Entry](), None
    try:
        plan = plan_of(project, viewer)
        golds = _golds_of(project)
        entries += [label_entry(copies, plan, golds) for copies in alike(plan.answers)]
    except UserError as error:
        notes["label"] = words_for(viewer, str(error).removeprefix(f"{project.root}: "), _UNKNOWN)
    for kinds, listed in (("draft", draft_entries), ("training", training_entries), ("deployment", deployment_entries)):
        try:
            entries += listed(project)
        except UserError as error:
            notes[kinds] = words_for(viewer, str(error), _UNKNOWN)
    readable = [one for one in entries if may_see(one, viewer, at_hand)]
    readable.sort(key=lambda one: KINDS.index(one.kind))
    return Queue(tuple(readable), len(entries) - len(readable), notes, plan)


def may_see(entry: Entry, viewer: Viewer, at_hand: ProjectAtHand) -> bool:
    """Whether they may read all that judging it takes.

    Raises:
        UserError: the index cannot be opened.
    """
    if viewer.groups is None:
        return True
    return may_read(entry.needs, viewer.groups) and may_read_all(viewer, entry.documents, at_hand.project())


def plan_of(project: Project, viewer: Viewer) -> LabelPlan:
    """What is to be asked about the last verdict.

    Raises:
        UserError: as `label_plan`; the verdict does not say who may read it.
    """
    folder = latest_folder(project)
    files = [labels_file(project), project.file, *([] if folder is None else sorted(folder.iterdir()))]
    plan = _plans.get((project.root, folder), files, lambda: label_plan(project))
    if viewer.groups is not None and folder is not None:
        _marked.get(folder, [folder / PAGE], lambda: latest(project).require_marked())
    return plan


def label_entry(copies: tuple[Shown, ...], plan: LabelPlan, golds: Mapping[str, Gold]) -> Entry:
    """An answer of the verdict as an entry."""
    first = copies[0]
    subject = f"{first.case}:{digest('label', first.question, first.response, list(first.references))[:12]}"
    needs = tuple(dict.fromkeys(need for one in copies for need in one.needs))
    gold = golds.get(first.case, Gold())
    return Entry("label", subject, first.question, Label(copies, plan, gold.evidence), needs, gold.documents)


def labelled_entry(project: Project, viewer: Viewer, subject: str) -> Entry | None:
    """An answer of the last verdict, whether somebody labelled it or not; None where no rung gives it any more.

    Raises:
        UserError: as `plan_of`.
    """
    plan = plan_of(project, viewer)
    entries = (label_entry(copies, plan, _golds_of(project)) for copies in alike((*plan.answers, *plan.asked)))
    return next((one for one in entries if one.subject == subject), None)


def draft_entries(project: Project) -> Iterator[Entry]:
    """Drafts, by what they came of.

    Raises:
        UserError: a file cannot be read.
    """
    for draft in drafts_of(project):
        yield draft_entry(draft)


def drafts_of(project: Project) -> tuple[Waiting, ...]:
    """What `rung review` asks about.

    Raises:
        UserError: a file cannot be read.
    """
    return _drafts.get(project.root, _row_files(project), lambda: waiting(project))


def draft_entry(draft: Waiting) -> Entry:
    """A draft as an entry."""
    kind: Kind = "draft"
    if draft.row.get("drafted_by") == FEEDBACK:
        kind = "disagreement" if draft.meta("kind") == "disputed" else "feedback"
    elif draft.row.get("drafted_by") == DECAY:
        kind = "decay"
    came_from, before = draft.meta("drafted_from"), draft.meta("before")
    documents = list(documents_in(_listed(draft.row.get("evidence")))) + _texts(draft.row.get("gold_documents"))
    documents += [came_from] if isinstance(came_from, str) and came_from else []
    if isinstance(before, dict):
        documents += [*documents_in(_listed(before.get("evidence"))), *_texts(before.get("gold_documents"))]
    documents += _asker_untold(draft)
    return Entry(kind, draft.subject, draft.question, draft, _needs_of_asker(_asker_of(draft.row)), tuple(documents))


def _asker_of(row: Mapping[str, Json]) -> tuple[str, ...] | None:
    """The groups of whoever asked, as a row of cases says them ("as"), or one of examples (`meta`); None: it does not."""
    asker = row.get("as", meta_in(row).get("as"))
    return tuple(map(str, asker)) if isinstance(asker, list) else None


def _needs_of_asker(groups: Iterable[str] | None) -> Needs:
    """What was answered may be made of documents of any of the asker's groups: each is needed."""
    return tuple((group,) for group in sorted(set(groups or ())))


def _asker_untold(draft: Waiting) -> tuple[str, ...]:
    """`UNTOLD` where served traffic made a draft and nobody says who asked: they may have read everything."""
    served = draft.row.get("drafted_by") in (FEEDBACK, TRAFFIC)
    return UNTOLD if served and _asker_of(draft.row) is None else ()


def _is_of_traffic(row: Case | Example) -> bool:
    """Whether a row that would teach was drafted of what served traffic asked."""
    return "answers_given" in row.meta or (isinstance(row, Example) and row.source in (FEEDBACK, TRAFFIC))


def training_entries(project: Project) -> Iterator[Entry]:
    """Rows that would teach and wait.

    Raises:
        UserError: the rows cannot be read.
    """
    if not project.settings.review.required:
        return
    for one in _rows.get(project.root, _row_files(project), lambda: tuple(_teaching(project))):
        case = one.row if isinstance(one.row, Case) else None
        asker = case.groups if case is not None else _asker_of(one.row.meta) if isinstance(one.row, Example) else None
        documents = (*case.gold_documents, *(e.document for e in case.evidence)) if case is not None else ()
        documents = UNTOLD if one.row is None or (_is_of_traffic(one.row) and asker is None) else documents
        yield Entry("training", one.waits.digest, one.waits.shown, one, _needs_of_asker(asker), documents)


def deployment_entries(project: Project) -> Iterator[Entry]:
    """Deployments that were asked for.

    Raises:
        UserError: the log of reviews cannot be read.
    """
    for one in waiting_deployments(project):
        yield Entry("deployment", one.digest, one.label, one)


def evidence_of(entry: Entry) -> list[tuple[str, str, tuple[int, int] | None]]:
    """(document, quote, span) of all that an entry names as its evidence."""
    item = entry.item
    if isinstance(item, Teaching):
        evidence: Sequence[Evidence] = item.row.evidence if isinstance(item.row, Case) else ()
        spans = [(one.document, "", (one.start, one.end)) for one in evidence]
        named = item.row.gold_documents if isinstance(item.row, Case) else ()
        return [*spans, *((one, "", None) for one in named)]
    if isinstance(item, WaitingDeployment):
        return []
    rows = item.evidence if isinstance(item, Label) else _listed(item.row.get("evidence"))
    named_too = [] if isinstance(item, Label) else _texts(item.row.get("gold_documents"))
    return [*_quoted(rows), *((one, "", None) for one in named_too)]


def _quoted(rows: Iterable[Json]) -> Iterator[tuple[str, str, tuple[int, int] | None]]:
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("document"), str):
            start, end = row.get("start"), row.get("end")
            span = (start, end) if isinstance(start, int) and isinstance(end, int) else None
            yield str(row["document"]), str(row.get("quote") or ""), span


def _teaching(project: Project) -> Iterator[Teaching]:
    rows = load_dataset(project, judging=False)
    by_digest: dict[str, Case | Example] = {digest_of(case, rows.written): case for case in rows.split("train")}
    by_digest |= {digest_of(example): example for example in rows.examples}
    for one in waiting_rows(project):
        yield Teaching(one, by_digest.get(one.digest))


def _golds_of(project: Project) -> Mapping[str, Gold]:
    """Case id -> what it names; {} where the cases cannot be read now."""

    def read() -> Mapping[str, Gold]:
        try:
            rows = read_cases(project, [])
            return {case.id: Gold(evidence_in(beside), gold_documents(case, beside)) for case, beside in rows}
        except UserError:
            return {}

    return _golds.get(project.root, _row_files(project), read)


def _row_files(project: Project) -> list[Path]:
    """Files that rows wait in, and what else tells which do."""
    settings = project.settings
    named = [*paths(project, settings.cases, ("cases",))]
    named += paths(project, settings.behaviour.examples, ("behaviour", "examples"))
    return [project.file, project.root / LOG, *sorted({*named, *project.root.glob(DRAFTS)})]


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _texts(value: Json) -> list[str]:
    return [value] if isinstance(value, str) and value else [one for one in _listed(value) if isinstance(one, str)]
