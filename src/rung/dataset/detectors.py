"""Who recognises personal data, by the name that `rung.yaml` has: by form, or Presidio besides, for names and places.

Presidio's own recognisers are asked, and a spaCy model that the user has installed; nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from rung.dataset.redaction import Detector, by_form
from rung.errors import MissingExtra, UserError

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

FORMS, PRESIDIO = "forms", "presidio"
MIN_SCORE = 0.5  # of Presidio: below it, a number alone may be a driver's licence
_LONGEST = 100_000  # characters that are handed over together
_NAMES = {  # Presidio's kinds -> as they are told and put in place; others are told by their own name
    "PERSON": "a name",
    "LOCATION": "a place",
    "EMAIL_ADDRESS": "an e-mail address",
    "PHONE_NUMBER": "a phone number",
    "CREDIT_CARD": "a card number",
    "IBAN_CODE": "an IBAN",
    "IP_ADDRESS": "an IP address",
    "US_SSN": "a social security number",
}
_IGNORED = frozenset({"DATE_TIME", "NRP", "URL", "ORGANIZATION"})  # in nearly every text, and nobody's


@cache
def detector_of(name: str) -> Detector:
    """The detector of this name: "forms", or "presidio:MODEL" with the name of a spaCy model.

    Raises:
        MissingExtra: Presidio is not installed.
        UserError: the model is not.
    """
    return by_form if name == FORMS else _Presidio(name.partition(":")[2])


class _Presidio:
    """By form, and by Presidio what has none."""

    def __init__(self, model: str) -> None:
        self._engine = _engine(model)

    def __call__(self, text: str) -> Iterator[tuple[str, str]]:
        """(what it is, the characters)."""
        yield from by_form(text)
        for start in range(0, len(text), _LONGEST):
            piece = text[start : start + _LONGEST]
            for one in self._engine.analyze(piece, language="en", score_threshold=MIN_SCORE):
                if one.entity_type not in _IGNORED:
                    yield _told(one.entity_type), piece[one.start : one.end]


def _engine(model: str) -> AnalyzerEngine:
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NlpEngineProvider
    except ImportError as error:
        raise MissingExtra("pii", "recognising names and places") from error
    if not spacy.util.is_package(model):
        raise UserError(f"detector: the spaCy model '{model}' is not installed: python -m spacy download {model}")
    engine = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    # the first two fetch a list of public suffixes, the third takes versions for addresses; forms know all of these
    for unwanted in ("EmailRecognizer", "UrlRecognizer", "IpRecognizer"):
        registry.remove_recognizer(unwanted)
    return AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=engine).create_engine(), registry=registry)


def _told(kind: str) -> str:
    """As people read it: "UK_NHS" -> "uk nhs"."""
    return _NAMES.get(kind, re.sub("_", " ", kind).lower())
