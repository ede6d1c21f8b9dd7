"""Cases that the documents suggest, drafted for a person to approve: answerable, unanswerable, stale, forbidden, over two
documents, and as the second turn of a conversation.

Two ways to draft: by rules, which take facts out of headings, tables and plain statements, and by the project's model,
which is shown a sentence and asks for it. Neither knows what people will ask: a draft is a start, and `load` refuses it
as a case until somebody puts a name to it. How rules find facts is left to `stated_facts` and `asked_statements`, which
drafts are worth a look to `draft_checks`.
"""

from __future__ import annotations

import glob
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.commands.asked_statements import Asked
from rung.commands.comparisons import comparisons
from rung.commands.draft_checks import (
    Corpus,
    Unrepeated,
    alternating,
    by_slot,
    follow_ups,
    hops,
    in_turns,
    near_misses,
    shuffled,
)
from rung.commands.draft_files import append_rows
from rung.commands.draft_rows import KINDS, By, Draft, Kind
from rung.commands.draft_share import answered, hold_share, without_for
from rung.commands.draft_target import DRAFTS, check_target
from rung.commands.guide_misses import guide_misses
from rung.commands.model_drafts import by_model
from rung.commands.search_check import AnswerSearch
from rung.commands.stated_facts import Fact, absent_attribute, facts
from rung.commands.unsaid_attributes import attribute_misses
from rung.config.project import Project
from rung.dataset.review_log import decided_ids
from rung.dataset.row_files import spans_of_lines
from rung.errors import UserError
from rung.pipeline.sources import Sources
from rung.progress import Reporter, reporting
from rung.records import Document, Json
from rung.runtime.engines import open_engines
from rung.runtime.runner import StepRunner

MANY = 30
LETTERS = 5  # of so many answerable drafts one may ask what letters stand for
NOTHING = "nothing was drafted: the rules read English, and find no plain fact in the documents that no case asks yet"


@dataclass(frozen=True, slots=True)
class Drafts:
    """What was drafted, and what could not be: kind -> why there are fewer than were asked for. `searched`: whether the
    project's search was asked for answers to all that have none by the rules; `unsearched`: why it was not, where it was
    to be."""

    drafts: tuple[Draft, ...]
    short: Mapping[str, str] = field(default_factory=dict)
    searched: bool = False
    unsearched: str = ""

    def counts(self) -> dict[str, int]:
        """Drafts of each kind."""
        return {kind: sum(one.kind == kind for one in self.drafts) for kind in KINDS}


def suggest(
    project: Project, path: Path, *, each: int, by: By, share: float | None = None, reporter: Reporter | None = None
) -> Drafts:
    """Draft cases from a project's documents and add them to a file. What stands there is kept, and not drafted again.

    `share`: of the questions that have no answer, 0 to 1; None for as many as of each other kind.

    Raises:
        UserError: the project names no documents, or the file cannot be read or written, or is none for drafts.
    """
    check_target(project, path)
    rows = [*_rows_there(project, path)]
    with reporting(reporter), open_engines(project) as engines, StepRunner(engines) as runner:
        documents = list(Sources(project, remember=False))
        excluded = frozenset(str(row.get("question", "")) for row in rows)
        drafted = frozenset(str(row.get("id", "")) for row in rows) | decided_ids(project)
        drafts = draft(runner, documents, each=each, by=by, excluded=excluded, share=share, drafted=drafted)
    if share == 0:
        drafts = replace(drafts, short={**drafts.short, "unanswerable": "none was asked for"})
    append_rows(path, [one.row() for one in drafts.drafts])
    return drafts


def draft(
    runner: StepRunner | None,
    documents: Sequence[Document],
    *,
    each: int,
    by: By,
    excluded: frozenset[str],
    share: float | None = None,
    drafted: frozenset[str] = frozenset(),
) -> Drafts:
    """Draft up to `each` cases of every kind. Questions in `excluded` are left out. Equal documents give equal drafts.

    Args:
        runner: asks the model, and the search for answers to what has none; rules need none.
        documents: what is drafted from.
        each: how many of a kind.
        by: who asks.
        excluded: questions that are asked already.
        share: as `suggest` has it.
        drafted: ids of drafts that are there, or that somebody rejected: they are not drafted again.

    Raises:
        UserError: there is nothing to draft from.
    """
    if not documents:
        raise UserError("there are no documents to draft cases from (knowledge.sources)")
    chosen: dict[Kind, list[Draft]] = {}
    corpus, unrepeated = Corpus(documents), Unrepeated(sorted(excluded))
    searching = None if runner is None else AnswerSearch.over(runner, documents)
    # Facts that change are fewer, so stale cases are drafted first; each question is asked once. What has no answer comes
    # last: how many there are to be hangs on how many have one.
    for kind in sorted(KINDS, key=lambda kind: (kind == "unanswerable", kind != "stale")):
        if kind == "unanswerable":
            candidates = _unanswerable(documents, corpus, each, searching)
        else:
            candidates = _ruled(kind, documents, corpus, each)
        if runner is not None and by == "model" and kind == "answerable":
            candidates = itertools.chain(by_model(runner, documents, each, corpus), candidates)
        most = each if kind != "unanswerable" or share is None else without_for(share, answered(chosen))
        new = (one for one in candidates if one.id not in drafted and unrepeated.add(_asked(one)))
        chosen[kind] = list(itertools.islice(new, most))
    short: dict[str, str] = {kind: _why_short(kind, documents) for kind in KINDS if len(chosen[kind]) < each}
    if share is not None:
        short.pop("unanswerable", None)
        short |= hold_share(chosen, share)
    drafts = tuple(one for kind in KINDS for one in chosen[kind])
    unsearched = "" if searching is None else searching.words
    return Drafts(drafts, short, searching is not None and not unsearched, unsearched)


def _asked(one: Draft) -> str:
    return one.question if one.before is None else f"{one.before[0]} {one.question}"


def _rows_there(project: Project, path: Path) -> Iterator[dict[str, Json]]:
    """The rows of a file, of the project's files of cases, good or not, and of drafts. A project may have none yet: then
    drafts help most."""
    files = {path.resolve()}
    for pattern in (*project.settings.cases, f"*{DRAFTS}"):
        names = glob.glob(pattern, root_dir=project.root, recursive=True)  # noqa: PTH207 - absolute patterns too
        files |= {(project.root / name).resolve() for name in names}
    for file in sorted(files):
        if file.is_file():
            text = file.read_text(encoding="utf-8-sig", errors="replace")
            yield from (span.row for span in spans_of_lines(text) if not span.error)


def _ruled(kind: Kind, documents: Sequence[Document], corpus: Corpus, each: int) -> Iterator[Draft]:
    """Drafts of a kind."""
    match kind:
        case "answerable":
            yield from _stated(documents, corpus, each)
        case "stale":
            some = in_turns(lambda document: (f for f in facts(document) if f.changes), documents)
            for document, fact in some:
                if corpus.is_only_answer(fact.question, fact.answer):
                    note = "this value changes with time: the case is left out, and listed, once the document says otherwise"
                    yield _answerable(fact, document, kind, note)
        case "forbidden":
            yield from _kept_back(documents)
        case "multi_hop":
            linked = "takes two places: the first says who or what is meant, the second what is asked of it"
            compared = "takes two places: each has the year of one of them"
            for hop, note in alternating(
                ((hop, linked) for hop in hops(corpus)), ((hop, compared) for hop in comparisons(corpus))
            ):
                (document, first), (other, second) = hop.first, hop.second
                also = ((document.id, _quote(document, first)),)
                yield Draft(kind, hop.question, (hop.answer,), other.id, _quote(other, second), note=note, also=also)
        case "conversational":
            for (_, first), (document, second), question in follow_ups(corpus):
                note = "the second turn of a conversation: it is understood by the first"
                before = (first.question, first.answer)
                quote = _quote(document, second)
                yield Draft(kind, question, (second.answer,), document.id, quote, note=note, before=before)


def _unanswerable(
    documents: Sequence[Document], corpus: Corpus, each: int, searching: AnswerSearch | None
) -> Iterator[Draft]:
    """Near misses, those that the search finds no answer to."""
    misses = alternating(near_misses(corpus, max(1, each // LETTERS)), guide_misses(corpus), attribute_misses(corpus))
    for miss in misses if searching is None else searching.unfound(misses):
        yield Draft("unanswerable", miss.question, document=miss.document.id, note=miss.note)
    words = "\n".join(document.text for document in documents).casefold()
    for document, fact in in_turns(facts, documents):
        if fact.is_goods and (attribute := absent_attribute(fact.subject, words)):
            note = f"no document holds the words '{attribute}': check that none says it otherwise"
            yield Draft("unanswerable", f"What is the {attribute} of {fact.subject}?", document=document.id, note=note)


def _stated(documents: Sequence[Document], corpus: Corpus, each: int) -> Iterator[Draft]:
    """What documents ask themselves and have in tables, then their statements, and of letters what they stand for: some."""
    stated = list(in_turns(facts, documents))
    written = [(document, fact) for document, fact in stated if not fact.note.startswith("from a statement")]
    asked = list(in_turns(_asked_in(corpus), corpus.documents))
    letters = [pair for pair in asked if pair[1].slot == "letters"]
    few = len(corpus.documents) < MANY  # in many documents "the return address" may be anybody's
    rest = [pair for pair in stated if pair not in written] if few else []
    some = (
        *by_slot(pair for pair in asked if pair[1].slot != "letters"),
        *letters[: max(1, each // LETTERS)],
    )
    note = "from a statement: check that it is whole, and who or what is meant"
    yield from alternating(
        (
            _answerable(fact, document, "answerable", fact.note)
            for document, fact in written
            if corpus.is_only_answer(fact.question, fact.answer)
        ),
        (
            Draft("answerable", one.question, (one.answer,), document.id, _quote(document, one), note=note)
            for document, one in some
            if corpus.is_only_answer(one.question, one.answer)
        ),
    )
    for document, fact in rest:
        if corpus.is_only_answer(fact.question, fact.answer):
            yield _answerable(fact, document, "answerable", fact.note)


def _asked_in(corpus: Corpus) -> Callable[[Document], list[Asked]]:
    by_document: dict[str, list[Asked]] = {}
    for document, one in corpus.asked:
        by_document.setdefault(document.id, []).append(one)
    return lambda document: by_document.get(document.id, [])


def _kept_back(documents: Sequence[Document]) -> Iterator[Draft]:
    """What only a restricted document says."""
    corpus = "\n".join(document.text for document in documents).casefold()
    for document in shuffled([document for document in documents if document.groups]):
        for fact in facts(document):
            if corpus.count(fact.answer.casefold()) == 1:
                yield _forbidden(fact.question, document)
        title = document.title.casefold()
        if title and corpus.count(title) == document.text.casefold().count(title):
            yield _forbidden(f"What do the documents say about {document.title}?", document)


def _quote(document: Document, one: Asked) -> str:
    return document.text[one.start : one.end].strip()


def _forbidden(question: str, document: Document) -> Draft:
    groups = ", ".join(document.groups)
    note = f"the answer stands in a document for {groups} only, and asks as nobody in particular"
    return Draft("forbidden", question, document=document.id, asker=(), note=note)


def _answerable(fact: Fact, document: Document, kind: Kind, note: str) -> Draft:
    return Draft(kind, fact.question, (fact.answer,), document.id, document.text[fact.start : fact.end].strip(), note=note)


def _why_short(kind: Kind, documents: Sequence[Document]) -> str:
    if kind == "forbidden" and not any(document.groups for document in documents):
        return "no document is restricted to groups"
    if kind == "multi_hop":
        return "no more statements are found of which one says whom another is about"
    if kind == "conversational":
        return "no more statements are found that say two things of one subject"
    return "the documents hold no more plain facts of this kind that rules can find"
