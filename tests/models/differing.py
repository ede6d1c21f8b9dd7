"""Do items that must differ differ, whatever engine decodes?"""

from __future__ import annotations

import json
from typing import Any

from rung.models.protocol import Generator
from rung.records.steps import GenerateResult
from rung.testing.models import asking
from rung.text.json_values import fits
from tests.models.making_schemas import DIFFERING

WAYS: list[dict[str, Any]] = [{"max_tokens": 40}, {"max_tokens": 12}, {"max_tokens": 40, "temperature": 1.0, "seed": 1}]


def check_items_differ(model: Generator) -> None:
    """Models go in circles where lists are concerned: what is repeated is taken back, with much room and with little."""
    asked = [(schema, way) for schema, _ in DIFFERING for way in WAYS]
    answered = dict(model.run([asking("Say a, a, a, a.", schema=json.dumps(schema), **way) for schema, way in asked]))
    for index, (schema, way) in enumerate(asked):
        result = answered[index]
        assert isinstance(result, GenerateResult), (schema, result)
        assert fits(result.text, json.dumps(schema)), (schema, way, result.text)
