"""`letter_count`: how often a letter stands in a word, which models that read tokens cannot see."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rung.records import Json, ToolSpec

PARAMETERS = {"type": "object", "properties": {"letter": {"type": "string"}, "word": {"type": "string"}}}


class LetterCount:
    """Counts letters, upper and lower case alike."""

    identity = "letter_count 1"
    spec = ToolSpec("letter_count", "How often a letter stands in a word.", json.dumps(PARAMETERS))

    def call(self, arguments: Mapping[str, Json]) -> Json:
        """The count.

        Raises:
            ValueError: it is not one letter and a word.
        """
        letter, word = arguments.get("letter"), arguments.get("word")
        if not isinstance(letter, str) or not isinstance(word, str) or len(letter) != 1:
            raise ValueError("give one 'letter', and a 'word'")
        return word.lower().count(letter.lower())
