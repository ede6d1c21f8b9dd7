"""Whether an exported model says what Rung serves: the same prompts, greedy, by each program that can read it, by token.

What Rung serves is the standard. Texts are compared as token rows of the served tokenizer, the mark of the end included, so
that programs with tokenizers of their own meet in one currency; ids of the prompts are compared too. Writing exports is left
to `export`.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra, UserError
from rung.models.causal.network import open_llama
from rung.records import Message
from rung.records.steps import Engine, Generate, GenerateResult, Request
from rung.training.bases import base_of
from rung.training.examples import Row, Tokenizing
from rung.training.export import MODEL, Tuned

if TYPE_CHECKING:
    from rung.models.tokens import Tokens

Chat = tuple[Message, ...]
_AT_ONCE = 10  # prompts that transformers answers together


@dataclass(frozen=True, slots=True)
class Parted:
    """Where an answer leaves the served one: place of the prompt (from 0), of the token in the answer, both tokens as text.

    `margin`: by how many nats the tuned weights, in float32 as the trainer computes, prefer the served token; near 0
    the two were equally good, and rounding chose. None where the prompts themselves differ.
    """

    prompt: int
    position: int
    served: str
    said: str
    margin: float | None


@dataclass(frozen=True, slots=True)
class Parity:
    """One program's answers against the served ones."""

    program: str
    prompts: int
    equal: int
    parted: tuple[Parted, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether every answer is the served one, token by token."""
        return self.equal == self.prompts


@dataclass(frozen=True, slots=True)
class Heard:
    """What a program was given and what it said, prompt by prompt, as tokens of the served tokenizer."""

    prompts: tuple[tuple[int, ...], ...]
    answers: tuple[tuple[int, ...], ...]


def check(
    form: str, folder: Path, tuned: Tuned, chats: Sequence[Chat], *, engine: Engine, digest: str, max_tokens: int
) -> list[Parity]:
    """What each program that reads this form says, against what `engine` serves by the adapter `digest`.

    Raises:
        UserError: there is nothing that reads this form, or a prompt could not be answered.
        MissingExtra: the libraries that read it are not installed.
    """
    hearing = Hearing(tuned, tuple(chats), max_tokens)
    served = hearing.by_rung(engine, digest)
    compared = []
    for program, hear in READERS.get(form, {}).items():
        heard = hear(hearing, folder)
        if heard is not None:
            compared.append(hearing.compared(program, served, heard))
    return compared


class Hearing:
    """Prompts, and the ways to have them answered."""

    def __init__(self, tuned: Tuned, chats: tuple[Chat, ...], max_tokens: int) -> None:
        self.tuned, self.chats, self.max_tokens = tuned, chats, max_tokens
        tokens = tuned.model.tokens
        self.tokens: Tokenizing = tokens
        self.end: int = tokens.encode([tokens.end])[0][0]
        self.ids = tuple(tuple(row) for row in tokens.encode([tokens.render(chat) for chat in chats]))

    def by_rung(self, model: Engine, adapter: str) -> Heard:
        """By a model as Rung serves it."""
        results = served_answers(model, adapter, self.chats, max_tokens=self.max_tokens)
        return Heard(self.ids, tuple(self.row(result.text, ended=not result.truncated) for result in results))

    def row(self, text: str, *, ended: bool) -> tuple[int, ...]:
        """A text as tokens of the served tokenizer, with the mark of the end where it ended by itself."""
        return (*self.tokens.encode([text])[0], *((self.end,) if ended else ()))

    def by_transformers(self, model: Any, ids: Sequence[Sequence[int]], decode: Callable[[list[int]], str]) -> Heard:
        """By a model of transformers, prompts padded on the left."""
        import torch

        model.eval()
        rows: list[tuple[int, ...]] = []
        for begin in range(0, len(ids), _AT_ONCE):
            some = ids[begin : begin + _AT_ONCE]
            longest = max(len(row) for row in some)
            padded = torch.tensor([[self.end] * (longest - len(row)) + list(row) for row in some])
            mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in some])
            with torch.inference_mode():
                out = model.generate(
                    input_ids=padded, attention_mask=mask, max_new_tokens=self.max_tokens, do_sample=False,
                    eos_token_id=self.end, pad_token_id=self.end,
                )  # fmt: skip
            for row in out[:, longest:].tolist():
                ended = self.end in row
                rows.append(self.row(decode(row[: row.index(self.end)] if ended else row), ended=ended))
        return Heard(tuple(tuple(row) for row in ids), tuple(rows))

    def compared(self, program: str, served: Heard, heard: Heard) -> Parity:
        """Where a program's answers leave the served ones."""
        apart = []
        for index, (ours, theirs) in enumerate(zip(served.answers, heard.answers, strict=True)):
            if served.prompts[index] != heard.prompts[index]:
                position = first_difference(served.prompts[index], heard.prompts[index])
                apart.append(
                    (index, -1, self._text(served.prompts[index], position), self._text(heard.prompts[index], position))
                )
            elif ours != theirs:
                position = first_difference(ours, theirs)
                apart.append((index, position, self._text(ours, position), self._text(theirs, position)))
        margins = self._margins(served, heard, [(index, position) for index, position, *_ in apart])
        parted = tuple(Parted(*one, margin) for one, margin in zip(apart, margins, strict=True))
        return Parity(program, len(self.chats), len(self.chats) - len(parted), parted)

    def _text(self, row: Sequence[int], position: int) -> str:
        if position >= len(row):
            return "(cut off)"
        decode = getattr(self.tokens, "decode", None)
        return "(end)" if row[position] == self.end else str(decode([row[position]]) if decode else row[position])

    def _margins(self, served: Heard, heard: Heard, places: Sequence[tuple[int, int]]) -> list[float | None]:
        if not any(position >= 0 for _, position in places):
            return [None for _ in places]
        weights = base_of(self.tuned.model).losses(self.tuned.adapter, precision="float32")
        margins: list[float | None] = []
        for index, position in places:
            rows = (served.answers[index], heard.answers[index])
            if position < 0 or any(position >= len(row) for row in rows):
                margins.append(None)
                continue
            before = (*self.ids[index], *rows[0][:position])
            ours, theirs = (loss for row in rows for _, loss in weights.summed([Row((*before, row[position]), len(before))]))
            margins.append(theirs - ours)
        return margins


def served_answers(model: Engine, adapter: str, chats: Sequence[Chat], *, max_tokens: int) -> list[GenerateResult]:
    """What Rung serves for each prompt.

    Raises:
        UserError: a prompt could not be answered.
    """
    requests = [Request(Generate(chat, adapter, max_tokens=max_tokens)) for chat in chats]
    answers: list[GenerateResult] = []
    for index, result in sorted(model.run(requests), key=lambda pair: pair[0]):
        if not isinstance(result, GenerateResult):
            raise UserError(f"prompt {index + 1} could not be answered: {getattr(result, 'error', result)}")
        answers.append(result)
    return answers


def first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    """Where two rows part; the length of the shorter, where they do not before."""
    both = min(len(one), len(other))
    return next((n for n in range(both) if one[n] != other[n]), both)


def _need_readers() -> None:
    try:
        import peft  # noqa: F401
        import transformers
    except ImportError as error:
        raise MissingExtra("export", "reading an export back (--check)") from error
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)


def _decoder(hearing: Hearing) -> Callable[[list[int]], str]:
    tokens: Tokens = hearing.tokens  # type: ignore[assignment]  # the local model's own
    return tokens.decode


def _peft(hearing: Hearing, folder: Path) -> Heard:
    """transformers with the base as served, and PEFT with the folder."""
    _need_readers()
    import torch
    from peft import PeftModel

    model = hearing.tuned.model
    fetched = getattr(model, "fetched_weights", model.weights)()  # an exported adapter has in it what the model was taught
    base = open_llama(model.config, fetched, where="cpu", dtype=torch.float32).model
    return hearing.by_transformers(PeftModel.from_pretrained(base, str(folder)), hearing.ids, _decoder(hearing))


def _merged(hearing: Hearing, folder: Path) -> Heard:
    """transformers, by the folder alone: its tokenizer and chat template too."""
    _need_readers()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    chats = [[{"role": m.role, "content": m.content} for m in chat] for chat in hearing.chats]
    ids = [tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False) for chat in chats]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return hearing.by_transformers(model, ids, lambda row: str(tokenizer.decode(row, skip_special_tokens=True)))


def _gguf_by_rung(hearing: Hearing, folder: Path) -> Heard:
    """Rung's own `gguf:` model, prepared in a scratch folder."""
    from rung.models.graph import prepared
    from rung.models.local import LocalGenerator

    with tempfile.TemporaryDirectory() as scratch:
        model = LocalGenerator(prepared(folder / MODEL, Path(scratch)), name="export", digest="export")
        try:
            return hearing.by_rung(model, "")
        finally:
            model.close()


def _gguf_by_transformers(hearing: Hearing, folder: Path) -> Heard:
    _need_readers()
    import torch
    from transformers import AutoModelForCausalLM

    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar heeds no setting
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=MODEL, dtype=torch.float32)
    return hearing.by_transformers(model, hearing.ids, _decoder(hearing))


def _gguf_by_llama_cpp(hearing: Hearing, folder: Path) -> Heard | None:
    """llama.cpp, where its Python package is installed."""
    try:
        from llama_cpp import Llama
    except ImportError:
        return None
    longest = max(len(row) for row in hearing.ids) + hearing.max_tokens + 1
    model = Llama(str(folder / MODEL), n_ctx=longest, verbose=False)
    decode = _decoder(hearing)
    rows = []
    for ids in hearing.ids:
        generated: list[int] = []
        for token in model.generate(list(ids), temp=0.0, repeat_penalty=1.0):
            if token == hearing.end or len(generated) == hearing.max_tokens:
                break
            generated.append(token)
        rows.append(hearing.row(decode(generated), ended=len(generated) < hearing.max_tokens))
    return Heard(hearing.ids, tuple(rows))


READERS: Mapping[str, Mapping[str, Callable[[Hearing, Path], Heard | None]]] = {
    "peft": {"transformers + PEFT": _peft},
    "merged": {"transformers": _merged},
    "gguf": {"rung gguf:": _gguf_by_rung, "transformers": _gguf_by_transformers, "llama.cpp": _gguf_by_llama_cpp},
}
