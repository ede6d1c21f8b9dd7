"""A model's own tokenizer and chat template: a chat to the prompt that it sees, texts to token ids and back.

Which of its tokens end an answer, and whether it thinks before one, is read here too.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.errors import MissingExtra, ModelError, first_line
from rung.models.reasoning import BLOCKS
from rung.records import Json, Message

_CHANNELS = ("<|start|>", "<|channel|>", "<|message|>", "<|constrain|>")
_SYSTEM = "system"


class ChatRefused(Exception):
    """The model's template takes no such conversation; the message has its words."""


class Chat:
    """The tokenizer of a folder. Thread-safe.

    Args:
        folder: the model's.
        ends: tokens that end an answer, beside the tokenizer's own.
        thinking: whether templates that can be told so let the model think before it answers.

    Raises:
        ModelError: the tokenizer cannot be read, or has no chat template.
    """

    def __init__(self, folder: Path, *, ends: Sequence[int] = (), thinking: bool = False) -> None:
        self._tokenizer = read_tokenizer(folder)
        self._thinking = thinking
        self._alone = threading.Lock()  # the library's fast tokenizers change settings of their own while they encode
        if not self._tokenizer.chat_template:
            raise ModelError(
                f"{folder} has no chat template, so nobody knows how its chats are written: it is a base model, or the file "
                f"chat_template.jinja is missing: copy the one of the model's instruct version there"
            )
        written = self._tokenizer.chat_template
        self.template = str(written.get("default", next(iter(written.values()))) if isinstance(written, dict) else written)
        turn = self._tokenizer.eos_token_id
        self.ends = tuple(sorted({*ends, *([turn] if isinstance(turn, int) else [])}))
        self._end = turn if isinstance(turn, int) else next(iter(self.ends), -1)  # where the template writes none
        added = {int(i): str(token) for i, token in self._tokenizer.added_tokens_decoder.items()}
        special = {int(i): str(token) for i, token in self._tokenizer.added_tokens_decoder.items() if token.special}
        marks = {mark for pair in BLOCKS for mark in pair} | set(_CHANNELS)
        self._silent = {i for i, text in special.items() if text not in marks} | set(self.ends)
        self.thinks = any(mark in self.template for mark in marks) or any(text in marks for text in added.values())
        inside = sorted({text for text in special.values() if len(text.strip()) > 2}, key=len, reverse=True)
        self._marks = re.compile("|".join([*map(re.escape, inside), r"<\|\w+\|>"]))

    @property
    def tokenizer(self) -> Any:
        """The library's own."""
        return self._tokenizer

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text; nothing is added at either end and nothing is cut."""
        if not texts:
            return []
        with self._alone:
            encoded = self._tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [[int(i) for i in ids] for ids in encoded["input_ids"]]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, without the marks of the chat; those of thinking and channels stay."""
        return self.decode_all([ids])[0]

    def decode_all(self, texts: Sequence[Sequence[int]]) -> list[str]:
        """The same of many."""
        shown = [[i for i in ids if i not in self._silent] for ids in texts]
        with self._alone:
            decode = self._tokenizer.decode
            return [str(decode(ids, clean_up_tokenization_spaces=False)) if ids else "" for ids in shown]

    def token(self, number: int) -> str:
        """A token by its id."""
        return str(self._tokenizer.convert_ids_to_tokens(number))

    def render(self, messages: Sequence[Message]) -> str:
        """The chat as one prompt, the assistant's turn opened. A system turn that the template does not take is put before
        the first user's; marks of the chat inside a message are written apart: no text can close its turn.

        Raises:
            ChatRefused: the template takes no such conversation.
        """
        return self._rendered(messages, opened=True)

    def with_answer(self, messages: Sequence[Message]) -> tuple[list[int], int]:
        """Token ids of a chat whose last turn is the assistant's, to the token that ends it; and how many are the prompt's.

        The prompt's are those of `render`; the answer is written as the template writes it. Where a text would be other
        tokens beside its prompt than apart from it, it is encoded apart, as it comes when it is generated.

        Raises:
            ChatRefused: the template takes no such conversation.
            ModelError: no token is known that ends an answer.
        """
        if not self.ends:
            raise ModelError("no token ends an answer of this model: give its generation_config.json an eos_token_id")
        prompt = self.render(messages[:-1])
        answer, behind = self._answered(messages, prompt)
        begun, closed, bare = self.encode([prompt, prompt + answer + behind, prompt + answer])
        own = self._behind(begun, closed, answer + behind)
        length = next((index for index, token in enumerate(own) if token in self.ends), None)
        own = [*self._behind(begun, bare, answer), self._end] if length is None else own[: length + 1]
        return [*begun, *own], len(begun)

    def _behind(self, prompt: list[int], whole: list[int], text: str) -> list[int]:
        return whole[len(prompt) :] if whole[: len(prompt)] == prompt else self.encode([text])[0]

    def _answered(self, messages: Sequence[Message], prompt: str) -> tuple[str, str]:
        """The answer as the template writes it behind the prompt, and what it writes behind the answer."""
        answer = self._marks.sub(_apart, messages[-1].content)
        whole = self._rendered(messages, opened=False)
        before, written, behind = whole.rpartition(answer.strip())
        if not written:
            return answer, ""
        return (before[len(prompt) :] + written if before.startswith(prompt) else answer), behind

    def _rendered(self, messages: Sequence[Message], *, opened: bool) -> str:
        turns = [{"role": m.role, "content": self._marks.sub(_apart, m.content)} for m in messages]
        try:
            return self._templated(turns, opened=opened)
        except _Refused as refused:
            first = next((turn for turn in turns if turn["role"] != _SYSTEM), None)
            if turns[0]["role"] != _SYSTEM or first is None or first["role"] != "user":
                raise ChatRefused(str(refused)) from refused
            rules = [turn["content"] for turn in turns if turn["role"] == _SYSTEM]
            first["content"] = "\n\n".join([*rules, first["content"]])
            try:
                return self._templated([turn for turn in turns if turn["role"] != _SYSTEM], opened=opened)
            except _Refused as again:
                raise ChatRefused(str(again)) from again

    def _templated(self, turns: list[dict[str, str]], *, opened: bool) -> str:
        import jinja2

        settings: dict[str, Any] = {"enable_thinking": self._thinking} if "enable_thinking" in self.template else {}
        try:
            prompt = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opened, **settings)
        except (jinja2.TemplateError, ValueError, TypeError) as error:
            raise _Refused(str(error)) from error
        return str(prompt)

    def opened(self, prompt: str) -> tuple[str, str] | None:
        """The marks of the thinking that a prompt opens; None where it opens none."""
        for begin, end in BLOCKS:
            if prompt.rstrip().endswith(begin):
                return begin, end
        return None

    def thinking_marks(self) -> tuple[str, str] | None:
        """The marks between which this model thinks, by its template; None where it names none."""
        return next((pair for pair in BLOCKS if pair[0] in self.template or pair[1] in self.template), None)


class _Refused(Exception):
    """What a template said."""


def _apart(match: re.Match[str]) -> str:
    """A mark that is none any more: "<|im_end|>" as "<| im_end |>", "</s>" as "< /s>"."""
    mark = match[0]
    if mark.startswith("<|") and mark.endswith("|>"):
        return f"<| {mark[2:-2]} |>"
    return f"{mark[0]} {mark[1:]}"


def read_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer; no code of its own is run and nothing is fetched.

    Raises:
        ModelError: it cannot be read; says why.
        MissingExtra: transformers is not installed.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtra("hf", "models in Hugging Face folders") from error
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the libraries below raise what they please for a broken file
        raise ModelError(
            f"the tokenizer of {folder} cannot be read ({first_line(error)}): copy the model's tokenizer files again"
        ) from error


def end_tokens(*settings: Mapping[str, Json]) -> tuple[int, ...]:
    """Every `eos_token_id`, a number or a list, of a model's settings."""
    ends: set[int] = set()
    for setting in settings:
        value = setting.get("eos_token_id")
        ends |= {int(i) for i in (value if isinstance(value, list) else [value]) if isinstance(i, int)}
    return tuple(sorted(ends))
