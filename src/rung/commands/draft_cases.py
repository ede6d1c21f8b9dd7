"""Cases that the documents suggest, drafted for a person to approve: answerable, unanswerable, stale, forbidden.

Two ways to draft: by rules, which take facts out of headings, tables and plain statements, and by the project's model,
which is shown a sentence and asks for it. Neither knows what people will ask: a draft is a start, and `materials` refuses it
as a case until somebody puts a name to it. How rules find facts is left to `facts`.
"""

from __future__ import annotations

import glob
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from rung.commands.stated_facts import Fact, absent_attribute, facts
from rung.config.project import Project
from rung.errors import UserError
from rung.files.limited import content_of
from rung.files.outputs import write_output
from rung.pipeline.sources import Sources
from rung.progress import Reporter, reporting
from rung.records import Asker, Document, Json, Message, Passage, digest
from rung.records.steps import Conversation, Generate, generate
from rung.runtime.engines import open_engines
from rung.runtime.runner import StepRunner
from rung.text.parsing import Malformed, json_of
from rung.text.sentences import sentences
from rung.text.support import content, support

Kind = Literal["answerable", "unanswerable", "stale", "forbidden"]
KINDS: tuple[Kind, ...] = get_args(Kind)
By = Literal["rules", "model"]
RULES = "rules"
_SHORT, _LONG = 30, 240  # characters of a sentence that is asked for
_MIN_SUPPORT = 0.6  # of a question's words that its passage must have
_TRIES = 3  # passages asked about for each draft that is wanted of a model
_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"question": {"type": "string", "maxLength": 200}, "answer": {"type": "string", "maxLength": 120}},
        "required": ["question", "answer"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A case that nobody has approved yet."""

    kind: Kind
    question: str
    answers: tuple[str, ...] = ()
    document: str = ""
    quote: str = ""
    asker: tuple[str, ...] | None = None
    by: str = RULES
    note: str = ""

    def row(self) -> dict[str, Json]:
        """As a line of a cases file; `materials` refuses it while `approved_by` is empty."""
        row: dict[str, Json] = {
            "id": f"draft-{digest(self.kind, self.question, list(self.asker or ()))[:12]}",
            "question": self.question,
            "answers": list(self.answers),
            "answerable": bool(self.answers),
        }
        if self.answers:
            row["evidence"] = [{"document": self.document, "quote": self.quote}]  # a quote outlives changes around it
        if self.asker is not None:
            row["as"] = list(self.asker)
        row["meta"] = {"kind": self.kind, "drafted_from": self.document, "note": self.note}
        return {**row, "drafted_by": self.by, "approved_by": ""}


@dataclass(frozen=True, slots=True)
class Drafts:
    """What was drafted, and what could not be: kind -> why there are fewer than were asked for."""

    drafts: tuple[Draft, ...]
    short: Mapping[str, str] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Drafts of each kind."""
        return {kind: sum(one.kind == kind for one in self.drafts) for kind in KINDS}


def suggest(project: Project, path: Path, *, each: int, by: By, reporter: Reporter | None = None) -> Drafts:
    """Draft cases from a project's documents and add them to a file. What stands there is kept, and not drafted again.

    Raises:
        UserError: the project names no documents, or the file cannot be read or written.
    """
    text = text_of(path)
    with reporting(reporter), open_engines(project) as engines, StepRunner(engines) as runner:
        documents = list(Sources(project, remember=False))
        excluded = frozenset({*_questions(text), *_asked_already(project)})
        drafts = draft(runner, documents, each=each, by=by, excluded=excluded)
    append_rows(path, [one.row() for one in drafts.drafts])
    return drafts


def append_rows(path: Path, rows: Sequence[Mapping[str, Json]]) -> None:
    """Add lines to a file of drafts; what stood there stays as it was.

    Raises:
        UserError: it cannot be read or written.
    """
    text, lines = text_of(path), "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if lines:
        write_output(path, text + ("\n" if text and not text.endswith("\n") else "") + lines, force=True)


def drafts_file(project: Project, name: str) -> Path:
    """Where a file of drafts goes: beside the cases if a pattern of `cases` takes it there, else the project's folder."""
    for pattern in project.settings.cases:
        path = Path(pattern).with_name(name)
        if fnmatch(name, Path(pattern).name) and not any(sign in str(path.parent) for sign in "*?["):
            return project.root / path
    return project.root / name


def text_of(path: Path) -> str:
    """What stands in a file of drafts, "" where there is none.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return content_of(path).decode("utf-8") if path.exists() else ""
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as UTF-8 text ({error}); name another file with --output") from error


def draft(
    runner: StepRunner | None, documents: Sequence[Document], *, each: int, by: By, excluded: frozenset[str]
) -> Drafts:
    """Draft up to `each` cases of every kind. Questions in `excluded` are left out. Equal documents give equal drafts.

    `runner`: asks the model; rules need none.

    Raises:
        UserError: there is nothing to draft from.
    """
    if not documents:
        raise UserError("there are no documents to draft cases from (knowledge.sources)")
    drafts: list[Draft] = []
    short: dict[str, str] = {}
    seen = set(excluded)
    # Facts that change are fewer, so stale cases are drafted first; each question is asked once.
    for kind in sorted(KINDS, key=lambda kind: kind != "stale"):
        candidates = (
            _by_model(runner, documents, each)
            if runner is not None and by == "model" and kind == "answerable"
            else _ruled(kind, documents)
        )
        chosen: list[Draft] = []
        for one in candidates:
            if len(chosen) == each:
                break
            if one.question not in seen:
                seen.add(one.question)
                chosen.append(one)
        if len(chosen) < each:
            short[kind] = _why_short(kind, documents, by)
        drafts += chosen
    return Drafts(tuple(sorted(drafts, key=lambda one: KINDS.index(one.kind))), short)


def _asked_already(project: Project) -> set[str]:
    """The questions in the project's files of cases, good or not. A project may have none yet: then drafts help most."""
    questions: set[str] = set()
    for pattern in project.settings.cases:
        for name in glob.glob(pattern, root_dir=project.root, recursive=True):  # noqa: PTH207 - absolute patterns too
            if (project.root / name).is_file():
                questions |= _questions((project.root / name).read_text(encoding="utf-8-sig", errors="replace"))
    return questions


def rows_of(lines: Sequence[str]) -> Iterator[tuple[int, dict[str, Json]]]:
    """(index, row) of each line that is one; others are left to whoever reads cases."""
    for index, line in enumerate(lines):
        try:
            row = json_of(line) if line.strip() else None
        except Malformed:
            continue
        if isinstance(row, dict):
            yield index, row


def _questions(text: str) -> set[str]:
    return {str(row.get("question", "")) for _, row in rows_of(text.split("\n"))}


def _ruled(kind: Kind, documents: Sequence[Document]) -> Iterator[Draft]:
    """Drafts of a kind, the documents taking turns so that no long one fills the list."""
    corpus = "\n".join(document.text for document in documents).casefold()
    queues = [_of(kind, document, corpus) for document in _shuffled(documents)]
    while queues:
        left = []
        for queue in queues:
            one = next(queue, None)
            if one is not None:
                left.append(queue)
                yield one
        queues = left


def _of(kind: Kind, document: Document, corpus: str) -> Iterator[Draft]:
    if kind == "forbidden" and not document.groups:
        return
    for fact in facts(document):
        match kind:
            case "answerable" if not document.groups:
                yield _answerable(fact, document, kind, fact.note)
            case "stale" if not document.groups and fact.changes:
                note = (
                    "this value changes with time: the case is left out, and listed, as soon as the document says otherwise"
                )
                yield _answerable(fact, document, kind, note)
            case "unanswerable" if fact.subject:
                attribute = absent_attribute(fact.subject, corpus)
                if attribute:
                    note = f"no document holds the words '{attribute}': check that none says it otherwise"
                    yield Draft(kind, f"What is the {attribute} of {fact.subject}?", document=document.id, note=note)
            case "forbidden" if corpus.count(fact.answer.casefold()) == 1:
                yield _forbidden(fact.question, document)
    title = document.title.casefold()
    if kind == "forbidden" and title and corpus.count(title) == document.text.casefold().count(title):
        yield _forbidden(f"What do the documents say about {document.title}?", document)


def _forbidden(question: str, document: Document) -> Draft:
    groups = ", ".join(document.groups)
    note = f"the answer stands in a document for {groups} only, and asks as nobody in particular"
    return Draft("forbidden", question, document=document.id, asker=(), note=note)


def _answerable(fact: Fact, document: Document, kind: Kind, note: str) -> Draft:
    return Draft(kind, fact.question, (fact.answer,), document.id, document.text[fact.start : fact.end].strip(), note=note)


def _by_model(runner: StepRunner, documents: Sequence[Document], each: int) -> Iterator[Draft]:
    """Drafts of the project's model: it is shown a sentence in its passage, and asks for it.

    Asked for question and answer freely, a small model makes answers up; so the sentence is chosen here, and is the answer
    where the model's own words do not stand in it. A question that is none, or whose words the passage does not know, is
    dropped.
    """
    from rung.knowledge.chunking.passages import Chunking, passages

    knowledge = runner.engines.knowledge
    if knowledge is None:
        return
    pairs = (
        (passage, sentence)
        for document in _shuffled([d for d in documents if not d.groups])
        for passage in passages(document, chunking=Chunking(160, 0), count=knowledge.tokens, max_tokens=256)[:3]
        if (sentence := _telling(passage.text))
    )
    shown = list(itertools.islice(pairs, each * _TRIES))
    conversations = [(Asker(), partial(_asked, passage, sentence)) for passage, sentence in shown]
    for (passage, sentence), ended in zip(shown, runner.run(conversations, title="draft cases"), strict=True):
        if ended.value is not None and (one := _checked(ended.value, passage, sentence)) is not None:
            yield replace(one, by=runner.project.settings.model)


def _telling(text: str) -> str:
    """The sentence of a passage that says most, of those short enough to be an answer; "" if there is none."""
    statements = [text[a:b] for a, b in sentences(text) if _SHORT <= b - a <= _LONG and text[b - 1] == "."]
    return max(statements, key=lambda sentence: len(content(sentence)), default="")


def _asked(passage: Passage, sentence: str) -> Conversation[str]:
    rule = (
        "Write the question that the sentence answers, so that it can be understood without the passage, and the answer in "
        'as few words of the sentence as possible. Reply with JSON: {"question": ..., "answer": ...}'
    )
    shown = f"{passage.title}\n\n{passage.text}\n\nSentence: {sentence}"
    response = yield from generate(
        Generate((Message("system", rule), Message("user", shown)), schema=_SCHEMA, max_tokens=120)
    )
    return response.text


def _checked(response: str, passage: Passage, sentence: str) -> Draft | None:
    try:
        value = json_of(response)
    except Malformed:
        return None
    if not isinstance(value, dict):
        return None
    question, answer = str(value.get("question", "")).strip(), str(value.get("answer", "")).strip(" .")
    supported = support(question, f"{passage.title}. {passage.text}")
    if not question.endswith("?") or len(question.split()) < 4 or len(content(question)) < 2 or supported < _MIN_SUPPORT:
        return None
    if not answer or answer not in sentence or answer.casefold() in question.casefold():
        answer = sentence
    note = "written by a model: check that the question is one, and that this is its answer"
    return Draft("answerable", question, (answer,), passage.document, sentence, note=note)


def _shuffled(documents: Sequence[Document]) -> list[Document]:
    """Always the same order, unlike that of the files: the first folder is not all that gets asked about."""
    return sorted(documents, key=lambda document: digest("draft", document.id))


def _why_short(kind: Kind, documents: Sequence[Document], by: By) -> str:
    if kind == "forbidden" and not any(document.groups for document in documents):
        return "no document is restricted to groups"
    if kind == "answerable" and by == "model":
        return "the model wrote too few questions whose answer stands in their passage"
    return "the documents hold no more plain facts of this kind that rules can find"
