"""Functions of this process as models and as rungs, for notebooks: `python:<name>`, by which rung.yaml names one that was
registered.

As a model a function gets the chat, a list of `{"role", "content"}`, and returns the assistant's text. As a rung
(`function`) it gets the question, and what its parameters `passages` and `messages` ask for. Its name is the one that was
stated, with its version; else it has a digest of its code, its defaults and what it closes over, so that answers of the same
function are remembered and those of a changed one are not; what it calls is not seen. Of a callable of another kind, or one
that holds what is no plain data, every object is a model of its own, and nothing is remembered for the next process. Another
process does not know it until it registers it, too.

Schema and labels are not held: answers are checked for them afterwards.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any
from uuid import uuid4

from rung.errors import ModelError, UserError, first_line
from rung.models.protocol import Embedder, Generator, Server
from rung.progress import Tick
from rung.records import Failure, Json, Message, canonical, digest
from rung.records.asked import asked_of
from rung.records.steps import Generate, GenerateResult, Request, Result, StepFailed

PREFIX = "python:"
Reply = Callable[..., str]
_registered: dict[str, Reply] = {}
_stated: dict[str, Reply] = {}  # those whose name and version somebody stated
_WORD = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_VERSION = re.compile(r"[\w.+-]{1,32}")


def is_function(model: str) -> bool:
    """Whether a model of this name is a function of a Python process."""
    return model.startswith(PREFIX)


def register_named(function: Reply, *, name: str, version: str) -> str:
    """Register a function under a name and a version; who states them answers for it that equal ones answer alike.

    The same lines run again (a notebook's cell) take the place of what they made before.

    Raises:
        UserError: they are no words, or another function has them.
    """
    if not _WORD.fullmatch(name) or not _VERSION.fullmatch(version):
        raise UserError(f"'{name}', version '{version}': a name and a version are words of letters, digits, _, . and -")
    full = f"{PREFIX}{name}@{version}"
    there = _stated.get(full, function)
    if _origin(there) != _origin(function):
        raise UserError(f"{name}, version {version}, is {_origin(there)} already: give {_origin(function)} another one")
    _stated[full] = _registered[full] = function
    return full


def _origin(function: Reply) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def parameters(function: Reply) -> frozenset[str]:
    """The names of a function's parameters; none where it does not tell."""
    try:
        return frozenset(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return frozenset()


def short_name(function: Reply) -> str:
    """What a function is called, as a word."""
    return re.sub(r"\W+", "_", getattr(function, "__name__", type(function).__name__)).strip("_") or "function"


def register(function: Reply) -> str:
    """Make a function a model of this process; its name is returned. Never takes the name of one that differs."""
    if stated := next((name for name, one in _stated.items() if one is function), ""):
        return stated
    bare = short_name(function)
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
            raise ModelError(
                f"'{name}' is a function of a Python process that has ended, or was not registered in this one: "
                "run the lines that make it, then open the project"
            )

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
            text = self._called(step.messages)
        except Exception as error:
            return Failure(f"{type(error).__name__}: {first_line(error)}", step="generate")
        if not isinstance(text, str):
            return Failure(f"the function returned {type(text).__name__} in place of a text", step="generate")
        prompt, completion = self.count_tokens([self.render(step.messages), text])
        return GenerateResult(text, prompt, completion)

    def _called(self, messages: Sequence[Message]) -> object:
        if (asked := asked_of(messages)) is None:
            return self._function(_chat(messages))
        offered: dict[str, Any] = {"passages": asked.passages, "messages": _chat(asked.messages)}
        named = parameters(self._function)
        return self._function(asked.question, **{name: value for name, value in offered.items() if name in named})


def _chat(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in messages]
