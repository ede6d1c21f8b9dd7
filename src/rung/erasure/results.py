"""The memory of steps: passages, results that were made of them or hold the text, notes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from rung.config.project import Project
from rung.erasure.databases import vacuum
from rung.erasure.target import Finding, Left, Target
from rung.records import Passage
from rung.runtime.cache import FILE
from rung.runtime.engines import open_cache

_WORDS = {"steps": "results", "notes": "notes"}


@dataclass(frozen=True, slots=True)
class Results:
    """`.rung/rung.db` of a project; nothing is made where there is none."""

    project: Project

    def find(self, target: Target) -> Sequence[Finding]:
        """See `Place`."""
        passages, keys = self._held(target.of_nobody_else)
        counts = Counter(table for table, _ in keys)
        listed = [Finding(FILE, "passages", len(passages))] if passages else []
        return [*listed, *(Finding(FILE, _WORDS[table], n) for table, n in sorted(counts.items()))]

    def left(self, target: Target) -> Sequence[Left]:
        """See `Place`."""
        del target
        return ()

    def erase(self, target: Target) -> None:
        """See `Place`."""
        path = self.project.state / FILE
        if not path.exists():
            return
        passages, keys = self._held(target.of_nobody_else)
        with closing(open_cache(self.project)) as cache:
            cache.forget(passages)
            cache.erase([key for table, key in keys if table == "steps"], [key for table, key in keys if table == "notes"])
        vacuum(path)

    def count(self) -> int:
        """See `Place`."""
        if not (self.project.state / FILE).exists():
            return 0
        with closing(open_cache(self.project)) as cache:
            return cache.count()

    def _held(self, target: Target) -> tuple[list[str], list[tuple[str, str]]]:
        """Keys of passages; (table, key) of results and notes."""
        if not (self.project.state / FILE).exists():
            return [], []
        with closing(open_cache(self.project)) as cache:
            passages = [key for some in cache.passages() for key, passage in some if _is_held(passage, target)]
            keys = [
                (table, key) for table, key, text in cache.texts() if target.is_in(json.loads(text)) or target.holds(key)
            ]
        return passages, keys


def _is_held(passage: Passage, target: Target) -> bool:
    if passage.document in target.documents or target.names(passage.document):
        return True
    return any(map(target.holds, (passage.text, passage.title, passage.source, passage.document)))
