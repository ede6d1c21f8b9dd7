"""The form that an answer is held to, as JSON Schema: a step's schema, or one string for its labels or expression."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from rung.records import Failure, Json
from rung.records.steps import Generate, GenerateResult, usage_of
from rung.text.labels import label_named
from rung.text.parsing import json_of

WRAPPED = "value"


def schema_of(step: Generate) -> dict[str, Json] | None:
    """The JSON Schema that an answer is to keep; None where the step asks for none."""
    if step.schema:
        value: Json = json.loads(step.schema)
        return value if isinstance(value, dict) else {}
    held: dict[str, Json] = {"type": "string"}
    if step.choices:
        held["enum"] = list(step.choices)
    elif step.regex:
        held["pattern"] = f"^(?:{step.regex})$"
    else:
        return None
    return {"type": "object", "properties": {WRAPPED: held}, "required": [WRAPPED], "additionalProperties": False}


def unwrapped(step: Generate, result: GenerateResult) -> GenerateResult | Failure:
    """The one string inside; a server that ignored the form may still have said it plainly, a label also in other case, in
    quotation marks or with a final dot, as where answers are scored."""
    text: Json = result.text.strip()
    try:
        value = json_of(result.text)
        text = value.get(WRAPPED) if isinstance(value, dict) else value if isinstance(value, str) else text
    except ValueError:
        pass
    if step.choices:
        text = label_named(text, step.choices) if isinstance(text, str) else None
    elif isinstance(text, str) and re.fullmatch(step.regex, text) is None:
        text = None
    if not isinstance(text, str):
        kind = "labels" if step.choices else "regular expression"
        return Failure(f"the server left the {kind}: it said {result.text[:80]!r}", step="generate", usage=usage_of(result))
    return replace(result, text=text)


def is_strict(schema: Json) -> bool:
    """Whether OpenAI's strict mode takes it: every object closed, every property required."""
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        required = schema.get("required")
        names = set(properties) if isinstance(properties, dict) else set()
        if (
            schema.get("additionalProperties") is not False
            or set(map(str, required if isinstance(required, list) else [])) != names
        ):
            return False
    return all(map(is_strict, schema.values()))
