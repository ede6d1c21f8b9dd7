"""Models that need no weights and always say the same: for tests, yours too, and for trying a project out.

`ScriptedGenerator` reads the passages it is shown and picks a sentence, or follows your rules; `ScriptedEmbedder` hashes
words; the other kinds are in `scripted_engines`. Any of them can log what it executes, be slow, and fail on purpose.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rung.errors import InternalError, ModelError
from rung.models.scripted_engines import Play, words
from rung.records import Failure, Json, Message, digest
from rung.records.steps import Generate, GenerateResult, Request, Result, StepFailed
from rung.text.parsing import json_of
from rung.text.refusals import REFUSAL

if TYPE_CHECKING:
    from rung.models.protocol import Vectors

Rule = tuple[str, str]  # regular expression searched in the rendered prompt, what is said then
Script = Callable[[Generate], str] | Sequence[Rule]

_PASSAGE = re.compile(r"^\[(\d+)\][^\n]*\n(.*?)(?=^\[\d+\]|^Question: |\Z)", re.M | re.S)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_MAX_ITEMS = 1000  # of all arrays of an answer
_MIN_SHARE = 0.5  # share of the question's words that a sentence must have
_TOKEN = re.compile(r"\w+|[^\w\s]")


class ScriptedGenerator:
    """A deterministic generator.

    Args:
        script: a function of the step, or rules of which the first that matches the prompt speaks. Without one: the
            sentence of the shown passages that shares most words with the question, cited like [1], or a refusal when
            none shares half of them; the reply of the nearest example where examples are shown; else the question's words.
            Schema and labels are kept to.
        play: log file, delay and failures.
        context_tokens: words and marks that fit; more is a `Failure`, as with a real model.
        adapters: whether adapters may be used; they change nothing but the identity of the step.
    """

    def __init__(
        self, script: Script = (), *, play: Play = Play(), context_tokens: int = 8192, adapters: bool = True, name: str = ""
    ) -> None:
        self._script = script
        self._play = play
        self._adapters = adapters
        self._registered: set[str] = set()
        self._name = name or ("extractive" if not script else f"script-{_script_name(script)}")
        self.context_tokens = context_tokens

    @property
    def identity(self) -> str:
        """Changes with the rules; a function is known by its name only."""
        return f"scripted:{self._name}/1"

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        """Accept the digests.

        Raises:
            ModelError: made with `adapters=False`.
        """
        if adapters and not self._adapters:
            raise ModelError("this scripted model serves no adapters: make it with adapters=True")
        self._registered |= set(adapters)

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield every request's result, in order."""
        return self._play.run(requests, self.identity, self._answer)

    def stream(self, request: Request) -> Iterator[str | GenerateResult]:
        """Yield the text word by word, then the whole."""
        for _, result in self.run([request]):
            if isinstance(result, Failure):
                raise StepFailed(result)
            if isinstance(result, GenerateResult):
                yield from re.findall(r"\s*\S+\s*$|\s*\S+", result.text)
                yield result

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words and punctuation marks."""
        return [len(_TOKEN.findall(text)) for text in texts]

    def render(self, messages: Sequence[Message]) -> str:
        """Each turn after its role."""
        return "".join(f"{m.role}: {m.content}\n" for m in messages) + "assistant: "

    def close(self) -> None:
        """Nothing to give back."""

    def _answer(self, request: Request) -> Result | Failure:
        step = request.step
        if not isinstance(step, Generate):
            raise InternalError(f"a generator was given {type(step).__name__}")
        if step.adapter and step.adapter not in self._registered:
            return Failure(
                f"adapter {step.adapter[:12]} was not given to the scripted model: build it first", step="generate"
            )
        prompt = self.count_tokens([self.render(step.messages)])[0]
        if prompt + step.max_tokens > self.context_tokens:
            return Failure(
                f"the prompt has {prompt:,} tokens and the answer may have {step.max_tokens:,}, together more than the "
                f"{self.context_tokens:,} of the scripted model: show fewer or shorter passages",
                step="generate",
                excess=prompt + step.max_tokens - self.context_tokens,
            )
        reply = self._reply(step)
        if isinstance(reply, Failure):
            return reply
        tokens = list(_TOKEN.finditer(reply))[: step.max_tokens]
        text = reply[: tokens[-1].end()] if tokens else ""
        return GenerateResult(text, prompt, len(tokens), truncated=text != reply.rstrip(), usd=0.0)

    def _reply(self, step: Generate) -> str | Failure:
        if callable(self._script):
            return self._script(step)
        prompt = self.render(step.messages)
        for pattern, text in self._script:
            if re.search(pattern, prompt):
                return text
        if step.regex:
            return Failure("the scripted model cannot keep to a regular expression: give it a rule", step="generate")
        return extract(step)


def extract(step: Generate) -> str:
    """What the scripted generator says by itself: see `ScriptedGenerator`."""
    turns = [m for m in step.messages if m.role != "system"]
    question = turns[-1].content.rpartition("Question: ")[2] if turns else ""
    shown = _PASSAGE.findall("\n".join(m.content for m in step.messages if m.role in ("system", "user")))
    taught = _nearest_reply(question, turns[:-1])
    if step.choices:
        if taught in step.choices:
            return taught
        return max(step.choices, key=lambda choice: len(words(choice) & words(question)))
    sentence, number = _best_sentence(question, shown)
    if step.schema:
        if taught and not shown and _fits(taught, step.schema):
            return taught
        return json.dumps(_filled(json.loads(step.schema), sentence), ensure_ascii=False)
    if shown:
        return f"{sentence} [{number}]" if sentence else REFUSAL
    if taught:
        return taught
    asked_to_refuse = any(REFUSAL in m.content for m in step.messages if m.role == "system")
    return REFUSAL if asked_to_refuse else question


def _best_sentence(question: str, passages: Sequence[tuple[str, str]]) -> tuple[str, str]:
    asked = words(question)
    best, chosen, where = 0.0, "", ""
    for number, text in passages:
        for sentence in _SENTENCE.split(text):
            share = len(words(sentence) & asked) / max(1, len(asked))
            if share > best:
                best, chosen, where = share, sentence.strip(), number
    return (chosen, where) if best >= _MIN_SHARE else ("", "")


def _nearest_reply(question: str, turns: Sequence[Message]) -> str:
    pairs = [(a.content, b.content) for a, b in pairwise(turns) if a.role == "user" and b.role == "assistant"]
    asked = words(question)
    return max(pairs, key=lambda pair: len(words(pair[0]) & asked), default=("", ""))[1]


def _fits(text: str, schema: str) -> bool:
    from jsonschema import Draft202012Validator

    try:
        return Draft202012Validator(json.loads(schema)).is_valid(json_of(text))
    except (ValueError, RecursionError):
        return False


def _filled(schema: Json, sentence: str, most: int = _MAX_ITEMS) -> Json:
    """A small value of the schema: strings hold the sentence, what may be null is null without one. A schema that wants
    more than `most` items, arrays within arrays included, gets so many: the answer is then not valid, as a cut one is."""
    if not isinstance(schema, dict):
        return None
    if "enum" in schema or "const" in schema:
        listed = schema.get("enum", [schema.get("const")])
        return listed[0] if isinstance(listed, list) and listed else None
    for word in ("anyOf", "oneOf"):
        branches = schema.get(word)
        if isinstance(branches, list) and branches:
            return _filled(branches[-1 if not sentence else 0], sentence, most)
    kind = schema.get("type", "object")
    kinds = [str(k) for k in kind] if isinstance(kind, list) else [str(kind)]
    if "null" in kinds and not sentence:
        return None
    if kinds[0] == "object":
        named = schema.get("properties")
        properties = named if isinstance(named, dict) else {}
        required = schema.get("required")
        return (
            {str(n): _filled(properties.get(str(n), {"type": "string"}), sentence, most) for n in required or []}
            if isinstance(required, list)
            else {}
        )
    if kinds[0] == "array":
        least = schema.get("minItems", 0)
        count = min(most, least) if isinstance(least, int) and least > 0 else 0
        return [_filled(schema.get("items", {}), sentence, most // count)] * count if count else []
    simple: dict[str, Json] = {"string": sentence or "-", "boolean": False, "null": None}
    return simple.get(kinds[0], schema.get("minimum", 0))


def _script_name(script: Script) -> str:
    if callable(script):
        return f"{getattr(script, '__module__', '')}.{getattr(script, '__qualname__', type(script).__name__)}"
    return digest([list(rule) for rule in script])[:12]


class ScriptedEmbedder:
    """Unit vectors of hashed words: texts that share words are near. The same in every process."""

    def __init__(self, *, dimensions: int = 256, max_tokens: int = 256) -> None:
        self.dimensions = dimensions
        self.max_tokens = max_tokens

    @property
    def identity(self) -> str:
        """Changes with the number of dimensions."""
        return f"scripted:words-{self.dimensions}/1"

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:  # noqa: ARG002 - the protocol's
        """Rows of unit length, shape [len(texts), dimensions]; a text without words points along the first axis."""
        import numpy as np

        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                column, sign = _position(word, self.dimensions)
                vectors[row, column] += sign
            if not vectors[row].any():
                vectors[row, 0] = 1.0
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words and punctuation marks."""
        return [len(_TOKEN.findall(text)) for text in texts]


@lru_cache(maxsize=65536)
def _position(word: str, dimensions: int) -> tuple[int, float]:
    number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    return number % dimensions, 1.0 if (number >> 32) & 1 else -1.0
