"""The tokens of whole texts by an encoder's tokenizer: how many there are, and which. Other processes count alike by a copy.

WordPiece never looks past white space, so a text has the tokens of its words: each distinct word is tokenized once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from rung.models.encoder_tokenizer import counts_by_word

_WORDS = re.compile(r"[^ \t\n\r]+")  # other white space is left to the tokenizer
_MAX_CACHED = 500_000
_FEW_WORDS = 1000  # 6 ms of one core


class TextTokens:
    """By a tokenizer that cuts nothing. Thread-safe; a pickle holds no cache.

    Args:
        tokenizer: of the library `tokenizers`.
        lowercase: whether texts are lowered beforehand.
    """

    def __init__(self, tokenizer: Any, *, lowercase: bool) -> None:
        self.tokenizer, self._lowercase = tokenizer, lowercase
        self.marks = len(tokenizer.encode("").ids)  # at the ends of every text
        self._by_word = counts_by_word(tokenizer)
        self._ids: dict[str, tuple[int, ...]] = {}  # word -> tokens

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_ids": {}}

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut, the marks included."""
        if not self._by_word:
            return [len(encoded.ids) for encoded in self.tokenizer.encode_batch_fast(self._lowered(texts))] if texts else []
        return [self.marks + sum(map(len, words)) for words in self._words(texts)]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, uncut, without marks."""
        if not self._by_word:
            lowered = self._lowered(texts)
            encoded = self.tokenizer.encode_batch_fast(lowered, add_special_tokens=False) if texts else []
            return [of.ids for of in encoded]
        return [list(chain.from_iterable(words)) for words in self._words(texts)]

    def _words(self, texts: Sequence[str]) -> list[list[tuple[int, ...]]]:
        """Token ids of each word of each text."""
        split = [_WORDS.findall(text) for text in self._lowered(texts)]
        ids = self._ids
        new = list({word for words in split for word in words if word not in ids})
        if new:
            if len(ids) + len(new) > _MAX_CACHED:
                ids = {word: ids[word] for words in split for word in words if word in ids}
            ids.update(zip(new, self._new_ids(new), strict=True))
            self._ids = ids
        return [[ids[word] for word in words] for words in split]

    def _new_ids(self, words: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """A batch goes to one thread for each core, which beside other work waits longer than a few words take."""
        if len(words) > _FEW_WORDS:
            return (tuple(of.ids) for of in self.tokenizer.encode_batch_fast(words, add_special_tokens=False))
        return (tuple(self.tokenizer.encode(word, add_special_tokens=False).ids) for word in words)

    def _lowered(self, texts: Sequence[str]) -> list[str]:
        return [text.lower() for text in texts] if self._lowercase else list(texts)
