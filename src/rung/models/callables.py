"""Functions of this process as models, for notebooks: `python:<name>`, by which rung.yaml names one that was registered.

A function gets the chat, a list of `{"role", "content"}`, and returns the assistant's text. Its name has a digest of its
source, so that answers of the same function are remembered and those of a changed one are not; what it calls is not seen.
Another process does not know it. Schema and labels are not held: answers are checked for them afterwards.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from rung.errors import ModelError, first_line
from rung.models.protocol import Embedder, Generator, Server
from rung.progress import Tick
from rung.records import Failure, Message, digest
from rung.records.steps import Generate, GenerateResult, Request, Result, StepFailed

PREFIX = "python:"
Reply = Callable[[list[dict[str, str]]], str]
_registered: dict[str, Reply] = {}


def register(function: Reply) -> str:
    """Make a function a model of this process; its name is returned."""
    bare = re.sub(r"\W+", "_", getattr(function, "__name__", type(function).__name__)).strip("_") or "function"
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):  # a callable object, or one that was typed in
        source = uuid4().hex
    name = f"{PREFIX}{bare}-{digest('python', source)[:10]}"
    _registered[name] = function
    return name


class CallableHost:
    """Functions that `register` made models."""

    generators = (f"{PREFIX}<name>",)
    embedders = ()
    is_local = False
    is_remote = False

    def claims(self, name: str) -> bool:
        """Whether it begins with python:."""
        return name.startswith(PREFIX)

    def check_name(self, name: str) -> None:
        """Refuse a function that this process does not have."""
        if name not in _registered:
            raise ModelError(f"'{name}' is a function of a Python process that has ended: open the project there again")

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:  # noqa: ARG002 - the protocol's
        """The function as a model."""
        self.check_name(name)
        return CallableGenerator(name, _registered[name], server.context_tokens)

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:  # noqa: ARG002 - the protocol's
        """Functions are generators here."""
        raise ModelError(f"'{name}' is a function and cannot be an embedder")


class CallableGenerator:
    """A function as a generator. Tokens are estimated, at four characters each."""

    def __init__(self, name: str, function: Reply, context_tokens: int) -> None:
        self._name, self._function = name, function
        self.context_tokens = context_tokens

    @property
    def identity(self) -> str:
        """The function's name, with the digest of its source."""
        return f"{self._name}/1"

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        """Raises `ModelError`: a function has no weights."""
        if adapters:
            raise ModelError(f"'{self._name}' is a function: nothing can be tuned of it")

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield every request's result, in order."""
        for index, request in enumerate(requests):
            yield index, self._answer(request)

    def stream(self, request: Request) -> Iterator[str | GenerateResult]:
        """Yield the text, then the whole."""
        result = self._answer(request)
        if isinstance(result, Failure):
            raise StepFailed(result)
        yield result.text
        yield result

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """A token for four characters."""
        return [-(-len(text) // 4) for text in texts]

    def render(self, messages: Sequence[Message]) -> str:
        """Each turn after its role."""
        return "".join(f"{m.role}: {m.content}\n" for m in messages) + "assistant: "

    def close(self) -> None:
        """Nothing to give back."""

    def _answer(self, request: Request) -> GenerateResult | Failure:
        step = request.step
        if not isinstance(step, Generate):
            return Failure("a function answers chats alone", step="generate")
        try:
            text = self._function([{"role": turn.role, "content": turn.content} for turn in step.messages])
        except Exception as error:
            return Failure(f"{type(error).__name__}: {first_line(error)}", step="generate")
        if not isinstance(text, str):
            return Failure(f"the function returned {type(text).__name__} in place of a text", step="generate")
        prompt, completion = self.count_tokens([self.render(step.messages), text])
        return GenerateResult(text, prompt, completion)
