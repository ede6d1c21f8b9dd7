"""Documents without personal data and secrets, before they are cut, embedded or remembered.

Text, title and metadata are masked, the id and the source are not. Where pages begin is moved along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rung.dataset.detectors import detector_of
from rung.dataset.redaction import redacted, redacted_with
from rung.records import Document, Json

_POSITIONS = ("pages", "body_start")  # keys of `Document.meta` that are positions in the text


@dataclass(frozen=True, slots=True)
class Masking:
    """By a detector of this name, as `rung.yaml` has it."""

    detector: str

    @property
    def name(self) -> str:
        """Tells what was read with it from what was read without, or with another."""
        return f"masked by {self.detector}"

    def __call__(self, document: Document) -> Document:
        """The document as it may be indexed."""
        detector = detector_of(self.detector)
        positions = {key: document.meta[key] for key in _POSITIONS if key in document.meta}
        flat = [at for value in positions.values() for at in (value if isinstance(value, list) else [value])]
        numbers = [at if isinstance(at, int) else 0 for at in flat]
        text, moved = redacted_with(document.text, numbers, detector)
        places, meta = iter(moved), dict[str, Json]()
        for key, value in positions.items():
            meta[key] = [next(places) for _ in value] if isinstance(value, list) else next(places)
        others = {key: self._value(value) for key, value in document.meta.items() if key not in positions}
        return replace(document, text=text, title=redacted(document.title, detector)[0], meta={**others, **meta})

    def _value(self, value: Json) -> Json:
        if isinstance(value, str):
            return redacted(value, detector_of(self.detector))[0]
        if isinstance(value, list):
            return [self._value(one) for one in value]
        if isinstance(value, dict):
            return {key: self._value(one) for key, one in value.items()}
        return value
