"""What a conversation read and wrote, as it may be kept: secrets and personal data replaced, long texts cut."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rung.dataset.redaction import Detector, by_form, redacted
from rung.records import Json

MAX_TEXT = 32_768  # characters of one text
MAX_ALL = 400_000  # characters of all texts of a conversation
MAX_ERROR = 300  # of what went wrong
_PASSAGE = 4_096  # characters up to which a text may be one that comes again: a passage, an instruction
_redacted = lru_cache(2_048)(redacted)  # by text and detector
_MARGIN = 512  # characters that are looked at beyond what is kept: what is to be masked may lie across the cut


class Content:
    """The texts of one conversation. `masked`: how many secrets and pieces of personal data were replaced; `cut`: texts that
    were cut. `detector`: who recognises them."""

    def __init__(self, detector: Detector = by_form) -> None:
        self.masked = self.cut = self._size = 0
        self._detector = detector
        self._passages: set[str] = set()

    def is_new(self, passage: str) -> bool:
        """Whether a passage has not come before; it has from now on."""
        is_new = passage not in self._passages
        self._passages.add(passage)
        return is_new

    def kept(self, texts: Mapping[str, Json]) -> dict[str, Json]:
        """The same, each text in it as it may be kept."""
        return {name: self._value(value) for name, value in texts.items()}

    @staticmethod
    def error(message: str) -> str:
        """Of what went wrong, the beginning."""
        return redacted(message[: MAX_ERROR + _MARGIN])[0][:MAX_ERROR]

    def _value(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self._value(one) for one in value]
        if isinstance(value, dict):
            return {self._masked(name): self._value(one) for name, one in value.items()}
        return value

    def _text(self, text: str) -> str:
        most = min(MAX_TEXT, MAX_ALL - self._size)
        is_long = len(text) > most
        text = self._masked(text[: most + _MARGIN] if is_long else text)
        if is_long:
            self.cut += 1
            text = text[: max(0, min(most, len(text) - _MARGIN))]
        self._size += len(text)
        return text

    def _masked(self, text: str) -> str:
        text, masked = (redacted if len(text) > _PASSAGE else _redacted)(text, self._detector)
        self.masked += masked
        return text
