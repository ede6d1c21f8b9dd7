"""The hosts that have a name of their own in `rung.yaml`: where each is, whose key it wants, and how it is spoken to.

Names of variables are those of the vendors' own clients, so that what works with these works here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rung.models.wire import WireFormat
from rung.models.wire.anthropic import AnthropicMessages
from rung.models.wire.batch_apis import BatchApi, FileBatches, MessageBatches
from rung.models.wire.bedrock import Converse
from rung.models.wire.chat import ChatCompletions
from rung.models.wire.gemini import Gemini
from rung.models.wire.gemini_batches import GeminiBatches
from rung.models.wire.ollama import Ollama
from rung.models.wire.responses import Responses

BEARER = "Authorization"
Api = Literal["chat", "responses"]


@dataclass(frozen=True, slots=True)
class Vendor:
    """A host.

    `url`: where its API is, with `{region}` or `{location}` where there are several; "": only `url_variable` says. `below`:
    what is added to that of the variable. `keys`: variable -> header in which it is sent; the first that is set counts.
    `wants_key`: at its own URL it answers nobody without one. `mend`: what to do where nobody listens. `embeds_below`: where
    OpenAI's `/embeddings` are, below its URL; None: it has none. `batches`: its batch interface, if it has one.
    """

    name: str
    wire: WireFormat
    keys: Mapping[str, str]
    url: str = ""
    url_variable: str = ""
    below: str = ""
    wants_key: bool = True
    example: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    mend: str = "check the network"
    embeds_below: str | None = None
    takes_responses: bool = False
    batches: BatchApi | None = None


ANY = Vendor(
    name="",
    wire=ChatCompletions(),
    keys={"RUNG_API_KEY": BEARER},
    wants_key=False,
    mend="start the server, or mend the model's URL",
    embeds_below="",
    takes_responses=True,
)
OPENAI = Vendor(
    name="openai",
    wire=ChatCompletions(),
    keys={"OPENAI_API_KEY": BEARER},
    url="https://api.openai.com/v1",
    url_variable="OPENAI_BASE_URL",
    example="gpt-4o-mini",
    embeds_below="",
    takes_responses=True,
    batches=FileBatches(),
)
ANTHROPIC = Vendor(
    name="anthropic",
    wire=AnthropicMessages(),
    keys={"ANTHROPIC_API_KEY": "x-api-key", "ANTHROPIC_AUTH_TOKEN": BEARER},
    url="https://api.anthropic.com",
    url_variable="ANTHROPIC_BASE_URL",
    example="claude-haiku-4-5",
    headers=(("anthropic-version", "2023-06-01"),),  # of the two, the one that takes a temperature: answers differ less
    batches=MessageBatches(),
)
GEMINI = Vendor(
    name="gemini",
    wire=Gemini(),
    keys={"GOOGLE_API_KEY": "x-goog-api-key", "GEMINI_API_KEY": "x-goog-api-key"},
    url="https://generativelanguage.googleapis.com",
    url_variable="GOOGLE_GEMINI_BASE_URL",
    example="gemini-3.5-flash",
    batches=GeminiBatches(),
)
AZURE = Vendor(
    name="azure",
    wire=ChatCompletions(),
    keys={"AZURE_OPENAI_AD_TOKEN": BEARER, "AZURE_OPENAI_API_KEY": "api-key"},
    url_variable="AZURE_OPENAI_ENDPOINT",
    below="/openai/v1",
    example="<deployment>",
    embeds_below="",
    takes_responses=True,
    batches=FileBatches(max_requests=100_000, prefix=""),
)
BEDROCK = Vendor(
    name="bedrock",
    wire=Converse(),
    keys={"AWS_BEARER_TOKEN_BEDROCK": BEARER},
    url="https://bedrock-runtime.{region}.amazonaws.com",
    url_variable="AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    wants_key=False,  # without a bearer token requests are signed with AWS credentials
    example="eu.anthropic.claude-haiku-4-5-20251001-v1:0",
    mend="check the network, and the region (AWS_REGION)",
)
OLLAMA = Vendor(
    name="ollama",
    wire=Ollama(),
    keys={"OLLAMA_API_KEY": BEARER},
    url="http://127.0.0.1:11434",
    url_variable="OLLAMA_HOST",
    wants_key=False,
    example="qwen3:8b",
    mend="start it ('ollama serve'), or set OLLAMA_HOST to where it is",
    embeds_below="/v1",
)
TOGETHER = Vendor(
    name="together",
    wire=ChatCompletions(),
    keys={"TOGETHER_API_KEY": BEARER},
    url="https://api.together.xyz/v1",  # by this name, of its two, price lists know it
    url_variable="TOGETHER_BASE_URL",
    below="/v1",
    example="Qwen/Qwen3-8B",
    embeds_below="",
)
FIREWORKS = Vendor(
    name="fireworks",
    wire=ChatCompletions(),
    keys={"FIREWORKS_API_KEY": BEARER},
    url="https://api.fireworks.ai/inference/v1",
    url_variable="FIREWORKS_BASE_URL",
    below="/inference/v1",
    example="accounts/fireworks/models/qwen3-8b",
    embeds_below="",
)
VERTEX = Vendor(
    name="vertex",
    wire=Gemini(),
    keys={"GOOGLE_OAUTH_ACCESS_TOKEN": BEARER},
    url="https://{location}-aiplatform.googleapis.com",
    url_variable="GOOGLE_VERTEX_BASE_URL",
    example="gemini-3.5-flash",
    mend="check the network, and the location (GOOGLE_CLOUD_LOCATION)",
)
VENDORS: Mapping[str, Vendor] = {
    v.name: v for v in (OPENAI, ANTHROPIC, GEMINI, AZURE, BEDROCK, OLLAMA, TOGETHER, FIREWORKS, VERTEX)
}
_RESPONSES = Responses()


def wire_of(vendor: Vendor, api: str) -> WireFormat:
    """How a vendor is spoken to: by its own API, or by OpenAI's Responses where the project wants it and it has that."""
    return _RESPONSES if api == "responses" and vendor.takes_responses else vendor.wire
