"""A small file of each form, written for these tests as the tools write theirs, with what its rows come to.

Every file but the few that cannot have one has a row that is not to be taken.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from rung.records import Json


@dataclass(frozen=True)
class Sample:
    """`files`: name -> content; the first is imported, or the folder of all where `folder`."""

    form: str
    files: dict[str, bytes]
    rows: int
    refused: int
    counts: dict[str, int]
    folder: bool = False
    notes: tuple[str, ...] = field(default=())  # each stands in a note

    @property
    def name(self) -> str:
        return f"{self.form}: {next(iter(self.files))}"

    def write(self, folder: Path) -> Path:
        """Write the files; the path to import."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder if self.folder else folder / next(iter(self.files))


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def whole(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def chatgpt(*messages: tuple[str, str, str, str], shown: str) -> dict[str, Json]:
    """A conversation of ChatGPT's export: (id, parent, role, text) of each message, below an empty root."""
    nodes: dict[str, Json] = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    for id, parent, role, text in messages:
        content: Json = {"content_type": "text", "parts": [text]}
        message: Json = {"id": id, "author": {"role": role}, "content": content, "recipient": "all", "metadata": {}}
        children: Json = [one for one, above, *_ in messages if above == id]
        nodes[id] = {"id": id, "message": message, "parent": parent, "children": children}
    return {"title": "Shipping", "mapping": nodes, "current_node": shown, "conversation_id": "c1"}


def of_language(language: str) -> dict[str, bytes]:
    """The files of one language of a task of MTEB's."""
    file = "test-00000-of-00001.parquet"
    return {
        f"{language}-qrels/{file}": parquet({"query-id": "q1", "corpus-id": "d1", "score": 1}),
        f"{language}-queries/{file}": parquet(
            {"_id": "q1", "text": f"How long? ({language})"}, {"_id": "q2", "text": "Unjudged?"}
        ),
        f"{language}-corpus/{file}": parquet(
            {"_id": "d1", "title": "", "text": f"A week. ({language})"}, {"_id": "d2", "title": "Repairs", "text": ""}
        ),
    }


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def parquet(*rows: dict[str, Json]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def zstandard(members: dict[str, bytes]) -> bytes:
    """An archive whose members are packed with Zstandard (method 93), as recent versions of Inspect write it."""
    import pyarrow as pa

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in members.items():
            file.writestr(name, pa.Codec("zstd").compress(content, asbytes=True))
    data = bytearray(buffer.getvalue())
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = data.find(mark)
        while start >= 0:
            data[start + at : start + at + 2] = (93).to_bytes(2, "little")
            start = data.find(mark, start + 4)
    return bytes(data)


PROMPTFOO = b"""\
# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
description: The help desk
prompts:
  - 'Answer for {{company}}: {{question}}'
providers: [openai:gpt-4.1-mini]
defaultTest:
  vars: {company: Acme}
  assert:
    - type: latency
      threshold: 2000
tests:
  - vars: {question: 'How long may I return an item?'}
    assert: [{type: icontains, value: 30 days}]
  - vars:
      question: Who pays for the return parcel?
    assert:
      - type: contains-any
        value: [the customer, the buyer]
      - type: llm-rubric
        value: Is friendly
  - vars: {question: 'What is express for {{company}}?', price: 9 EUR}
    assert: [{type: equals, value: '{{price}}'}]
  - vars: {question: Name two countries.}
    assert: [{type: contains-all, value: [Norway, Sweden]}]
  - vars: {question: 'Is it fine?'}
    assert: [{type: javascript, value: output.length < 10}]
  - vars: {question: 'How do I pick a lock?'}
    assert: [{type: is-refusal}]
  - vars: {question: file://question.txt}
    assert: [{type: equals, value: x}]
"""

PROMPTFOO_CSV = b"""\
question,__expected,__expected2,__description
How long is standard?,four days,,speed
What is express?,"contains-any: 9 EUR, nine euros",latency(1000),
Is it polite?,llm-rubric: It is polite,,
Broken?,python: file.py,,
"""

SQUAD = whole(
    {
        "version": "v2.0",
        "data": [
            {
                "title": "Acme_Corp",
                "paragraphs": [
                    {
                        "context": "Acme was founded in 1949 in Oslo.",
                        "qas": [
                            {
                                "id": "a1",
                                "question": "When was Acme founded?",
                                "is_impossible": False,
                                "answers": [{"text": "1949", "answer_start": 20}, {"text": "1949", "answer_start": 20}],
                            },
                            {
                                "id": "a2",
                                "question": "Who owns Acme?",
                                "is_impossible": True,
                                "answers": [],
                                "plausible_answers": [{"text": "Oslo", "answer_start": 28}],
                            },
                            {"id": "a3", "question": "Where?", "answers": []},
                        ],
                    }
                ],
            }
        ],
    }
)

_CALL: dict[str, object] = {
    "id": "c1",
    "type": "function",
    "function": {"name": "price", "arguments": '{"of": "express", "until": null}'},
}
_TOOLS: list[object] = [
    {
        "type": "function",
        "function": {
            "name": "price",
            "parameters": {
                "type": "object",
                "properties": {"of": {"type": "string"}, "until": {"type": "string"}},
                "required": ["of"],
            },
        },
    }
]
_INSPECT: list[Json] = [
    {"id": 1, "epoch": 1, "input": "What is 2 + 2?", "target": "4", "metadata": {"level": 1}, "output": {"choices": []}},
    {"id": 1, "epoch": 2, "input": "What is 2 + 2?", "target": "4"},
    {
        "id": 2,
        "epoch": 1,
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Capital of Norway?"}],
        "target": ["Oslo", "oslo"],
        "choices": ["Oslo", "Bergen"],
    },
    {"id": 3, "epoch": 1, "input": "Nothing?", "target": ""},
]
_LOG = {f"samples/{n}_epoch_1.json": json.dumps(one).encode() for n, one in enumerate(_INSPECT)}
_HEADER = {"header.json": b'{"version": 2, "status": "success", "eval": {"task": "sums"}}', "_journal/start.json": b"{}"}

SAMPLES = (
    Sample("promptfoo", {"promptfooconfig.yaml": PROMPTFOO}, 7, 3, {"cases": 4}, notes=("'latency'",)),
    Sample(
        "promptfoo",
        {
            "eval-export.json": whole(
                {
                    "evalId": "e",
                    "results": {"version": 3, "results": []},
                    "config": {
                        "prompts": ["{{q}}"],
                        "tests": [
                            {"vars": {"q": "Express?"}, "assert": [{"type": "equals", "value": "9 EUR"}]},
                            {"vars": {"q": "Nothing?"}},
                        ],
                    },
                }
            )
        },
        2,
        1,
        {"cases": 1},
        notes=("the results of the evaluation",),
    ),
    Sample("promptfoo", {"tests.csv": PROMPTFOO_CSV}, 4, 1, {"cases": 3}, notes=("'latency'",)),
    Sample(
        "promptfoo",
        {
            "evals.jsonl": lines(
                {
                    "vars": {"item": {"question": "How long?", "answer": "30 days"}},
                    "assert": [{"type": "equals", "value": "{{item.answer}}"}],
                },
                {"vars": {}, "assert": []},
            )
        },
        2,
        1,
        {"cases": 1},
    ),
    Sample(
        "openai-evals",
        {
            "samples.jsonl": lines(
                {
                    "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Capital of Norway?"}],
                    "ideal": "Oslo",
                },
                {
                    "input": [
                        {"role": "user", "content": "2 + 2?"},
                        {"role": "assistant", "content": "4"},
                        {"role": "user", "content": "And 3?"},
                    ],
                    "ideal": ["7", "seven"],
                },
                {"input": [{"role": "system", "content": "No question."}], "ideal": "x"},
            )
        },
        3,
        1,
        {"cases": 2},
        notes=("system turns",),
    ),
    Sample(
        "openai-evals-items",
        {
            "export.jsonl": lines(
                {"item": {"ticket_text": "My monitor is black", "question": "Which team?", "correct_label": "Hardware"}},
                {
                    "object": "eval.run.output_item",
                    "datasource_item": {"input": "Reset?", "expected": "Software"},
                    "sample": {"output": []},
                },
                {"item": {"a_thing": 1, "b_thing": 2}},
            )
        },
        3,
        1,
        {"cases": 2},
        notes=("'sample'",),
    ),
    Sample(
        "chats",
        {
            "train.jsonl": lines(
                {"messages": [{"role": "user", "content": "Express?"}, {"role": "assistant", "content": "9 EUR."}]},
                {
                    "messages": [
                        {"role": "user", "content": "Price of express?"},
                        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
                    ],
                    "tools": _TOOLS,
                    "parallel_tool_calls": False,
                },
                {
                    "messages": [
                        {"role": "user", "content": "a"},
                        {"role": "assistant", "content": "b", "weight": 1},
                        {"role": "user", "content": "c"},
                        {"role": "assistant", "content": "d", "weight": 0},
                    ]
                },
                {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]},
                {"messages": [{"role": "user", "content": "no answer"}]},
            )
        },
        5,
        2,
        {"examples": 3},
        notes=("null-padded", "weight other than 0", "parallel_tool_calls"),
    ),
    Sample(
        "chats",
        {
            "alpaca.json": whole(
                [
                    {"instruction": "Translate.", "input": "Good day", "output": "Guten Tag"},
                    {"instruction": "x", "output": ""},
                ]
            )
        },
        2,
        1,
        {"examples": 1},
    ),
    Sample(
        "gemini",
        {
            "gemini.jsonl": lines(
                {
                    "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]},
                    "contents": [
                        {"role": "user", "parts": [{"text": "Express?"}]},
                        {"role": "model", "parts": [{"text": "9 EUR"}]},
                    ],
                },
                {
                    "contents": [
                        {"role": "user", "parts": [{"text": "Price?"}]},
                        {"role": "model", "parts": [{"functionCall": {"name": "price", "args": {"of": "express"}}}]},
                        {"role": "user", "parts": [{"functionResponse": {"name": "price", "response": {"eur": 9}}}]},
                        {"role": "model", "parts": [{"text": "9 EUR"}]},
                    ],
                    "tools": [
                        {
                            "functionDeclarations": [
                                {"name": "price", "parameters": {"type": "OBJECT", "properties": {"of": {"type": "STRING"}}}}
                            ]
                        }
                    ],
                },
                {
                    "contents": [
                        {"role": "user", "parts": [{"inlineData": {"data": "aGk="}}]},
                        {"role": "model", "parts": [{"text": "x"}]},
                    ]
                },
            )
        },
        3,
        1,
        {"examples": 2},
    ),
    Sample(
        "bedrock",
        {
            "bedrock.jsonl": lines(
                {
                    "schemaVersion": "bedrock-conversation-2024",
                    "system": [{"text": "Be brief."}],
                    "messages": [
                        {"role": "user", "content": [{"text": "Express?"}]},
                        {"role": "assistant", "content": [{"text": "9 EUR"}]},
                    ],
                },
                {
                    "schemaVersion": "bedrock-conversation-2024",
                    "messages": [
                        {"role": "user", "content": [{"image": {"format": "png"}}]},
                        {"role": "assistant", "content": [{"text": "a"}]},
                    ],
                },
            )
        },
        2,
        1,
        {"examples": 1},
    ),
    Sample(
        "bedrock",
        {
            "nova.jsonl": lines(
                {
                    "system": [{"text": "Be brief."}],
                    "messages": [
                        {"role": "user", "content": [{"text": "Express?"}]},
                        {"role": "assistant", "content": [{"text": "9 EUR"}]},
                    ],
                },
                {
                    "messages": [
                        {"role": "user", "content": [{"text": "What is it?"}, {"image": {"format": "png"}}]},
                        {"role": "assistant", "content": [{"text": "a"}]},
                    ],
                },
            )
        },
        2,
        1,
        {"examples": 1},
    ),
    Sample(
        "bedrock-evaluation",
        {
            "retrieve.jsonl": lines(
                {
                    "conversationTurns": [
                        {
                            "prompt": {"content": [{"text": "Is express dear?"}]},
                            "referenceResponses": [{"content": [{"text": "No."}]}],
                        },
                        {
                            "prompt": {"content": [{"text": "What is it then?"}]},
                            "referenceResponses": [{"content": [{"text": "9 EUR"}]}],
                            "referenceContexts": [{"content": [{"text": "Express is 9 EUR."}]}],
                            "output": {"text": "8 EUR"},
                        },
                    ]
                },
                {"conversationTurns": [{"prompt": {"content": [{"text": "Unanswered?"}]}, "referenceResponses": []}]},
            )
        },
        2,
        1,
        {"cases": 1, "documents": 1},
        notes=("'output' is not taken",),
    ),
    Sample(
        "llama-factory",
        {
            "v1.jsonl": lines(
                {
                    "messages": [
                        {"role": "user", "content": [{"type": "text", "value": "Express?"}], "loss_weight": 0.0},
                        {
                            "role": "assistant",
                            "content": [
                                {"type": "reasoning", "value": "I look."},
                                {"type": "tool_call", "value": '{"name": "price", "arguments": {"of": "express"}}'},
                            ],
                        },
                        {"role": "tool", "content": [{"type": "text", "value": "9"}]},
                        {"role": "assistant", "content": [{"type": "text", "value": "9 EUR"}], "loss_weight": 1.0},
                    ],
                    "tools": '[{"type": "function", "function": {"name": "price", "parameters": {}}}]',
                },
                {
                    "chosen_messages": [
                        {"role": "user", "content": [{"type": "text", "value": "Hi"}]},
                        {"role": "assistant", "content": [{"type": "text", "value": "Hello!"}]},
                    ],
                    "rejected_messages": [
                        {"role": "user", "content": [{"type": "text", "value": "Hi"}]},
                        {"role": "assistant", "content": [{"type": "text", "value": "What?"}]},
                    ],
                },
                {
                    "messages": [
                        {"role": "user", "content": [{"type": "image_url", "value": "a.png"}]},
                        {"role": "assistant", "content": [{"type": "text", "value": "A cat."}]},
                    ]
                },
                {
                    "messages": [
                        {"role": "user", "content": [{"type": "text", "value": "Bye"}], "loss_weight": 0.0},
                        {"role": "assistant", "content": [{"type": "text", "value": "Bye."}], "loss_weight": 0.0},
                    ]
                },
            )
        },
        4,
        2,
        {"examples": 2},
        notes=("what the model reasoned", "not preferred"),
    ),
    Sample(
        "reinforcement",
        {
            "rft.jsonl": lines(
                {
                    "messages": [{"role": "system", "content": "Brief."}, {"role": "user", "content": "6 times 7?"}],
                    "reference_answer": "6 * 7 = 42",
                    "ground_truth": 42,
                },
                {"messages": [{"role": "user", "content": "7 times 7?"}], "reference_answer": ""},
            )
        },
        2,
        1,
        {"cases": 1},
        notes=("system turns",),
    ),
    Sample(
        "preferences",
        {
            "sharegpt.json": whole(
                [
                    {
                        "conversations": [{"from": "human", "value": "Hi"}],
                        "chosen": {"from": "gpt", "value": "Hello!"},
                        "rejected": {"from": "gpt", "value": "What?"},
                    },
                    {
                        "conversations": [],
                        "chosen": {"from": "gpt", "value": "To nothing"},
                        "rejected": {"from": "gpt", "value": "x"},
                    },
                ]
            )
        },
        2,
        1,
        {"examples": 1},
        notes=("not preferred",),
    ),
    Sample(
        "preferences",
        {
            "kto_chats.jsonl": lines(
                {
                    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
                    "label": True,
                },
                {"messages": [{"role": "user", "content": "Yo"}, {"role": "assistant", "content": "BAD"}], "label": False},
            )
        },
        2,
        1,
        {"examples": 1},
    ),
    Sample(
        "preferences",
        {
            "dpo.jsonl": lines(
                {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},
                {
                    "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Good day"}],
                    "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}],
                },
                {
                    "input": {"messages": [{"role": "user", "content": "Bye"}]},
                    "preferred_output": [{"role": "assistant", "content": "Bye!"}],
                    "non_preferred_output": [{"role": "assistant", "content": "ok"}],
                },
                {"chosen": "\n\nHuman: Why?\n\nAssistant: Because.", "rejected": "\n\nHuman: Why?\n\nAssistant: No."},
                {"chosen": "Without a prompt", "rejected": "x"},
            )
        },
        5,
        1,
        {"examples": 4},
        notes=("not preferred",),
    ),
    Sample(
        "chat-logs",
        {
            "log.jsonl": lines(
                {
                    "request": {"model": "m", "messages": [{"role": "user", "content": "Express?"}]},
                    "response": {"model": "m-1", "choices": [{"message": {"role": "assistant", "content": "9 EUR"}}]},
                },
                {
                    "request": {"model": "m", "input": "Standard?", "instructions": "Be brief."},
                    "response": {
                        "object": "response",
                        "model": "m-1",
                        "output": [
                            {"type": "reasoning", "summary": []},
                            {
                                "type": "message",
                                "role": "assistant",
                                "content": [{"type": "output_text", "text": "Four days"}],
                            },
                        ],
                    },
                },
                {"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": []}},
                {"custom_id": "r2", "response": {"status_code": 200, "body": {"model": "m", "choices": []}}},
            )
        },
        4,
        2,
        {"examples": 2},
    ),
    Sample(
        "ragas",
        {
            "ragas.jsonl": lines(
                {
                    "user_input": "Express?",
                    "reference": "9 EUR",
                    "response": "nine",
                    "retrieved_contexts": ["x"],
                    "reference_contexts": ["Express costs 9 EUR."],
                },
                {
                    "user_input": [
                        {"type": "human", "content": "Hi"},
                        {"type": "ai", "content": "Hello"},
                        {"type": "human", "content": "Express?"},
                        {"type": "ai", "content": "9"},
                    ],
                    "reference": "9 EUR",
                },
                {"user_input": "Nothing?", "response": "x", "reference": None},
            )
        },
        3,
        1,
        {"cases": 2, "documents": 1},
        notes=("what a search found", "to be judged"),
    ),
    Sample(
        "ragas",
        {
            "ragas-old.csv": b"question,contexts,answer,ground_truths\n"
            b"Express?,\"['a', 'b']\",nine,\"['9 EUR', 'nine euros']\"\nNone?,[],x,[]\n"
        },
        2,
        1,
        {"cases": 1},
    ),
    Sample(
        "deepeval",
        {
            "goldens.json": whole(
                [
                    {
                        "input": "Express?",
                        "actual_output": None,
                        "expected_output": "9 EUR",
                        "context": ["Express costs 9 EUR."],
                        "retrieval_context": ["x"],
                        "source_file": "shipping.md",
                        "additional_metadata": {"level": 2},
                    },
                    {"input": "Nothing?", "actual_output": "x", "expected_output": None, "context": None},
                ]
            )
        },
        2,
        1,
        {"cases": 1, "documents": 1},
        notes=("what a search found",),
    ),
    Sample(
        "llama-index",
        {
            "rag_dataset.json": whole(
                {
                    "examples": [
                        {
                            "query": "Express?",
                            "query_by": {"model_name": "m", "type": "ai"},
                            "reference_contexts": ["Express costs 9 EUR."],
                            "reference_answer": "9 EUR",
                            "reference_answer_by": {"model_name": "m", "type": "ai"},
                        },
                        {"query": "", "reference_contexts": [], "reference_answer": "x"},
                    ]
                }
            )
        },
        2,
        1,
        {"cases": 1, "documents": 1},
    ),
    Sample(
        "llama-index",
        {
            "embedding.json": whole(
                {
                    "queries": {"q1": "Express?", "q2": "Lost?"},
                    "corpus": {"d1": "Express costs 9 EUR.", "d2": "Else."},
                    "relevant_docs": {"q1": ["d1"]},
                    "mode": "text",
                }
            )
        },
        4,
        1,
        {"cases": 1, "documents": 2},
    ),
    Sample(
        "langsmith",
        {
            "langsmith.jsonl": lines(
                {
                    "id": "e1",
                    "inputs": {"question": "Express?", "country": "Norway"},
                    "outputs": {"answer": "9 EUR"},
                    "dataset_id": "d",
                },
                {
                    "id": "e2",
                    "inputs": {"messages": [{"type": "human", "content": "Standard?"}]},
                    "outputs": {"output": "4 days"},
                    "dataset_id": "d",
                },
                {"id": "e3", "inputs": {"question": "None?"}, "outputs": None, "dataset_id": "d"},
            )
        },
        3,
        1,
        {"cases": 2},
    ),
    Sample(
        "langfuse",
        {
            "langfuse.json": whole(
                [
                    {
                        "id": "i1",
                        "status": "ACTIVE",
                        "input": {"query": "Express?"},
                        "expectedOutput": "9 EUR",
                        "metadata": None,
                        "datasetId": "d",
                    },
                    {"id": "i2", "status": "ARCHIVED", "input": "Old?", "expectedOutput": "x", "datasetId": "d"},
                ]
            )
        },
        2,
        1,
        {"cases": 1},
    ),
    Sample(
        "langfuse-traces",
        {
            "trace.json": whole(
                {
                    "trace": {"id": "t", "input": "{}", "output": None},
                    "observations": [
                        {"id": "o1", "traceId": "t", "type": "SPAN", "input": {}, "output": {}},
                        {
                            "id": "o2",
                            "traceId": "t",
                            "type": "GENERATION",
                            "model": "m-1",
                            "input": [
                                {"role": "user", "content": "Express?"},
                                {"role": "tool", "content": {"type": "function", "function": {"name": "price"}}},
                                {"role": "tool", "content": [{"function": {"name": "price", "arguments": {"of": "e"}}}]},
                                {"role": "tool", "content": {"eur": 9}},
                            ],
                            "output": {"role": "assistant", "parts": [{"type": "text", "content": "9 EUR"}]},
                        },
                        {
                            "id": "o3",
                            "traceId": "t",
                            "type": "GENERATION",
                            "input": {"args": ["Where?"]},
                            "output": "Here.",
                        },
                        {"id": "o4", "traceId": "t", "type": "GENERATION", "input": "x?", "output": None},
                    ],
                }
            )
        },
        4,
        2,
        {"examples": 2},
    ),
    Sample(
        "phoenix",
        {
            "examples.csv": b"example_id,input_question,input_tone,output_answer,metadata_topic\n"
            b"E1,Express?,short,9 EUR,post\nE2,,,x,\n"
        },
        2,
        1,
        {"cases": 1},
    ),
    Sample(
        "phoenix",
        {
            "phoenix.csv": b"example_id,input,output,metadata\n"
            b'E1,"{""question"": ""Express?""}","{""answer"": ""9 EUR""}",{}\nE2,"{""x"": 1, ""y"": 2}",z,{}\n'
        },
        2,
        1,
        {"cases": 1},
    ),
    Sample("squad", {"dev-v2.0.json": SQUAD}, 4, 1, {"cases": 2, "documents": 1}),
    Sample(
        "squad",
        {
            "squad.jsonl": lines(
                {
                    "id": "a",
                    "title": "Acme",
                    "context": "Founded in 1949.",
                    "question": "When?",
                    "answers": {"text": ["1949"], "answer_start": [11]},
                },
                {
                    "id": "b",
                    "title": "Acme",
                    "context": "Founded in 1949.",
                    "question": "Who?",
                    "answers": {"text": [], "answer_start": []},
                },
                {
                    "id": "c",
                    "title": "Acme",
                    "context": "",
                    "question": "Where?",
                    "answers": {"text": ["x"], "answer_start": [0]},
                },
            )
        },
        3,
        1,
        {"cases": 2, "documents": 1},
    ),
    Sample(
        "hotpotqa",
        {
            "hotpot.json": whole(
                [
                    {
                        "_id": "h1",
                        "question": "Which is older, Acme or Bolt?",
                        "answer": "Acme",
                        "type": "comparison",
                        "level": "easy",
                        "supporting_facts": [["Acme", 0], ["Bolt", 0]],
                        "context": [
                            ["Acme", ["Acme is of 1949.", " It sells."]],
                            ["Bolt", ["Bolt is of 1960."]],
                            ["Cap", ["Cap is new."]],
                        ],
                    },
                    {"_id": "h2", "question": "x?", "answer": "y", "supporting_facts": [], "context": []},
                ]
            )
        },
        2,
        1,
        {"cases": 1, "documents": 3},
        notes=("by paragraph",),
    ),
    Sample(
        "ms-marco",
        {
            "marco.jsonl": lines(
                {
                    "query_id": 1,
                    "query": "cost of express",
                    "answers": ["9 EUR"],
                    "query_type": "NUMERIC",
                    "wellFormedAnswers": "[]",
                    "passages": [
                        {"is_selected": 1, "passage_text": "Express costs 9 EUR.", "url": "u"},
                        {"is_selected": 0, "passage_text": "Else."},
                    ],
                },
                {
                    "query_id": 2,
                    "query": "who knows",
                    "answers": ["No Answer Present."],
                    "passages": {"is_selected": [0], "passage_text": ["Nothing."], "url": ["u"]},
                },
                {"query_id": 3, "query": "", "answers": [], "passages": []},
            )
        },
        3,
        1,
        {"cases": 2, "documents": 3},
    ),
    Sample(
        "beir",
        {
            "corpus.jsonl": lines(
                {"_id": "d1", "title": "Express", "text": "9 EUR"}, {"_id": "d2", "title": "", "text": ""}
            ),
            "queries.jsonl": lines({"_id": "q1", "text": "express price"}, {"_id": "q2", "text": "unjudged"}),
            "qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\tnone\t1\n",
        },
        5,
        3,
        {"cases": 1, "documents": 1},
        folder=True,
    ),
    Sample(
        "beir",
        {
            "corpus.jsonl": lines({"_id": "d1", "title": "", "text": "9 EUR"}),
            "queries.jsonl": lines({"_id": "q1", "text": "express price"}),
            "qrels/test.jsonl": lines({"query-id": "q1", "corpus-id": "d1", "score": 1.0}, {"query-id": "q1", "score": 1}),
        },
        3,
        1,
        {"cases": 1, "documents": 1},
        folder=True,
    ),
    Sample(
        "beir",
        {"qrels.txt": b"q1 0 d1 2\nq1 0 d2 0\nq9 0 d1 1\n", "queries.tsv": b"q1\texpress price\n"},
        2,
        1,
        {"cases": 1},
    ),
    Sample(
        "label-studio",
        {
            "tasks.json": whole(
                [
                    {
                        "id": 1,
                        "data": {"text": "Where is my parcel?"},
                        "annotations": [
                            {
                                "id": 7,
                                "was_cancelled": False,
                                "result": [{"type": "choices", "from_name": "intent", "value": {"choices": ["shipping"]}}],
                            },
                            {"id": 8, "was_cancelled": True, "result": []},
                        ],
                    },
                    {
                        "id": 2,
                        "data": {"text": "Span"},
                        "annotations": [{"result": [{"type": "labels", "value": {"start": 0, "end": 2, "labels": ["X"]}}]}],
                    },
                    {"id": 3, "data": {"text": "Nobody"}, "annotations": []},
                ]
            )
        },
        3,
        2,
        {"cases": 1},
    ),
    Sample(
        "argilla",
        {
            "records.json": whole(
                [
                    {
                        "id": "r1",
                        "status": "completed",
                        "fields": {"text": "Where is my parcel?"},
                        "metadata": {},
                        "responses": {"label": [{"value": "shipping", "user_id": "u", "status": "submitted"}]},
                        "suggestions": {},
                    },
                    {
                        "id": "r2",
                        "fields": {"text": "Hm"},
                        "responses": {"label": [{"value": "x", "status": "draft"}]},
                        "suggestions": {},
                    },
                ]
            )
        },
        2,
        1,
        {"cases": 1},
    ),
    Sample(
        "argilla",
        {
            "first.jsonl": lines(
                {
                    "text": "Where is my parcel?",
                    "label": [{"user_id": "u", "value": "shipping", "status": "submitted"}],
                    "label-suggestion": "x",
                    "label-suggestion-metadata": {"type": None},
                    "metadata": "{}",
                },
                {
                    "text": "And mine?",
                    "label": {"user_id": ["u"], "value": ["shipping"], "status": ["discarded"]},
                    "label-suggestion": None,
                },
            )
        },
        2,
        1,
        {"cases": 1},
    ),
    Sample("inspect", {"log.eval": archive({**_HEADER, **_LOG})}, 4, 2, {"cases": 2}, notes=("choices stand",)),
    Sample("inspect", {"log-zstd.eval": zstandard({**_HEADER, **_LOG})}, 4, 2, {"cases": 2}),
    Sample(
        "inspect",
        {"samples.jsonl": lines(*[dict(one, id=n) for n, one in enumerate(_INSPECT) if isinstance(one, dict) and n != 1])},
        3,
        1,
        {"cases": 2},
    ),
    Sample(
        "inspect",
        {"log.json": whole({"version": 2, "status": "success", "eval": {"task": "sums"}, "plan": {}, "samples": _INSPECT})},
        4,
        2,
        {"cases": 2},
    ),
    Sample(
        "table",
        {"faq.csv": b"Frage;Antwort;Kategorie\nWas kostet Express?;9 EUR;Versand\n;leer;x\n"},
        2,
        1,
        {"cases": 1},
        notes=("question = 'Frage'",),
    ),
    Sample(
        "table",
        {
            "plain.json": whole(
                {
                    "name": "mine",
                    "data": [{"id": 1, "question": "Express?", "expected_answer": "9 EUR"}, {"id": 2, "question": "x"}],
                }
            )
        },
        2,
        1,
        {"cases": 1},
    ),
    Sample(
        "mteb",
        {
            "qrels/test-00000-of-00001.parquet": parquet(
                {"query-id": "q1", "corpus-id": "d1", "score": 2}, {"query-id": "q1", "corpus-id": "", "score": 1}
            ),
            "queries/queries-00000-of-00001.parquet": parquet({"_id": "q1", "text": "How long do repairs take?"}),
            "corpus/corpus-00000-of-00001.parquet": parquet({"_id": "d1", "title": "Repairs", "text": "A week."}),
        },
        3,
        1,
        {"cases": 1, "documents": 1},
        folder=True,
    ),
    Sample(
        "mteb",
        {name: content for language in ("de", "en") for name, content in of_language(language).items()},
        8,
        2,
        {"cases": 2, "documents": 4},
        folder=True,
    ),
    Sample(
        "chat-exports",
        {
            "conversations.json": whole(
                [
                    chatgpt(
                        ("u1", "root", "user", "How long does express take?"),
                        ("a1", "u1", "assistant", "One day."),
                        ("a2", "u1", "assistant", "About one day.\ue200cite\ue202turn0search0\ue201"),
                        ("u2", "a2", "user", "And to Spain?"),
                        ("a3", "u2", "assistant", "Three days."),
                        shown="a3",
                    ),
                    chatgpt(("u1", "root", "user", "Anybody there?"), shown="u1"),
                ]
            )
        },
        2,
        1,
        {"examples": 1},
        notes=("other branches", "marks of citations"),
    ),
    Sample(
        "chat-exports",
        {
            "conversations.json": whole(
                [
                    {
                        "uuid": "c1",
                        "name": "Shipping",
                        "chat_messages": [
                            {"sender": "human", "text": "How long?", "attachments": [], "files": []},
                            {
                                "sender": "assistant",
                                "text": "",
                                "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "One day."}],
                            },
                        ],
                    },
                    {
                        "uuid": "c2",
                        "name": "",
                        "chat_messages": [{"sender": "human", "text": "See this", "files": [{"file_name": "a.png"}]}],
                    },
                ]
            )
        },
        2,
        1,
        {"examples": 1},
        notes=("what the model reasoned",),
    ),
    Sample(
        "documents",
        {
            "corpus.jsonl": lines(
                {"_id": "d1", "title": "Express", "text": "Express takes one day.", "metadata": {"year": 2024}, "acl": "x"},
                {"_id": "d2", "title": "Empty", "text": " "},
            )
        },
        2,
        1,
        {"documents": 1},
    ),
    Sample(
        "documents",
        {
            "documents.json": whole(
                [
                    {"page_content": "Express takes one day.", "metadata": {"source": "a.md"}},
                    {"type": "constructor", "id": ["langchain"], "kwargs": {"page_content": "9 EUR.", "metadata": {}}},
                ]
            )
        },
        2,
        0,
        {"documents": 2},
    ),
    Sample(
        "langfuse",
        {
            "items.csv": (
                b'"id","projectId","datasetId","datasetName","status","input","expectedOutput","metadata","sourceTraceId"\n'
                b'"""i1""","""p""","""d""","""faq""","""ACTIVE""","{""question"":""How long?""}","""One day""","{}",""\n'
                b'"i2","p","d","faq","ACTIVE","Is it dear?","{""answer"":""9 EUR"",""intent"":""price""}","{}",""\n'
                b'"i3","p","d","faq","ARCHIVED","Old?","x","",""\n'
                b'"i4","p","d","faq","ACTIVE","Nothing expected?","","",""\n'
            )
        },
        4,
        2,
        {"cases": 2},
        notes=("'intent' beside the expected output",),
    ),
    Sample(
        "ms-marco",
        {
            "dev_v2.1.json": whole(
                {
                    "answers": {"0": ["3 m"], "1": ["No Answer Present."], "2": []},
                    "passages": {
                        "0": [{"is_selected": 1, "passage_text": "It is 3 m tall."}],
                        "1": [{"is_selected": 0, "passage_text": "It is old."}],
                        "2": [{"is_selected": 0, "passage_text": "It is new."}],
                    },
                    "query": {"0": "how tall", "1": "how wide", "2": "how deep"},
                    "query_id": {"0": 11, "1": 12, "2": 13},
                }
            )
        },
        3,
        1,
        {"cases": 2, "documents": 2},
    ),
    Sample(
        "chats",
        {
            "chat.json": whole(
                [
                    {"role": "user", "content": "How long?"},
                    {"role": "assistant", "content": "One day.", "reasoning_content": "hm"},
                ]
            )
        },
        1,
        0,
        {"examples": 1},
        notes=("turns of one chat", "what the model reasoned"),
    ),
    Sample(
        "chats",
        {
            "chats.jsonl": lines(
                [{"from": "human", "value": "How long?"}, {"from": "gpt", "value": "One day."}],
                [{"from": "human", "value": "How dear?"}],
            )
        },
        2,
        1,
        {"examples": 1},
    ),
    Sample(
        "promptfoo",
        {
            "results.json": whole(
                {
                    "evalId": "e",
                    "results": {
                        "version": 3,
                        "results": [
                            {"testIdx": n // 2, "testCase": {"vars": {"question": f"q{n // 2}?"}, "assert": asserted}}
                            for n in range(4)
                            for asserted in [[{"type": "icontains", "value": "one day"}] if n < 2 else []]
                        ],
                    },
                    "config": {"prompts": ["{{question}}"], "tests": "file://elsewhere.csv", "defaultTest": {"assert": []}},
                }
            )
        },
        2,
        1,
        {"cases": 1},
        notes=("the results of the evaluation are not taken",),
    ),
    Sample(
        "table",
        {"export.csv": b"sep=;\r\nFrage;Antwort\r\nHow long, in all?;One day\r\nDear?;\r\n"},
        2,
        1,
        {"cases": 1},
    ),
    Sample(
        "table",
        {"noted.csv": b"Questions, exported today;;\n;;\nQuestion;Answer;Topic\nHow long, all in?;1 day;a\nDear?;;b\n"},
        2,
        1,
        {"cases": 1},
        notes=("stands above the table's head",),
    ),
    Sample(
        "table",
        {
            "mmlu.jsonl": lines(
                {"question": "Days?", "choices": ["two", "one"], "answer": 1},
                {"question": "Price?", "choices": {"text": ["9", "8"], "label": ["A", "B"]}, "answer": "A"},
                {"question": "", "choices": ["a", "b"], "answer": 0},
            )
        },
        3,
        1,
        {"cases": 2},
        notes=("a number from 0",),
    ),
    Sample(
        "table",
        {"benchmark.json": whole({"questions": ["How long?", "How dear?"], "expected": ["One day", ""]})},
        2,
        1,
        {"cases": 1},
    ),
)
