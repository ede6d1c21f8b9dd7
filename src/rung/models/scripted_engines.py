"""Scripted reranker, classifier and tools, and what all scripted models can be told to do: log, be slow, fail."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rung.errors import InternalError
from rung.records import Failure, Json
from rung.records.steps import (
    CallTool,
    CallToolResult,
    Classify,
    ClassifyResult,
    Request,
    Rerank,
    Result,
    SearchResult,
    Step,
    kind,
    request_digest,
)
from rung.text.parsing import json_of

_WORD = re.compile(r"\w+")
_SMALL = (
    "a an and are as at be been but by can did do does for from had has have he her his how i if in into is it its me my of "
    "on or our she so than that the their them there these they this to us was we were what when where which who whom whose "
    "why will with would you your"
)
_EMPTY = frozenset(_SMALL.split())


def words(text: str) -> frozenset[str]:
    """The words of a text that carry meaning, in lower case and without the plural's s."""
    lowered = (word.lower() for word in _WORD.findall(text))
    return frozenset(w[:-1] if len(w) > 3 and w.endswith("s") else w for w in lowered if w not in _EMPTY)


@dataclass(frozen=True, slots=True)
class Play:
    """What a scripted model does beside answering.

    Attributes:
        log: file to which the digest of every executed step is appended, one a line, before its result is given.
        delay: seconds that each step takes.
        fails: step -> why it fails, or "" if it does not.
    """

    log: Path | None = None
    delay: float = 0.0
    fails: Callable[[Step], str] | None = None

    def run(
        self, requests: Sequence[Request], identity: str, answer: Callable[[Request], Result | Failure]
    ) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (place, result) in order, with everything that was asked for."""
        for index, request in enumerate(requests):
            if self.delay:
                time.sleep(self.delay)
            why = self.fails(request.step) if self.fails else ""
            result = Failure(why, step=kind(request.step)) if why else answer(request)
            if self.log:
                _append(self.log, request_digest(request, identity))
            yield index, result


def _append(path: Path, line: str) -> None:
    """One write to a file opened for appending: whole even when the process is killed, or when several write."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


@dataclass(frozen=True, slots=True)
class ScriptedReranker:
    """Orders passages by the words that they share with the query; ties keep their order."""

    play: Play = Play()

    @property
    def identity(self) -> str:
        """One for all."""
        return "scripted:rerank/1"

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield every request's result, in order."""
        return self.play.run(requests, self.identity, self._answer)

    def _answer(self, request: Request) -> SearchResult:
        step = request.step
        if not isinstance(step, Rerank):
            raise InternalError(f"a reranker was given {type(step).__name__}")
        asked = words(step.query)
        scored = [replace(p, score=len(words(p.text) & asked) / max(1, len(asked))) for p in step.passages]
        return SearchResult(tuple(sorted(scored, key=lambda p: -p.score)[: step.top]))


@dataclass(frozen=True, slots=True)
class ScriptedClassifier:
    """Gives the label of the first rule (regular expression -> label) that matches, else the label nearest in words."""

    rules: Mapping[str, str] | None = None
    play: Play = Play()

    @property
    def identity(self) -> str:
        """Changes with the rules."""
        return f"scripted:classify/1/{json.dumps(dict(self.rules or {}), sort_keys=True)}"

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield every request's result, in order."""
        return self.play.run(requests, self.identity, self._answer)

    def _answer(self, request: Request) -> Result | Failure:
        step = request.step
        if not isinstance(step, Classify):
            raise InternalError(f"a classifier was given {type(step).__name__}")
        if not step.labels:
            return Failure("there are no labels to choose from", step="classify")
        for pattern, label in (self.rules or {}).items():
            if label in step.labels and re.search(pattern, step.text):
                return ClassifyResult(label)
        shared = [len(words(label.replace("_", " ")) & words(step.text)) for label in step.labels]
        best = max(range(len(shared)), key=lambda i: shared[i])
        return ClassifyResult(step.labels[best], (1 + shared[best]) / (len(shared) + sum(shared)))


@dataclass(frozen=True, slots=True)
class ScriptedTools:
    """Answers `CallTool` by functions of your own: name -> function of the arguments."""

    tools: Mapping[str, Callable[[Mapping[str, Json]], Json]]
    play: Play = Play()

    @property
    def identity(self) -> str:
        """Changes with the tools' names."""
        return f"scripted:tools/1/{','.join(sorted(self.tools))}"

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield every request's result, in order."""
        return self.play.run(requests, self.identity, self._answer)

    def _answer(self, request: Request) -> Result | Failure:
        step = request.step
        if not isinstance(step, CallTool):
            raise InternalError(f"a tool engine was given {type(step).__name__}")
        if step.name not in self.tools:
            return Failure(f"no tool '{step.name}'; there are: {', '.join(sorted(self.tools))}", step="call_tool")
        try:
            arguments = json_of(step.arguments)
        except ValueError as error:
            return Failure(f"the arguments of '{step.name}' are no JSON: {error}", step="call_tool")
        if not isinstance(arguments, dict):
            return Failure(f"the arguments of '{step.name}' are no object", step="call_tool")
        return CallToolResult(self.tools[step.name](arguments))
