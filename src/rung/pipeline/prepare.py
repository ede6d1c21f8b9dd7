"""Everything a project brings, read, indexed and counted: what the loop's later stages work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.artifacts.store import forget_chunked_indexes
from rung.builders.building import tokens_of
from rung.config.project import Project
from rung.dataset.load import Dataset, fingerprint, load_dataset, with_evidence
from rung.dataset.retrieval_pairs import read_teaching
from rung.errors import BudgetEnded, InputError, UserError
from rung.models.catalog import is_tunable
from rung.models.protocol import Decoding
from rung.models.table import NAME as TABLE
from rung.pipeline.answer_room import least_room, room_after
from rung.pipeline.budget import Meter, bounded
from rung.pipeline.cache_invalidation import invalidate, look_again
from rung.pipeline.dense_weight import Weight, settle
from rung.pipeline.limits import scoring_in
from rung.pipeline.materials import limit_of, materials_of
from rung.pipeline.schema_support import check_schema
from rung.pipeline.slips import nearest, unwinnable
from rung.pipeline.sources import Sources
from rung.pipeline.todays_access import hold_to_today
from rung.progress import phase, waiting
from rung.records import Case, Document, Dropped, Json, Problem, digest
from rung.runtime.engines import Engines
from rung.runtime.passage_contexts import PassageContexts
from rung.runtime.runner import StepRunner
from rung.scoring.bearing import phrases
from rung.stats.rules_of_thumb import NO_CASES
from rung.strategies.prompting import expected_output
from rung.strategies.protocol import Materials

if TYPE_CHECKING:
    from rung.knowledge import Gold, Knowledge, SyncReport


CONTEXT_USAGE = "context_usage"  # a note: tokens of sentences of context
LISTED = ("listed", "documents")  # the note of what the last sync read, and which version it made


@dataclass(frozen=True)
class Prepared:
    """What was read. `cases` are those that judge; `gold`: the gold of cases that name some, by case id."""

    rows: Dataset
    materials: Materials
    cases: tuple[Case, ...]
    gold: Mapping[str, Gold] = field(default_factory=dict)
    documents: int = 0
    document_groups: Mapping[str, tuple[str, ...]] | None = None
    problems: tuple[Problem, ...] = ()
    fingerprint: str = ""
    weight: Weight | None = None  # of the dense ranking; None where there are no documents
    knowledge_version: int = 0  # the version of the index that was seen; 0 where there are no documents

    @property
    def is_limited(self) -> bool:
        """Whether it judges by some of the test cases only."""
        return len(self.cases) < len(self.rows.split("test"))


def prepare(engines: Engines, *, limit: int | None = None, meter: Meter | None = None, asks_model: bool = False) -> Prepared:
    """Read cases, examples and documents; bring the index up to date; count tokens.

    `asks_model`: it is asked afterwards, and so is opened while documents are read, where it was never asked before.

    Raises:
        UserError: no cases, no documents where some are named, a schema that is no schema; before documents are indexed,
            where that can be told.
        BudgetEnded: while documents were indexed; what an encoder embedded is kept.
    """
    project = engines.project
    rows = load_dataset(project)
    check_schema(project, rows.schema)
    scoring_in(project, _judging(project, rows, limit), schema=rows.schema, labels=rows.labels)  # refuses a wrong one
    teaching = read_teaching(project, tuple(case for case in rows.cases if case.split != "train"))
    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()
    gold: dict[str, Gold] = {}
    knowledge, weight = None, None
    if asks_model:
        _open_ahead(engines)
    if project.settings.knowledge.sources:
        indexed = _indexed(engines, meter)
        knowledge, documents, problems = indexed.knowledge, indexed.knowledge.documents(), indexed.problems
        rows = located(rows, documents)
        weight = settle(engines, knowledge, rows)
        gold = gold_of(rows, knowledge)
    cases = _judging(project, rows, limit)
    groups = knowledge.document_groups() if knowledge else None
    materials, secrets = materials_of(project, rows, groups or {}, teaching=teaching, tools=engines.tools)
    materials = replace(
        materials,
        corpus_tokens=_corpus_tokens(engines, documents) if knowledge else None,
        passages=knowledge.passage_count if knowledge else 0,
        context_tokens=engines.generator.context_tokens,
        limit_tokens=limit_of(project, engines.generator.context_tokens),
        answer_tokens=answer_tokens(project, rows, lambda shown: counted(engines, "answers", shown, max)),
        gold={c.id: gold[c.id].teaching for c in materials.lessons if c.id in gold},
    )
    return Prepared(
        rows=rows,
        materials=materials,
        cases=cases,
        gold=gold,
        documents=len(documents),
        document_groups=groups,
        problems=(*problems, *rows.problems, *unwinnable(project, rows), *secrets, *teaching.problems),
        fingerprint=digest(fingerprint(rows), knowledge.identity if knowledge else None),
        weight=weight,
        knowledge_version=knowledge.version if knowledge else 0,
    )


def _open_ahead(engines: Engines) -> None:
    """Begin to open the model, where no answer is remembered that would make it needless, and no other machine answers."""
    if not engines.project.settings.workers.ray and not engines.cache.count():
        model = engines.generator
        if isinstance(model, Decoding):
            model.open_ahead()


def materials_on(engines: Engines, prepared: Prepared) -> Materials:
    """The materials of a project's rungs on the model of these engines: what it reads, and whether it can be tuned."""
    if engines.whole is None:
        return prepared.materials
    project, knowledge = engines.project, engines.knowledge
    return replace(
        prepared.materials,
        limit_tokens=limit_of(project, engines.generator.context_tokens),
        trainable=is_tunable(project.settings),
        corpus_tokens=_corpus_tokens(engines, knowledge.documents()) if knowledge else None,
        context_tokens=engines.generator.context_tokens,
        answer_tokens=answer_tokens(project, prepared.rows, lambda shown: counted(engines, "answers", shown, max)),
    )


def located(rows: Dataset, documents: Sequence[Document]) -> Dataset:
    """The dataset with its evidence resolved to characters of these documents."""
    from rung.knowledge import find_quote

    texts = {document.id: document.text for document in documents}
    return with_evidence(rows, texts.get, find_quote, nearest=lambda name: nearest(name, texts))


def gold_of(rows: Dataset, knowledge: Knowledge) -> dict[str, Gold]:
    """The gold of the cases that name some, by case id."""
    from rung.knowledge.citing import Shelf, gold_passages

    shelf = Shelf(knowledge)
    expected = {c.id: phrases(c, schema=rows.schema, labels=rows.labels) for c in rows.cases if c.answerable}
    by_case = {c.id: gold_passages(c, shelf, expected[c.id]) for c in rows.cases if c.answerable}
    return {id: gold for id, gold in by_case.items() if gold.passages}


def _judging(project: Project, rows: Dataset, limit: int | None) -> tuple[Case, ...]:
    cases = chosen(rows.split("test"), limit)
    if not cases:
        where = f"all {len(rows.cases)} cases are of split train or dev" if rows.cases else "every case was left out"
        listed = "".join(f"\n  {p}" for p in rows.problems[:10])
        what = f"no case is left to judge by: {where}. {NO_CASES}{listed}"
        raise InputError(what, path=project.file, line=project.line("cases"))
    return cases


def _indexed(engines: Engines, meter: Meter | None) -> Indexed:
    """`up_to_date`, as far as the budget goes."""
    try:
        meter = meter or Meter.of(engines)
        with bounded(meter):
            return up_to_date(engines, runner=meter.runner(engines))
    except BudgetEnded as end:
        at = f" at {end.done:,} of {end.total:,} passages of the documents" if end.total else ""
        again = "what was embedded is kept, and the same command goes on from there"
        if engines.project.settings.embedder == TABLE:
            again = "indexing by the table begins anew"
        raise BudgetEnded(f"{end}{at}, so there is no verdict; {again}") from None


@dataclass(frozen=True)
class Indexed:
    """The index, brought up to date (or, in a dry run, as it is), and what changed. `documents` counts those read.

    `dropped`: the parts of those that a rule leaves out. `behind`: why it is not up to date, in words.
    """

    knowledge: Knowledge
    documents: int
    report: SyncReport
    problems: tuple[Problem, ...]
    dropped: tuple[Dropped, ...] = ()
    behind: str = ""


def up_to_date(
    engines: Engines,
    *,
    dry_run: bool = False,
    asked: bool = False,
    at_once: bool = False,
    runner: StepRunner | None = None,
) -> Indexed:
    """Read the documents and make the index hold exactly these; a dry run only says what would change.

    An index that was rolled back stays as it is, and says so, unless a sync was `asked` for by name. `at_once`: many new
    documents are searchable before the encoder has embedded them (`embed_the_rest`); else it embeds them all, since what is
    measured must not depend on how far it was. `runner`: who asks the model for sentences of context, within a budget.

    Raises:
        UserError: the project names no documents, or none could be read.
    """
    knowledge = engines.documents
    who_writes_contexts(knowledge, runner or StepRunner(engines))
    knowledge.refresh()
    if knowledge.held and not (dry_run or asked):
        return _held(engines, knowledge)
    sources = Sources(engines.project, remember=engines.cache.lasting and not dry_run)
    with phase("read and index documents") as tick:
        if not engines.cache.lasting:
            report = knowledge.compare(sources)
            _refuse_old(engines.project, report)
        elif dry_run:
            report = knowledge.compare(sources)
        else:
            seen = listed(engines)  # before they are read: what changes meanwhile is read again
            report = knowledge.sync(sources, lambda done, total: tick(done, total, ""), waiting, at_once=at_once)
            _keep_pace(engines, report)
            _keep_context_usage(engines, knowledge)
            invalidate(engines.cache, knowledge)
            engines.cache.note(*LISTED, [seen, knowledge.version])
            if report.removed or report.changed or report.renamed or report.rebuilt:
                forget_chunked_indexes(engines.project.state)
    problems = (*sources.problems, *report.problems)
    if not at_once and not dry_run:
        problems += _stand_ins(engines.project, knowledge)
    return Indexed(knowledge, sources.count, report, problems, tuple(sources.dropped))


def who_writes_contexts(knowledge: Knowledge, runner: StepRunner) -> None:
    """Have the model of `knowledge.context`, where there is one, asked by this runner from now on."""
    if isinstance(knowledge.contexts, PassageContexts):
        knowledge.contexts.run = runner.on(knowledge.contexts.model).run


def embed_the_rest(engines: Engines) -> int:
    """Embed what a stand-in embedded when documents had to be searchable at once; how many passages."""
    knowledge = engines.documents
    knowledge.refresh()
    before, cached = knowledge.version, engines.cache.noted(*LISTED)
    if not knowledge.provisional_count:
        return 0
    with phase("embed what the table stands in for") as tick:
        done = knowledge.replace_provisional(lambda done, total: tick(done, total, ""), waiting)
    if isinstance(cached, list) and cached[1:] == [before]:  # no source was read for it
        engines.cache.note(*LISTED, [cached[0], knowledge.version])
    return done


def stand_ins(knowledge: Knowledge) -> str:
    """What is to be said where a stand-in's vectors are searched; "" where none are."""
    count, whole = knowledge.provisional_count, knowledge.passage_count
    return f"{count:,} of {whole:,} passages are still searched by the table's vectors" if count else ""


def _stand_ins(project: Project, knowledge: Knowledge) -> tuple[Problem, ...]:
    words = stand_ins(knowledge)
    return (Problem(str(project.file), 0, f"{words}, and measured so; 'rung sync' replaces them"),) if words else ()


def listed(engines: Engines) -> str | None:
    """What a sync would read, as far as it can be told without reading; None where it cannot."""
    from rung.knowledge.readers.listing import listing
    from rung.pipeline.publishing import PAGE

    project = engines.project
    if project.groups_of is not None:
        return None
    seen = listing(project.root, project.settings.knowledge.sources, but=PAGE)
    configured = project.settings.knowledge.model_dump(mode="json")
    return seen and digest(seen, configured, engines.embedder.identity)


def _refuse_old(project: Project, report: SyncReport) -> None:
    """An index that cannot be brought up to date must not be searched as it was: rights may have changed too."""
    changes = report.added + report.changed + report.renamed + report.removed
    if changes or report.rebuilt:
        why = f"{changes:,} documents changed" if changes else "it was made with other settings"
        raise UserError(
            f"{project.state} cannot be written, and its index is not up to date ({why}): run 'rung sync' where it can be"
        )


def _keep_pace(engines: Engines, report: SyncReport) -> None:
    """Remember how fast passages were indexed, from the largest sync so far: small ones are mostly overhead."""
    noted = ("index_pace", engines.embedder.identity)
    if report.embedded and not report.provisional and _is_most(engines, noted, report.embedded):
        pace: dict[str, Json] = {"passages": report.embedded, "seconds": report.seconds}
        engines.cache.note(*noted, pace)
        engines.cache.note("index_pace_of", engines.project.settings.embedder, pace)  # for who has not opened the embedder


def _keep_context_usage(engines: Engines, knowledge: Knowledge) -> None:
    """Remember what sentences of context took, from the most that were asked for at once."""
    contexts = knowledge.contexts
    if not isinstance(contexts, PassageContexts) or not contexts.passages:
        return
    noted = (CONTEXT_USAGE, contexts.identity)
    if _is_most(engines, noted, contexts.passages):
        engines.cache.note(*noted, {"passages": contexts.passages, **tokens_of([contexts.usage])})


def _is_most(engines: Engines, noted: tuple[str, str], passages: int) -> bool:
    """Whether what this note says is not of more passages than these."""
    cached = engines.cache.noted(*noted)
    most = cached.get("passages") if isinstance(cached, dict) else 0
    return passages >= (most if isinstance(most, int) else 0)


def context_usage(engines: Engines) -> dict[str, Json] | None:
    """What sentences of context took: how many `passages`, their `prompt` and `completion` tokens, `usd`; None before the
    first sync that asked for some."""
    cached = engines.cache.noted(CONTEXT_USAGE, PassageContexts(engines.project.context_model).identity)
    return cached if isinstance(cached, dict) and cached.get("passages") else None


def seconds_to_index(engines: Engines, prepared: Prepared) -> float | None:
    """How long it takes to index all passages; None where no sync was timed in this folder, or a server embeds."""
    cached = engines.cache.noted("index_pace", engines.embedder.identity)
    embedder = engines.project.settings.embedder
    if not isinstance(cached, dict) or "://" in embedder or embedder.startswith("openai:"):
        return None
    seconds, passages = cached.get("seconds"), cached.get("passages")
    if not isinstance(seconds, (int, float)) or not isinstance(passages, int) or not passages:
        return None
    return float(seconds) / passages * prepared.materials.passages


def _held(engines: Engines, knowledge: Knowledge) -> Indexed:
    """The index as it was rolled back, under today's access."""
    from rung.knowledge import SyncReport

    before, problems = knowledge.version, hold_to_today(engines.project)
    knowledge.refresh()
    if knowledge.version != before:
        invalidate(engines.cache, knowledge)
        forget_chunked_indexes(engines.project.state)
    look_again(engines.cache)
    count = len(knowledge.document_groups())
    message = f"the index was rolled back and is held at version {knowledge.version}; 'rung sync' brings it up to date"
    report = SyncReport(unchanged=count, passages=knowledge.passage_count, version=knowledge.version)
    return Indexed(
        knowledge,
        count,
        report,
        (Problem(str(engines.project.file), 0, message), *problems, *_stand_ins(engines.project, knowledge)),
    )


def chosen(cases: Sequence[Case], limit: int | None) -> tuple[Case, ...]:
    """At most `limit` cases, always the same ones, in the files' order."""
    if limit is None or limit >= len(cases):
        return tuple(cases)
    selected = {case.id for case in sorted(cases, key=lambda case: digest("limit", case.id))[:limit]}
    return tuple(case for case in cases if case.id in selected)


def _corpus_tokens(engines: Engines, documents: Sequence[Document]) -> int:
    return counted(engines, "corpus", [f"{document.title}\n{document.text}" for document in documents], sum)


def answer_tokens(project: Project, rows: Dataset, longest_of: Callable[[list[str]], int]) -> int:
    """Room for an answer: a little more than the longest among examples, train and dev cases (test cases stay unseen), for
    what the schema takes, and for what the project's model may write around a right answer.

    `longest_of`: tokens of the longest of some texts.
    """
    shown = [example.output for example in rows.examples]
    teaching = (*rows.split("train"), *rows.split("dev"))
    shown += [output for case in teaching if (output := expected_output(case, rows.schema, rows.labels)) is not None]
    least = least_room(project.settings.model, project.settings.server.context_tokens)
    return room_after(longest_of(shown) if shown else None, rows.schema, at_least=least)


def counted(engines: Engines, what: str, texts: Sequence[str], fold: Callable[[list[int]], int]) -> int:
    """Tokens of the texts, folded to one number, counted once per content."""
    key = digest(what, list(texts), engines.project.settings.model)
    cached = engines.cache.noted("tokens", key)
    if isinstance(cached, int):
        return cached
    count = fold(engines.generator.count_tokens(texts))
    engines.cache.note("tokens", key, count)
    return count
