"""Functions of this process as models, for notebooks: `python:<name>`, by which rung.yaml names one that was registered.

A function gets the chat, a list of `{"role", "content"}`, and returns the assistant's text. Its name has a digest of its
code, its defaults and what it closes over, so that answers of the same function are remembered and those of a changed one
are not; what it calls is not seen. Of a callable of another kind, or one that holds what is no plain data, every object is
a model of its own, and nothing is remembered for the next process. Another process does not know it.

Schema and labels are not held: answers are checked for them afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from uuid import uuid4

from rung.errors import ModelError, first_line
from rung.models.protocol import Embedder, Generator, Server
from rung.progress import Tick
from rung.records import Failure, Json, Message, canonical, digest
from rung.records.steps import Generate, GenerateResult, Request, Result, StepFailed

PREFIX = "python:"
Reply = Callable[[list[dict[str, str]]], str]
_registered: dict[str, Reply] = {}


def register(function: Reply) -> str:
    """Make a function a model of this process; its name is returned. Never takes the name of one that differs."""
    bare = re.sub(r"\W+", "_", getattr(function, "__name__", type(function).__name__)).strip("_") or "function"
    try:
        content = digest("python", _held_by(function))
    except (_NotPlainError, RecursionError):
        return _name_of_its_own(bare, function)
    name = f"{PREFIX}{bare}-{content[:10]}"
    there = _registered.setdefault(name, function)
    same = there is function or getattr(there, "__globals__", None) is getattr(function, "__globals__", None)
    return name if same else _name_of_its_own(bare, function)


def _name_of_its_own(bare: str, function: Reply) -> str:
    """A name that this object alone has, and keeps."""
    for name, one in _registered.items():
        if one is function or (isinstance(one, MethodType) and one == function):
            return name
    name = f"{PREFIX}{bare}-{uuid4().hex[:10]}"
    _registered[name] = function
    return name


class _NotPlainError(Exception):
    """Two objects of the kind cannot be told to be equal from one process to the next."""


def _held_by(function: object) -> Json:
    """All that tells a function from another: equal functions have equal ones, in every process.

    Raises:
        _NotPlainError: it is no function, or holds what is no plain data.
    """
    if not isinstance(function, FunctionType):  # a callable object, a method with what its `self` holds
        raise _NotPlainError
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(_plain(cell.cell_contents))
        except ValueError:  # it is not filled yet
            raise _NotPlainError from None
    return [
        function.__module__,
        _code(function.__code__),
        cells,
        _plain(function.__defaults__),
        _plain(function.__kwdefaults__),
    ]


def _code(code: CodeType) -> Json:
    """A code object without its place in a file."""
    names: list[Json] = [list(some) for some in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)]
    counts: list[Json] = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
    return [code.co_code.hex(), code.co_exceptiontable.hex(), names, counts, [_plain(one) for one in code.co_consts]]


def _plain(value: object) -> Json:
    """A value with its type: `1`, `True` and `"1"` are three."""
    kind = type(value).__name__
    if type(value) is CodeType:
        return _code(value)
    if value is None or value is Ellipsis or type(value) in (bool, int, float, complex, str, bytes):
        return [kind, repr(value)]
    if type(value) in (list, tuple) and isinstance(value, (list, tuple)):
        return [kind, *(_plain(one) for one in value)]
    if type(value) in (set, frozenset) and isinstance(value, (set, frozenset)):
        return [kind, *sorted((_plain(one) for one in value), key=canonical)]
    if type(value) is dict:
        return [kind, *([_plain(key), _plain(one)] for key, one in value.items())]
    raise _NotPlainError


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
        """The function's name, with the digest of what it is."""
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
