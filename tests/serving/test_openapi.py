"""Is what the OpenAPI description says what is answered: by hand for each path, and by Schemathesis for random requests?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from rung.serving import response_forms as forms
from rung.serving.keys import KeyRequest, KeyStore
from tests.serving.processes import rung_serve
from tests.serving.serving import SHIPPING, Client, Failing, chat, served

FUNCTION = {"type": "function", "function": {"name": "fee", "parameters": {"type": "object"}}}
CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
ASKED: list[tuple[str, str, Any, int, type[BaseModel]]] = [
    ("POST", CHAT, chat(), 200, forms.ChatCompletion),
    ("POST", CHAT, chat(n=2, temperature=0.5), 200, forms.ChatCompletion),
    ("POST", CHAT, chat(tools=[FUNCTION], tool_choice="required"), 200, forms.ChatCompletion),
    ("POST", CHAT, chat(max_tokens=1), 200, forms.ChatCompletion),
    ("POST", CHAT, chat(n=0), 400, forms.OpenAIError),
    ("POST", CHAT, chat(model="x"), 404, forms.OpenAIError),
    ("POST", RESPONSES, {"model": "rag", "input": SHIPPING}, 200, forms.Response),
    ("POST", RESPONSES, {"model": "rag", "input": SHIPPING, "max_output_tokens": 1}, 200, forms.Response),
    ("POST", RESPONSES, {"model": "rag"}, 400, forms.OpenAIError),
    ("POST", MESSAGES, {**chat(), "max_tokens": 99}, 200, forms.AnthropicMessage),
    ("POST", MESSAGES, {**chat(), "max_tokens": 1, "stop_sequences": ["x"]}, 200, forms.AnthropicMessage),
    ("POST", MESSAGES, {}, 400, forms.AnthropicError),
    ("GET", "/v1/models", None, 200, forms.ModelList),
    ("GET", "/v1/models/rag", None, 200, forms.Model),
    ("GET", "/v1/models/x", None, 404, forms.OpenAIError),
    ("POST", "/v1/embeddings", {"model": "scripted", "input": "a"}, 200, forms.EmbeddingList),
    ("POST", "/v1/search", {"query": SHIPPING}, 200, forms.FoundPassages),
    ("POST", "/v1/search", {"query": " "}, 400, forms.OpenAIError),
    ("POST", "/v1/feedback", {"id": "x", "rating": "up"}, 404, forms.OpenAIError),
    ("GET", "/documents/x", None, 404, forms.OpenAIError),
    ("GET", "/health/live", None, 200, forms.Health),
    ("GET", "/health/ready", None, 200, forms.Health),
    ("DELETE", "/v1/models", None, 405, forms.OpenAIError),
]
CONFIG = """
[checks.negative_data_rejection]  # as is given, and 413: a body may be too large whatever it holds
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
"""


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: f"{asked[1]}-{asked[3]}")
def test_a_response_has_the_form_that_is_described(
    client: Client, asked: tuple[str, str, Any, int, type[BaseModel]]
) -> None:
    method, path, body, status, form = asked
    response = client.send(method, path, **({} if body is None else {"json": body}))
    assert response.status_code == status
    form.model_validate_json(response.content, strict=True)


def test_every_path_is_described_with_its_refusals_and_who_may_ask(client: Client, shop: Path) -> None:
    described = client.get("/openapi.json").json()
    assert len(described["paths"]) == 12
    for path, operations in described["paths"].items():
        for operation in operations.values():
            is_public = path.startswith("/health/")
            assert ("401" in operation["responses"]) == (not is_public), path
            assert ("security" in operation) == (not is_public), path
            assert "422" not in operation["responses"]
            for status, response in operation["responses"].items():
                assert response["content"], (path, status)
    assert "HTTPValidationError" not in described["components"]["schemas"]
    with served(shop, model=Failing()) as failing:
        for path, body in ((CHAT, chat()), (RESPONSES, {"model": "rag", "input": SHIPPING})):
            response = failing.post(path, body)
            assert str(response.status_code) in described["paths"][path]["post"]["responses"]
            forms.OpenAIError.model_validate_json(response.content, strict=True)


@pytest.mark.slow
def test_random_requests_are_answered_as_described(shop: Path, tmp_path: Path) -> None:
    """With `SCHEMATHESIS_EXAMPLES=1000` as long as one likes."""
    _, key = KeyStore(shop / ".rung").create(KeyRequest("schemathesis"))
    checks = "not_a_server_error status_code_conformance content_type_conformance response_schema_conformance"
    checks += " response_headers_conformance negative_data_rejection unsupported_method ignored_auth"
    examples = os.environ.get("SCHEMATHESIS_EXAMPLES", "")
    words = ["--phases", "coverage,fuzzing" if examples else "fuzzing", "--max-examples", examples or "20", "--seed", "7"]
    words += ["--suppress-health-check", "filter_too_much"]  # paths are drawn that no client can send, and thrown away
    (tmp_path / "schemathesis.toml").write_text(CONFIG, "utf-8")
    here = Path(__file__).parent
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(here)}
    with rung_serve(shop) as url:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", *words]
        command += ["--checks", ",".join(checks.split()), "--header", f"Authorization: Bearer {key}", "--no-color"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
