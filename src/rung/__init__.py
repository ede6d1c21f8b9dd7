"""Prompting, RAG, fine-tuning or both, answered by measurement on your own documents, examples and cases.

>>> import rung
>>> verdict = rung.open("helpdesk").compare()  # doctest: +SKIP
>>> verdict.winner, verdict.reason  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import TypeVar as _TypeVar

from rung.errors import InputError, Interrupted, RungError, UserError
from rung.records import Answer, Asker, Budget, Case, Document, Estimate, Example, Message, Passage, Question, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from rung.api import OpenProject
    from rung.verdict.score_columns import Decision

_F = _TypeVar("_F", bound="Callable[..., str]")
__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Asker",
    "Budget",
    "Case",
    "Document",
    "Estimate",
    "Example",
    "InputError",
    "Interrupted",
    "Message",
    "Passage",
    "Question",
    "RungError",
    "UserError",
    "Verdict",
    "decide",
    "function",
    "open",
    "project",
]


def open(folder: str | Path, *, groups_of: Callable[[Document], Sequence[str] | None] | None = None) -> OpenProject:
    """The project in a folder with `rung.yaml`.

    Args:
        folder: where `rung.yaml` is.
        groups_of: the groups that may read a document, for example out of your directory service; None has nothing to
            say, [] is everybody. It can only narrow what files and rules say; where it fails, the document is left out.

    Raises:
        InputError: there is none, or it has a mistake; names the line.
    """
    from rung.api import OpenProject
    from rung.config.project import load_project

    return OpenProject(load_project(folder, groups_of=groups_of))


def project(
    *,
    documents: Any = (),
    cases: Any = (),
    examples: Any = (),
    folder: str | Path | None = None,
    **settings: Any,
) -> OpenProject:
    """A project of what is in memory: lists of rows, or DataFrames of pandas or polars.

    Args:
        documents: texts, or rows with `text`, and `id`, `title`, `groups` where there are any.
        cases: rows with `question` and `answers` (or `answer`).
        examples: rows with `messages`, or `prompt` and `completion`.
        folder: where it is written; None: a new folder for temporary files.
        settings: the other keys of `rung.yaml`, such as `task="…"`, `model="openai:gpt-x"`, `bar={"correct": 0.7}`;
            `model` may be a function of a chat (a list of `{"role", "content"}`) that returns a text, and `rungs` may hold
            functions of a question, which may have a parameter `passages` or `messages`: see `function`.

    Raises:
        UserError: rows that are none, a project that is there already, or settings that cannot be.
    """
    from pathlib import Path

    from rung.api import OpenProject
    from rung.commands.memory_project import write_project

    root = None if folder is None else Path(folder)
    written = write_project(documents=documents, cases=cases, examples=examples, folder=root, settings=settings)
    return OpenProject(written)


def function(*, version: str, name: str = "") -> Callable[[_F], _F]:
    """A decorator: your function as a model or a rung, remembered by a name and a version that you state.

    Its answers are taken from memory, in every process that registers it, until the version is another: who states it
    answers for that. `rung.yaml` names it `python:NAME@VERSION`. Without this decorator a digest of its code is its name.

    As a model it gets the chat (a list of `{"role", "content"}`), as a rung the question, and by the names of its parameters
    `passages` (a tuple of `Passage`, those that a search finds) and `messages` (the turns before); it returns a text.

    Args:
        version: changed by you whenever the function may answer otherwise.
        name: "" takes the function's.

    Raises:
        UserError: they are no words, or another function has them.

    >>> @function(version="1")
    ... def shout(question: str) -> str:
    ...     return question.upper()
    """
    from rung.models.callables import register_named, short_name

    def registered(own: _F) -> _F:
        register_named(own, name=name or short_name(own), version=version)
        return own

    return registered


def decide(
    columns: Mapping[str, Iterable[float | bool | None]],
    bar: float | None = None,
    *,
    order: Sequence[str] | None = None,
    clusters: Iterable[Hashable | None] | None = None,
    usd: Mapping[str, float | Iterable[float | None] | None] | None = None,
    risk: float = 0.2,
) -> Decision:
    """The verdict over scores that another tool made: which system to use, told from its scores on the same cases.

    Args:
        columns: system -> its scores in [0, 1], one a case; None where there is none.
        bar: the mean that is good enough; None: no bar.
        order: the systems from the lowest (cheapest) rung up; None: the order of `columns`.
        clusters: the group of each case, its document, say; None for a case that stands for itself.
        usd: system -> US dollars of each case, or of any case.
        risk: the chance that is taken of being wrong.

    Raises:
        UserError: columns of unequal length, a score that is none, an order that names nobody, …; says which.

    >>> decide({"prompt": [0, 1, 0, 1] * 10, "rag": [1, 1, 1, 1] * 10}, bar=0.7).winner
    'rag'
    """
    from rung.verdict.score_columns import decide_scores

    return decide_scores(columns, bar, order=order, clusters=clusters, usd=usd, risk=risk)
