"""Prompting, RAG, fine-tuning or both, answered by measurement on your own documents, examples and cases.

>>> import rung
>>> verdict = rung.open("helpdesk").compare()  # doctest: +SKIP
>>> verdict.winner, verdict.reason  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.errors import InputError, Interrupted, RungError, UserError
from rung.records import Answer, Asker, Case, Document, Estimate, Example, Message, Passage, Question, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rung.api import OpenProject

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Asker",
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
    "open",
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
