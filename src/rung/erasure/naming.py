"""What a word on the command line names: an answer, a document, a case or an example, else a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from rung.artifacts.registry import Registry
from rung.config.project import Project
from rung.dataset import read_examples
from rung.dataset.load import shown_as
from rung.dataset.row_files import json_lines
from rung.erasure.derived import arisen_from, drafted_and_reviewed, with_parts
from rung.erasure.documents import held
from rung.erasure.leftovers import is_named
from rung.erasure.served import Served
from rung.erasure.sources import named_by
from rung.erasure.target import MIN_CHARACTERS, MIN_QUOTED, Kind, Target, exact, folded, quotable
from rung.errors import UserError
from rung.records import Json, Problem
from rung.runtime.cache import FILE
from rung.runtime.engines import index_of, open_cache
from rung.text.refusals.saying import is_refusal

PREFIXES = ("chatcmpl-", "msg_", "resp_")
_ID = re.compile(r"[0-9a-f]{32}")


def target_of(project: Project, name: str, kind: Kind = "text") -> Target:
    """What is to be looked for. `kind`: what it was when it was forgotten before; an id stays one when its record is gone.

    Raises:
        UserError: the text is too short to tell one person's from others', or a place cannot be read.
    """
    answer = next((name[len(p) :] for p in PREFIXES if name.startswith(p)), name).strip().lower()
    if _ID.fullmatch(answer):
        return _answer(project, answer, name)
    if (document := _document(project, name)) is not None:
        return document
    if (row := _row(project, name)) is not None:
        return row
    if kind == "document" or is_named(project, name):
        return Target("document", name, documents=frozenset({name}))
    if kind == "row":
        return Target("row", name, rows=frozenset({name}))
    text = folded(name)
    if len(text.replace(" ", "")) < MIN_CHARACTERS:
        raise UserError(
            f"'{name}' is no id here, and as a text it is too short: write {MIN_CHARACTERS} characters or more, as they "
            "stand there, so that nothing of anybody else goes"
        )
    return Target("text", name, (text,))


# --- documents ----------------------------------------------------------------------------------------------------------


def _document(project: Project, name: str) -> Target | None:
    """A document of this id: in any version of the index, in the memory of steps, or as a file that was read."""
    named = Target("document", name, documents=frozenset({name}))
    texts: list[str] = []
    others: list[str] = []
    if project.settings.knowledge.sources and (project.settings.knowledge.store or (project.state / "index").is_dir()):
        index = index_of(project)
        texts += [document.text for _, document in held(index, named)]
        snapshot = index.snapshot()
        others = [one.text for one in snapshot.documents() if one.id != name] if snapshot and texts else []
    texts += _passages(project, name)
    if not texts:
        return None
    shared = set(quotable(others))  # what other documents say too is theirs
    quotations = tuple(one for one in quotable(texts) if one not in shared)
    return Target("document", name, quotations, frozenset({name}))


def _passages(project: Project, name: str) -> list[str]:
    if not (project.state / FILE).exists():
        return []
    with closing(open_cache(project)) as cache:
        return [passage.text for some in cache.passages() for _, passage in some if passage.document == name]


# --- answers ------------------------------------------------------------------------------------------------------------


@dataclass
class _Said:
    """What is found of an answer: texts, and who got it."""

    texts: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    callers: set[str] = field(default_factory=set)


def _answer(project: Project, id: str, name: str) -> Target:
    """An answer by its id: what was asked and what was said of it are looked for where its id does not stand."""
    gathered, stored = _Said(), Served(project).rows_of(id)
    for row in stored:
        gathered.callers |= {str(row[name]) for name in ("caller", "caller_id") if row.get(name)}
        gathered.texts += _asked(row)
        gathered.questions += _questions(row)
    texts = tuple(dict.fromkeys(t for t in map(folded, gathered.texts) if len(t) >= MIN_QUOTED))
    return Target(
        *("answer", name, texts),
        answers=frozenset({id}),
        rows=arisen_from(project, stored),
        callers=frozenset(gathered.callers),
        exact=exact(gathered.questions),
    )


def _asked(row: Mapping[str, Any]) -> Iterable[str]:
    """What its caller wrote: of a remark, of a difference, of a trace's first span."""
    for key in ("details", "entry", "question"):
        value = row.get(key)
        if isinstance(value, dict):
            yield from (str(value[name]) for name in ("question", "text", "comment", "correction") if value.get(name))
            yield from _turns(value.get("messages"))
    body = row.get("body")
    if isinstance(body, list) and body and isinstance(body[0], dict):
        content = body[0].get("content")
        yield from _parts(content.get("gen_ai.input.messages") if isinstance(content, dict) else None)


def _questions(row: Mapping[str, Any]) -> Iterable[str]:
    """What was asked last: of a remark, of a difference, of a trace's first span."""
    for key in ("entry", "question"):
        value = row.get(key)
        if isinstance(value, dict):
            yield from (str(value[name]) for name in ("question", "text") if value.get(name))
    yield from [*_asked({"body": row.get("body")})][-1:]


def _turns(messages: Json) -> Iterable[str]:
    for turn in messages if isinstance(messages, list) else ():
        if isinstance(turn, dict) and turn.get("role") == "user":
            yield str(turn.get("content"))


def _parts(messages: Json) -> Iterable[str]:
    for turn in messages if isinstance(messages, list) else ():
        parts = turn.get("parts") if isinstance(turn, dict) and turn.get("role") == "user" else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and isinstance(part.get("content"), str):
                yield str(part["content"])


# --- cases and examples -------------------------------------------------------------------------------------------------


def _row(project: Project, name: str) -> Target | None:
    """A case or an example of this id, in the project's files, drafts among them, in the log of reviews, or among the rows
    that taught an artifact; with the parts that a draft was divided into."""
    ids = with_parts(project, name)
    texts, others, questions = list[str](), list[str](), list[str]()
    for id, row_texts in _rows(project):
        (texts if id in ids else others).extend(row_texts)
        questions += row_texts[:1] if id in ids else ()
    for row in drafted_and_reviewed(project):
        if row.get("id") in ids:
            texts += (row_texts := _texts(row))
            questions += row_texts[:1]
    registry = Registry(project.state)
    taught = any(one.id == name for artifact in registry.artifacts() for one in registry.rows(artifact) or ())
    if not texts and not taught:
        return None
    own = [text for text in texts if not is_refusal(text)]
    whole = [text for text in map(folded, own) if len(text) >= MIN_QUOTED]
    theirs = "\n".join(map(folded, others))  # and so are refusals, which any answer may be
    quotations = dict.fromkeys(one for one in (*quotable(own), *whole) if one not in theirs and not is_refusal(one))
    short = frozenset(one for one in exact(questions) if one not in theirs and not is_refusal(one))
    return Target("row", name, tuple(quotations), rows=ids, exact=short)


def _rows(project: Project) -> Iterator[tuple[str, list[str]]]:
    """(id, texts) of each case and example in the project's files; the question comes first."""
    problems: list[Problem] = []
    for path in named_by(project, project.settings.behaviour.examples, "behaviour", "examples"):
        for example in read_examples(path, problems, flawed=True):
            yield example.id, [example.input, *(m.content for m in example.messages if m.role != "system")]
    for path in named_by(project, project.settings.cases, "cases"):
        for _, row in json_lines(path, shown_as(project, path), problems):
            yield str(row.get("id", "")), _texts(row)


def _texts(row: Mapping[str, Json]) -> list[str]:
    """The question and the answers of a row as it is written; of an example its turns, from the last question on."""
    answers, messages = row.get("answers"), row.get("messages")
    turns = [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    contents = [str(turn.get("content", "")) for turn in turns if turn.get("role") != "system"]
    if "question" not in row:
        return [*contents[-2:], *contents[:-2]]
    return [str(row["question"]), *(map(str, answers) if isinstance(answers, list) else ()), *contents]
