"""Names of OpenTelemetry's conventions for generative AI, version 0.1.0 (all of them in development there), and our own.

The version has `invoke_workflow` with the name of what is invoked in `gen_ai.agent.name`, and `gen_ai.retrieval.top_k`.
What it has no name for begins with `rung.`.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_VERSION: Final = "gen_ai.agent.version"
OUTPUT_TYPE: Final = "gen_ai.output.type"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
DATA_SOURCE: Final = "gen_ai.data_source.id"
RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"
RETRIEVAL_QUERY: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

WORKFLOW, CHAT, RETRIEVAL, TOOL = "invoke_workflow", "chat", "retrieval", "execute_tool"
RERANK, CLASSIFY = "rerank", "classify"  # the conventions have no such operation, and allow others
OPERATIONS: Final = {"search": RETRIEVAL, "rerank": RERANK, "generate": CHAT, "classify": CLASSIFY, "call_tool": TOOL}
PROVIDERS: Final = {  # what rung.yaml calls a host -> its well-known name
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
}
OWN_PROVIDER: Final = "rung"  # a model in this process

DEPLOYMENT: Final = "rung.deployment.id"
STRATEGY: Final = "rung.strategy"
ANSWERED_BY: Final = "rung.answered_by"
ADAPTER: Final = "rung.adapter"
ARTIFACTS: Final = "rung.artifacts"
ENGINE: Final = "rung.engine"
INDEX_VERSION: Final = "rung.index.version"
RUNG_VERSION: Final = "rung.version"
STEP_DIGEST: Final = "rung.step.digest"
USD: Final = "rung.usd"
CALLER: Final = "rung.caller"
GROUPS: Final = "rung.asker.groups"
QUEUE_SECONDS: Final = "rung.queue_seconds"
CITATIONS: Final = "rung.citations"
WITHHELD: Final = "rung.citations.withheld"
REFUSED: Final = "rung.refused"
AS_MEASURED: Final = "rung.as_measured"
CACHED: Final = "rung.cached"
PROMPT_CUT: Final = "rung.prompt_cut"
TURNS_LEFT_OUT: Final = "rung.turns_left_out"
DOCUMENTS_LEFT_OUT: Final = "rung.documents_left_out"
PASSAGES_COUNT: Final = "rung.passages.count"
PROBABILITY: Final = "rung.label.probability"
MASKED: Final = "rung.content.masked"
CUT: Final = "rung.content.cut"
ASKED_MASKED: Final = "rung.asked.masked"
ASKED_CUT: Final = "rung.asked.cut"

# content: captured only where the project says so
TEXTS: Final = "rung.passages.text"
STOP: Final = "gen_ai.request.stop_sequences"
SCHEMA: Final = "rung.request.schema"
INSTRUCTION: Final = "rung.request.instruction"
LABEL: Final = "rung.label"
TEXT: Final = "rung.text"
OPT_IN: Final = frozenset({RETRIEVAL_DOCUMENTS, CITATIONS})  # names of documents: exported with content only
