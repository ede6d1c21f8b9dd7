"""What random requests lack to be answered, such as the name of a model that there is. Loaded by Schemathesis."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import schemathesis
from schemathesis import GenerationMode

QUESTION = {"role": "user", "content": "What does express shipping cost?"}
MODELS = {"/v1/embeddings": "scripted"}
NEEDED = ("model", "messages", "input", "max_tokens", "query", "id", "rating", "stream")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Three of four valid requests name what there is and ask something; two of these have few other parameters."""
    mode = getattr(getattr(getattr(case, "meta", None), "generation", None), "mode", None)
    if mode != GenerationMode.POSITIVE:
        return
    if case.operation.path == "/documents/{document}" and len(str(case.path_parameters.get("document"))) % 2:
        case.path_parameters["document"] = "docs/shipping.md"
    if not isinstance(case.body, dict):
        return
    drawn = int(hashlib.sha256(json.dumps(case.body, sort_keys=True).encode()).hexdigest(), 16)
    if drawn % 4 == 0:
        return
    body = {name: value for name, value in case.body.items() if name in NEEDED or drawn % 4 == 1 or _kept(name, drawn)}
    if "model" in body:
        body["model"] = MODELS.get(case.operation.path, "rag")
    if isinstance(body.get("messages"), list):
        body["messages"] = [*body["messages"], QUESTION] if drawn % 8 == 1 else [QUESTION]
    if isinstance(body.get("input"), list) and case.operation.path == "/v1/responses":
        body["input"] = [QUESTION]
    case.body = body


def _kept(name: str, drawn: int) -> bool:
    return (drawn >> 8) % 3 == sum(name.encode()) % 3
