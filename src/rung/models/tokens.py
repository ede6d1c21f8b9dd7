"""Text to the local model's token ids and back, and a chat to the prompt that the model sees.

Serving and training both go through here, so a prompt has the same ids in both. Needs a folder made by `graph.prepared`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from rung.errors import InternalError, ModelError
from rung.records import Message

_BATCH = 256  # texts encoded at once: the library pads them to the longest, which costs memory
_MARKS = re.compile(r"<\|(\w+)\|>")


class Tokens:
    """The tokenizer of a prepared model. Thread-safe.

    Raises:
        ModelError: the model has no chat template.
    """

    def __init__(self, folder: Path) -> None:
        import openvino_genai

        # one thread: as fast for many texts, and half the processor's time for few, which do not wake a second one
        self._tokenizer = openvino_genai.Tokenizer(folder, INFERENCE_NUM_THREADS=1)
        if not self._tokenizer.chat_template:
            raise ModelError(
                "this model has no chat template, so nobody knows how its chats are written: name its instruct version, or "
                "a Hugging Face folder (hf:<folder>) with a chat_template.jinja in it"
            )
        self.end_id: int = self._tokenizer.get_eos_token_id()
        self.end: str = self._tokenizer.get_eos_token()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without padding; nothing is added at either end and nothing is cut."""
        import numpy as np

        by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        encoded: list[list[int]] = [[] for _ in texts]
        for start in range(0, len(by_length), _BATCH):
            indices = [i for i in by_length[start : start + _BATCH] if texts[i]]
            if not indices:
                continue
            batch = self._tokenizer.encode([texts[i] for i in indices], add_special_tokens=False)
            ids, mask = np.asarray(batch.input_ids.data), np.asarray(batch.attention_mask.data).astype(bool)
            for row, i in enumerate(indices):
                encoded[i] = ids[row][mask[row]].tolist()
        return encoded

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self.encode(texts)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, without the marks of the chat."""
        return str(self._tokenizer.decode(list(ids))) if ids else ""

    def token(self, number: int) -> str:
        """A token by its id, a mark of the chat too."""
        return str(self._tokenizer.decode([number], skip_special_tokens=False))

    def decode_all(self, texts: Sequence[Sequence[int]]) -> list[str]:
        """The same of many, in one call: it takes hardly longer than one."""
        filled = [list(ids) for ids in texts if ids]
        decoded = iter(self._tokenizer.decode(filled) if filled else ())
        return [str(next(decoded)) if ids else "" for ids in texts]

    def render(self, messages: Sequence[Message]) -> str:
        """The chat as one prompt, the assistant's turn opened.

        Marks of the chat inside a message ("<|im_end|>" in a document) are written apart: no text can close its turn.
        """
        turns = [{"role": m.role, "content": _MARKS.sub(r"<| \1 |>", m.content)} for m in messages]
        return str(self._tokenizer.apply_chat_template(turns, add_generation_prompt=True))

    def vocabulary(self) -> dict[str, int]:
        """Every token with its id."""
        return dict(self._tokenizer.get_vocab())


def lift_limit(folder: Path) -> None:
    """Let a saved tokenizer encode texts of any length: as saved, it cuts off what is past the model's context, silently.

    The limit is a constant that meets the text's length in a Minimum node; a larger one is appended to the weights.

    Raises:
        InternalError: the tokenizer is built in another way: this version of the library is not known here.
    """
    graph, numbers = folder / "openvino_tokenizer.xml", folder / "openvino_tokenizer.bin"
    tree = ElementTree.parse(graph)
    layers = {layer.get("id"): layer for layer in tree.iter("layer")}
    limits = [layers[e.get("from-layer")] for e in tree.iter("edge") if layers[e.get("to-layer")].get("type") == "Minimum"]
    constants = [data for layer in limits if layer.get("type") == "Const" for data in layer.findall("data")]
    if len(constants) != 1 or constants[0].get("element_type") not in ("i32", "i64"):
        raise InternalError(f"{graph} limits its length in an unknown way: report the version of openvino-genai")
    form = "<i" if constants[0].get("element_type") == "i32" else "<q"
    with numbers.open("ab") as file:
        file.write(b"\0" * (-file.tell() % 8))
        constants[0].set("offset", str(file.tell()))
        file.write(struct.pack(form, 2**31 - 1))
    tree.write(graph)
