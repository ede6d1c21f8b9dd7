"""Mangled inputs for `torture_inputs`: a project with a file of every kind, one of which is made wrong, from a seed."""

from __future__ import annotations

import datetime
import io
import json
import os
import random
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.setrecursionlimit(20_000)  # of the mangling: what is nested is not what may stop it

KINDS = ("settings", "yaml", "rows", "schema", "facts", "documents", "bytes", "places", "options", "links", "streams")
DOCS = {
    "returns.md": "---\ntitle: Returns\n---\n# Returns\n\nYou may return an item within thirty days of delivery.\n",
    "shipping.txt": "Express shipping costs nine euros and takes one day. We ship to Norway.\n",
    "faq.html": "<html><head><title>FAQ</title></head><body><h1>FAQ</h1><table><tr><th>a</th><th>b</th></tr>"
    "<tr><td colspan=2>one</td></tr></table><p>Returns are paid by the customer.</p></body></html>",
    "prices.csv": "item;price\nrope;12,50\nhook;7,25\n",
    "rows.jsonl": '{"id": "a", "text": "Ropes are strong.", "meta": {"year": 2024}}\n{"id": "b", "text": "Hooks hold."}\n',
    "rows.json": '[{"id": "c", "text": "Tarps cover."}, {"id": "d", "text": "Nails fix.", "groups": ["staff"]}]',
    "guide.rst": "Guide\n=====\n\nSome *words* here.\n\n.. list-table::\n\n   * - a\n     - b\n",
    "code.py": 'def price(item):\n    """What it costs."""\n    return 3\n',
    "letter.eml": "From: a@b.c\nTo: d@e.f\nSubject: Rope\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
    "--x\nContent-Type: text/plain; charset=utf-8\n\nThe rope arrived.\n--x\nContent-Type: image/png\n"
    "Content-Disposition: attachment; filename=p.png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--x--\n",
}
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "sources": {"type": "array", "items": {"$ref": "#/$defs/s"}}},
    "required": ["answer"],
    "$defs": {"s": {"type": "string", "maxLength": 20}},
}
SETTINGS: dict[str, Any] = {
    "name": "shop",
    "task": "Answer the customer.",
    "knowledge": {
        "sources": ["docs"],
        "pairs": ["pairs.jsonl"],
        "access": [{"path": "docs/rows.*", "groups": ["staff"]}],
        "outside_links": False,
        "changes": "weekly",
        "changed_share": 0.5,
        "chunk_tokens": 40,
        "chunk_overlap": 4,
        "parent_tokens": 0,
        "fusion": "scores",
        "dense_weight": 0.5,
    },
    "behaviour": {"examples": ["examples.jsonl"], "require_approval": False},
    "cases": ["cases.jsonl"],
    "model": "scripted",
    "embedder": "scripted",
    "tools": ["calculator"],
    "rungs": ["prompt", {"few_shot": {"shots": [1, 2]}}, {"rag": {"passages": 2}}, "router"],
    "bar": {"correct": 0.2, "leaks": 0, "metric": "f1", "forgetting": {"choices": 0.1}},
    "judge": {"model": "scripted", "rubric": "be right", "mode": "rubric"},
    "sampling": {"temperature": 0, "repeats": 1},
    "traffic": {"queries_per_month": 100},
    "prices": {"machine_usd_per_hour": 0.2, "months": 12},
    "retrain": {"when": "monthly"},
    "server": {"timeout_seconds": 5, "retries": 0, "concurrency": 2, "context_tokens": 4096},
    "seed": 0,
}
CASES = [
    {"id": "r1", "question": "Within how many days may you return an item?", "answers": ["thirty days"], "split": "test"},
    {"id": "s1", "question": "What does express cost?", "answers": ["nine euros"], "gold_documents": ["docs/shipping.txt"]},
    {"id": "u1", "question": "Who is the chief?", "answers": [], "answerable": False, "split": "test"},
    {"id": "t1", "question": "How fast is express?", "answers": ["one day"], "split": "train", "meta": {"a": 1}},
    {
        "id": "d1",
        "question": "Where do you ship?",
        "answers": ["Norway"],
        "split": "dev",
        "as": ["staff"],
        "evidence": [{"document": "docs/shipping.txt", "quote": "We ship to Norway"}],
        "messages": [{"role": "user", "content": "hello"}],
    },
]
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}},
}
EXAMPLES = [
    {"id": "e1", "input": "Say hello.", "output": "Hello!", "approved_by": "me", "meta": {"k": [1]}},
    {"messages": [{"role": "user", "content": "Bye"}, {"role": "assistant", "content": "Goodbye."}]},
    {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}]},
    {
        "messages": [
            {"role": "user", "content": "Call f"},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"x": 1}'}}]},
            {"role": "tool", "tool_call_id": "1", "content": "3"},
            {"role": "assistant", "content": "It is 3."},
        ],
        "tools": [TOOL],
    },
]
PAIRS = [{"anchor": "a rope", "positive": "Ropes are strong."}, {"query": "hook", "document": "b", "clicked": True}]
QUERIES = [{"_id": "q1", "text": "rope"}, {"_id": "q2", "text": "express"}]
RECIPE = {"rank": 4, "learning_rate": 1e-3, "epochs": 1, "batch_rows": 2, "target": "all"}
FACTS = {
    "needs_specific_facts": True,
    "corpus_tokens": 5000,
    "examples": 20,
    "knowledge_changes": "weekly",
    "p95_latency_ms": 500,
}
ROWS: dict[str, list[Any]] = {
    "cases.jsonl": CASES,
    "examples.jsonl": EXAMPLES,
    "pairs.jsonl": PAIRS,
    "queries.jsonl": QUERIES,
}

P = "."
CHECKS = (["check", P], ["check", P, "--json"])
READING = (
    *CHECKS,
    ["advise", P],
    ["compare", P, "--dry-run"],
    ["compare", P, "--limit", "2", "--json"],
    ["sync", P],
    ["sync", P, "--json", "--dry-run"],
    ["search", P, "rope"],
    ["search", P, "--queries", "queries.jsonl", "--trec", "run.txt", "--force"],
    ["ask", P, "Why?", "--rung", "prompt"],
    ["ask", P, "What does express cost?", "--rung", "rag", "--json"],
    ["knowledge", "list", P],
    ["knowledge", "prune", P],
    ["cases", "suggest", P, "--each", "2"],
    ["examples", "lint", P],
    ["examples", "convert", "examples.jsonl", "-o", "made.jsonl", "--force"],
    ["distill", P, "--teacher", "scripted", "--inputs", "examples.jsonl", "-o", "d.jsonl", "--force"],
    ["train", "generator", P, "--dry-run"],
    ["train", "router", P],
    ["artifacts", "list", P],
    ["artifacts", "due", P],
    ["report", P],
    ["report", P, "--format", "junit"],
    ["export", P, "--to", "peft", "-o", "out"],
    ["init", "new"],
)
LOOKS = (["init", "one"], ["advise", "one"])  # at a folder that is no project
FACTS_READ = (["advise", "--facts", "facts.yaml"], ["advise", "--facts", "facts.yaml", "--json"])
RECIPE_READ = (["train", "generator", P, "--recipe", "recipe.yaml", "--dry-run"],)


@dataclass(frozen=True, slots=True)
class Mangled:
    """A project with one thing wrong in it, and the commands that meet it."""

    folder: Path
    kind: str
    what: str
    commands: Sequence[Sequence[str]]


def make_project(folder: Path) -> Path:
    """The project before it is mangled."""
    (folder / "docs").mkdir(parents=True)
    for name, text in DOCS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    (folder / "office").mkdir()  # no source of the project until `_documents` takes one: reading them takes long
    for name, content in _office().items():
        (folder / "office" / name).write_bytes(content)
    for name, rows in ROWS.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for name, value in (("schema.json", SCHEMA), ("recipe.yaml", RECIPE), ("facts.yaml", FACTS), ("rung.yaml", SETTINGS)):
        (folder / name).write_text(json.dumps(value, indent=1), encoding="utf-8")
    (folder / "labels.txt").write_text("Hello!\nGoodbye.\n", encoding="utf-8")
    return folder


def _office() -> dict[str, bytes]:
    """Documents in binary formats, by the libraries that people make them with."""
    from docx import Document
    from openpyxl import Workbook
    from pptx import Presentation
    from reportlab.pdfgen.canvas import Canvas

    made = {}
    document = Document()
    document.add_heading("Tanks", 1)
    document.add_paragraph("The tank holds three litres.")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(1, 1).text = "Part", "Valve"
    book = Workbook()
    sheet = book.active
    for row in (["Part", "Price", "Since"], ["Valve", 3.5, datetime.date(2024, 1, 2)], ["Pipe", "=B2*2", None]):
        sheet.append(row)
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Pumps"
    slide.placeholders[1].text = "A pump moves water."
    for name, saved in (("tanks.docx", document), ("parts.xlsx", book), ("pumps.pptx", deck)):
        out = io.BytesIO()
        saved.save(out)
        made[name] = out.getvalue()
    out = io.BytesIO()
    page = Canvas(out)
    page.drawString(72, 700, "The pipe is made of copper.")
    page.save()
    made["pipes.pdf"] = out.getvalue()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("inside/notes.md", "# Notes\n\nZipped words.\n")
        packed.writestr("inside/more.jsonl", '{"id": "z", "text": "Zipped row."}\n')
    made["pack.zip"] = out.getvalue()
    return made


def odd_value(rng: random.Random) -> Any:
    """A value that is hardly ever meant."""
    deep: Any = 1
    for _ in range(rng.choice((5, 150, 900))):
        deep = [deep] if rng.random() < 0.7 else {"a": deep}
    return rng.choice(
        (
            *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**70), 10**400, 1e308, -1e-320, 0.5),
            *(
                float("inf"),
                float("-inf"),
                float("nan"),
                "",
                " ",
                "\n",
                "a\x00b",
                "\x1b[2J",
                "\ud83d",
                "\u202eevil",
                "é" * 300,
            ),
            *(
                "x" * 100_000,
                "../../../etc",
                "/",
                "/dev/zero",
                ".",
                "~",
                "**",
                "[",
                "http://",
                "http://[::1",
                "https://a:b@c/d",
            ),
            *(
                "s3://x",
                "hf:",
                "gguf:",
                "gguf:/none.gguf",
                "encoder:",
                "openai:",
                "cross-encoder:.",
                "git:",
                "git:..",
                "tuned",
            ),
            *(
                "scripted",
                "http://u:secretpw@127.0.0.1:1/v1#m",
                "http://127.0.0.1:1/v1#m",
                "http://127.0.0.1:99999/v1#m",
                "%s{0}",
            ),
            *([], {}, [[]], [None], [1, 2], ["a", "a"], {"": 1}, {"a": None}, {"a": {"b": 1}}, [{"x": 1, "y": 2}], deep),
            *("0", "1e999", "9" * 5000, "2026-13-45", "null", "yes", [""], ["\x00"], [10**400], {"\ud800": 1}, {"\x1b": 1}),
        )
    )


def odd_text(rng: random.Random) -> str:
    """JSON or YAML that is hardly ever meant, as text."""
    depth = rng.choice((60, 500, 3000, 100_000))
    return rng.choice(
        (
            *(
                "",
                " ",
                "null",
                "1",
                "true",
                '"x"',
                "[]",
                "{}",
                "[[]]",
                "[{}]",
                "{",
                "[",
                '"',
                "\\",
                "'",
                ":",
                "- -",
                "%",
                "&a",
                "*a",
            ),
            *(
                "9" * 5000,
                "-" + "9" * 5000,
                "1e999",
                "NaN",
                "-Infinity",
                '{"a": 1e999}',
                '{"a": NaN}',
                '{"a": %s}' % ("9" * 5000),
            ),
            *("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "- " * min(depth, 3000) + "a"),
            *('"\\ud83d"', '{"text": "\\ud83d"}', '{"\\ud83d": 1}', "\ufeff{}", "\x00", "\x00" * 5000, "\x1b[2J", "\r\r\r"),
            *(
                "a: &a [*a]",
                "a: &a {b: *a}",
                "&a [*a]",
                "a: &x {b: 1}\n<<: *x\n<<: *x",
                "a: *none",
                "a: b: c",
                "\ta: 1",
                "a: 1\na: 2",
            ),
            *(
                "? [a, b]\n: c",
                "? {a: b}\n: c",
                "!!python/object:os.system x",
                "a: !!int ''",
                "a: !!timestamp x",
                "a: !!bool x",
            ),
            *(
                "a: 2026-13-45",
                "a: !!float x",
                "a: !!binary é",
                "a: 0x",
                "a: 1:99999999999",
                "--- a\n--- b",
                "seed: " + "9" * 5000,
            ),
            *(
                "!!set {a, b}",
                "a: !!null x",
                "a: !!omap [b]",
                "a: 0o99",
                "{a: [}",
                "<<: 1",
                "a: |\n b\nc",
                "%YAML 9.9\n---\na",
                bomb(),
            ),
        )
    )


def bomb(width: int = 9, levels: int = 9) -> str:
    """YAML whose aliases unfold to billions of values."""
    lines = ['a0: &a0 ["x"]']
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + f"\nname: *a{levels - 1}"


def mangle(folder: Path, rng: random.Random, kind: str) -> Mangled:
    """Make one thing wrong."""
    what, commands = _MANGLERS[kind](folder, rng)
    chosen = [list(words) for words in commands]
    if len(chosen) > 6:  # always the first look, and some of the rest
        chosen = [*chosen[:1], *rng.sample(chosen[1:], 2)]
    return Mangled(folder, kind, what, chosen)


Made = tuple[str, Sequence[Sequence[str]]]


def _settings(folder: Path, rng: random.Random) -> Made:
    """An odd value at one key of rung.yaml."""
    value: Any = json.loads(json.dumps(SETTINGS))
    if rng.random() < 0.3:
        value["behaviour"] |= rng.choice(({"schema": "schema.json"}, {"labels": "labels.txt"}, {"labels": "from_examples"}))
    if rng.random() < 0.1:
        value |= {"reranker": "scripted", "workers": {"ray": "local", "count": 1}}
    at, odd = _put(value, rng)
    (folder / "rung.yaml").write_text(_yaml(value), encoding="utf-8", errors="surrogatepass")
    return f"{at}: {odd!r:.80}", READING


def _put(value: Any, rng: random.Random) -> tuple[str, Any]:
    """Put an odd value somewhere into a value, in place; says where."""
    at = ""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return at, "nothing"
        key = rng.choice(keys)
        at += f".{key}"
        inner = value[key]
        if not isinstance(inner, (dict, list)) or rng.random() < 0.2:
            odd = odd_value(rng)
            if isinstance(value, dict) and isinstance(odd, str) and rng.random() < 0.05:
                value[odd] = value.pop(key)
            else:
                value[key] = odd
            return at, odd
        value = inner


def _yaml(value: Any) -> str:
    """JSON, which is YAML, with the numbers that JSON has no word for as YAML writes them."""
    text = _dumps(value)
    return text.replace("-Infinity", "-.inf").replace("Infinity", ".inf").replace("NaN", ".nan")


def _dumps(value: Any) -> str:
    """JSON of any depth and any number of digits."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_dumps(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_dumps, value)) + "]"
    return json.dumps(value)


def _odd_yaml(folder: Path, rng: random.Random) -> Made:
    """Odd text in place of rung.yaml or of one of its values, or after it."""
    text, whole = odd_text(rng), (folder / "rung.yaml").read_text(encoding="utf-8")
    lines = whole.splitlines()
    match rng.randrange(3):
        case 0:
            made = text
        case 1:
            made = whole + "\n" + text
        case _:
            number = rng.randrange(len(lines))
            lines[number] = lines[number].partition(":")[0] + ": " + text
            made = "\n".join(lines)
    (folder / "rung.yaml").write_text(made, encoding="utf-8", errors="surrogatepass")
    return f"rung.yaml {text[:60]!r}", READING


def _rows(folder: Path, rng: random.Random) -> Made:
    """An odd value or an odd line in a file of rows."""
    name = rng.choice((*ROWS, "docs/rows.jsonl", "docs/rows.json", "labels.jsonl"))
    path = folder / name
    if name == "labels.jsonl":
        path.write_text('{"label": "a"}\n{"label": "b"}\n', encoding="utf-8")
        _with(folder, behaviour={"labels": "labels.jsonl"})
    lines = path.read_text(encoding="utf-8").splitlines()
    number = rng.randrange(len(lines))
    if rng.random() < 0.7:
        row = json.loads(lines[number])
        at, odd = _put(row, rng)
        lines[number] = _dumps(row)
        what = f"{name}:{number + 1} {at}: {odd!r:.80}"
    else:
        lines[number] = odd_text(rng)
        what = f"{name}:{number + 1} {lines[number][:60]!r}"
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    return what, READING


def _schema(folder: Path, rng: random.Random) -> Made:
    """An odd schema."""
    _with(folder, behaviour={"schema": "schema.json"})
    odd: Any
    if rng.random() < 0.25:
        text = odd_text(rng)
    else:
        odd = json.loads(json.dumps(SCHEMA))
        if rng.random() < 0.4:
            _put(odd, rng)
        else:
            odd["properties"]["answer"] = rng.choice(
                (
                    *(
                        {"type": "array", "minItems": 10**9},
                        {"type": "array", "maxItems": 10**9, "items": {}},
                        {"$ref": "#/none"},
                    ),
                    *(
                        {"$ref": "#"},
                        {"$ref": "#/properties/answer"},
                        {"$ref": "http://127.0.0.1:1/x"},
                        {"$ref": 3},
                        {"allOf": [{}] * 300},
                    ),
                    *(
                        {"type": "string", "minLength": 10**9},
                        {"type": "string", "maxLength": 10**12},
                        {"type": "string", "minLength": 5000},
                    ),
                    *(
                        {"type": "string", "pattern": "(a+)+$"},
                        {"type": "string", "pattern": "["},
                        {"type": "string", "pattern": "a{1,99999}"},
                    ),
                    *(
                        {"type": "string", "pattern": "(" * 500 + ")" * 500},
                        {"enum": []},
                        {"enum": [10**400]},
                        {"enum": ["x" * 99_999]},
                    ),
                    *(
                        {"type": "number", "multipleOf": 0},
                        {"type": "number", "multipleOf": 1e-300},
                        {"type": "integer", "minimum": 10**300},
                    ),
                    *(
                        {"type": "number", "minimum": 5, "maximum": 1},
                        {"type": "nothing"},
                        {"type": []},
                        {"type": ["string"] * 99},
                    ),
                    *(
                        {"const": None},
                        {"not": {}},
                        {"oneOf": []},
                        {"oneOf": [{}, {}]},
                        {"format": "email", "type": "string"},
                        True,
                        False,
                    ),
                    *(
                        {"type": "object", "minProperties": 10**9},
                        {"properties": None},
                        {"required": "x"},
                        {"patternProperties": {"[": {}}},
                    ),
                    *(
                        {"type": "object", "properties": {str(n): {} for n in range(2000)}},
                        {"if": {}, "then": False},
                        {"enum": ["\ud83d"]},
                    ),
                    *(
                        {"type": "array", "uniqueItems": True, "minItems": 50, "items": {"type": "boolean"}},
                        {"items": [{}]},
                        {"$ref": "x" * 9999},
                    ),
                    *(
                        {"type": "array", "prefixItems": [{}] * 500},
                        {"dependentRequired": {"a": 3}},
                        {"$dynamicRef": "#x"},
                        {"anyOf": [False]},
                    ),
                )
            )
        if rng.random() < 0.2:
            odd = rng.choice((None, 3, True, [], "x", [odd]))
        text = _dumps(odd)
    (folder / "schema.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    return f"schema {text[:140]!r}", READING


def _facts(folder: Path, rng: random.Random) -> Made:
    """A damaged file of facts or a damaged recipe."""
    name, value, commands = rng.choice((("facts.yaml", FACTS, FACTS_READ), ("recipe.yaml", RECIPE, RECIPE_READ)))
    if rng.random() < 0.5:
        made: Any = [dict(value), dict(value)] if rng.random() < 0.3 else dict(value)
        _put(made, rng)
        text = _yaml(made)
    else:
        text = odd_text(rng) if rng.random() < 0.5 else "\n".join((odd_text(rng), _yaml(value)))
    (folder / name).write_text(text, encoding="utf-8", errors="surrogatepass")
    return f"{name} {text[:80]!r}", commands


def _documents(folder: Path, rng: random.Random) -> Made:
    """A document with flipped bytes, cut off, doubled, in zeros, or with odd text in it."""
    taken = rng.choice([*sorted((folder / "docs").iterdir()), *sorted((folder / "office").iterdir())])
    path = folder / "docs" / taken.name
    path.write_bytes(_damaged(taken.read_bytes(), rng))
    (folder / "one").mkdir()
    shutil.copy2(path, folder / "one")
    return f"document {path.name}", (*READING[5:9], ["check", P], ["cases", "suggest", P], *LOOKS)


def _bytes(folder: Path, rng: random.Random) -> Made:
    """Damaged bytes in a file that the project names."""
    path = folder / rng.choice((*ROWS, "schema.json", "labels.txt", "recipe.yaml", "facts.yaml", "rung.yaml"))
    if path.name in ("schema.json", "labels.txt"):
        _with(folder, behaviour={path.stem: path.name})
    path.write_bytes(_damaged(path.read_bytes(), rng))
    more = {"facts.yaml": FACTS_READ, "recipe.yaml": RECIPE_READ}
    return f"bytes of {path.name}", more.get(path.name, READING)


def _damaged(content: bytes, rng: random.Random) -> bytes:
    made = bytearray(content)
    match rng.randrange(8):
        case 0 | 1:
            for _ in range(rng.choice((1, 3, 30))):
                made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
        case 2:
            del made[rng.randrange(len(made)) :]
        case 3:
            start = rng.randrange(len(made))
            made[start : start + rng.randrange(1, 200)] = rng.randbytes(rng.randrange(300))
        case 4:
            made = bytearray(len(made))
        case 5:
            at = rng.randrange(len(made))
            made[at:at] = odd_text(rng).encode("utf-8", "surrogatepass")
        case 6:
            made = bytearray(
                content.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-32", "utf-16-le", "utf-7")))
            )
        case _:
            made = bytearray(odd_text(rng).encode("utf-8", "surrogatepass"))
    return bytes(made)


def _places(folder: Path, rng: random.Random) -> Made:
    """Something else where a file is expected."""
    name = rng.choice(
        (*ROWS, "schema.json", "labels.txt", "recipe.yaml", "facts.yaml", "rung.yaml", "docs", "docs/returns.md", ".rung")
    )
    if name in ("schema.json", "labels.txt"):
        _with(folder, behaviour={name.partition(".")[0]: name})
    path = folder / name
    how = rng.choice(
        ("fifo", "folder", "loop", "dangling", "zero", "null", "absent", "socket", "unreadable", "file", "self")
    )
    if how == "unreadable":
        path.mkdir(exist_ok=True) if name == ".rung" else None
        path.chmod(0)
    else:
        if path.is_dir():
            path.rename(folder / "elsewhere")
        elif path.exists():
            path.unlink()
        match how:
            case "fifo":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "loop":
                path.symlink_to(path.name)
            case "dangling":
                path.symlink_to("nowhere")
            case "zero" | "null":
                path.symlink_to(f"/dev/{how}")
            case "socket":
                _socket(path)
            case "file":
                path.write_text("x", encoding="utf-8")
            case "self":
                path.symlink_to(".")
    more = {"facts.yaml": FACTS_READ, "recipe.yaml": RECIPE_READ}
    return f"{name} is {how}", more.get(name, READING)


def _socket(path: Path) -> None:
    import socket

    here = Path.cwd()
    os.chdir(path.parent)  # addresses of sockets are short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


def _links(folder: Path, rng: random.Random) -> Made:
    """Links and names below the documents, and alone in a folder, that no reader is made for."""
    how = rng.choice(
        ("loop", "up", "fifo", "bytes", "long", "control", "newline", "deep", "many", "empty", "zeros", "socket")
    )
    (folder / "one").mkdir()
    for docs in (folder / "docs", folder / "one"):
        _link(docs, how, rng)
    return f"docs: {how}", (*READING[:9], ["cases", "suggest", P], *LOOKS)


def _link(docs: Path, how: str, rng: random.Random) -> None:
    match how:
        case "loop":
            (docs / "loop.md").symlink_to("loop.md")
        case "up":
            (docs / "up").symlink_to("..")
        case "fifo":
            os.mkfifo(docs / rng.choice(("pipe.md", "pipe.pdf", "pipe.jsonl", "pipe.zip", "pipe.csv")))
        case "bytes":
            Path(os.fsdecode(os.fsencode(docs) + b"/caf\xe9.md")).write_text("Bytes in a name.", encoding="utf-8")
        case "long":
            (docs / ("x" * 250 + ".md")).write_text("A long name.", encoding="utf-8")
        case "control":
            (docs / "a\x1b[2J\x07.md").write_text("Control.", encoding="utf-8")
        case "newline":
            (docs / "a\nb.md").write_text("Two lines.", encoding="utf-8")
        case "deep":
            place = docs
            for _ in range(60):
                place = place / "d"
            place.mkdir(parents=True)
            (place / "deep.md").write_text("Deep down.", encoding="utf-8")
        case "many":
            (docs / "deep.json").write_text("[" * 100_000, encoding="utf-8")
        case "empty":
            (docs / "empty.md").touch()
            (docs / "empty.pdf").touch()
        case "zeros":
            (docs / rng.choice(("zero.md", "zero.txt", "zero.csv", "zero.pdf", "zero.eml"))).write_bytes(bytes(4096))
        case "socket":
            _socket(docs / "s.md")


NUMBERS = (
    "-1",
    "0",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "9" * 5000,
    "",
    "x",
    "99999999999999999999",
    "1.5",
    "0x10",
    "NaN",
    "\x1b[2J",
)
TEXTS = (
    "",
    " ",
    "\n",
    "\x1b[2J",
    "\udce9",
    "/dev/null/x",  # not the root: a project was once made there
    "/dev/null",
    "/dev/zero",
    "docs",
    "fifo",
    "nowhere/x",
    "a" * 300,
    "é",
    "rung.yaml",
    "-",
    "--",
    "a=b",
    "*",
    "[",
    "latest",
    "999",
    "loop",
)
NUMBERED = (
    *(["compare", P, "--limit", "@"], ["compare", P, "--seed", "@"], ["compare", P, "--budget", "@", "--search"]),
    *(["compare", P, "--budget-usd", "@"], ["compare", P, "--budget-minutes", "@"], ["search", P, "rope", "--top", "@"]),
    *(
        ["search", P, "rope", "--diversity", "@"],
        ["cases", "suggest", P, "--each", "@"],
        ["knowledge", "rollback", P, "--version", "@"],
    ),
    *(["examples", "lint", "examples.jsonl", "--max-tokens", "@"], ["examples", "lint", "examples.jsonl", "--preview", "@"]),
    *(["distill", P, "--teacher", "scripted", "--inputs", "examples.jsonl", "-o", "d.jsonl", "--limit", "@"],),
    *(["distill", P, "--teacher", "scripted", "--inputs", "examples.jsonl", "-o", "d.jsonl", "--seed", "@"],),
    *(["distill", P, "--teacher", "scripted", "--inputs", "examples.jsonl", "-o", "d.jsonl", "--max-tokens", "@"],),
    *(
        ["train", "router", P, "--seed", "@"],
        ["train", "generator", P, "--seed", "@", "--dry-run"],
        ["export", P, "--to", "peft", "-o", "x", "--prompts", "@"],
    ),
)
WORDED = (
    *(
        ["check", "@"],
        ["sync", "@"],
        ["advise", "@"],
        ["init", "@"],
        ["init", "--beir", "@"],
        ["search", P, "@"],
        ["ask", P, "@", "--rung", "rag"],
    ),
    *(
        ["ask", P, "Why?", "--rung", "@"],
        ["search", P, "rope", "--where", "@"],
        ["search", P, "rope", "--as", "@"],
        ["report", P, "--as", "@"],
    ),
    *(
        ["search", P, "--queries", "@", "--trec", "t"],
        ["search", P, "--queries", "queries.jsonl", "--trec", "@"],
        ["advise", "--facts", "@"],
    ),
    *(
        ["advise", "--fact", "@"],
        ["advise", "--fact", "corpus_tokens=@"],
        ["examples", "lint", "@"],
        ["examples", "convert", "@"],
        ["report", P, "-o", "@"],
    ),
    *(
        ["examples", "convert", "examples.jsonl", "-o", "@"],
        ["examples", "lint", "examples.jsonl", "--cases", "@"],
        ["compare", P, "--baseline", "@"],
    ),
    *(
        ["distill", P, "--teacher", "@", "--inputs", "examples.jsonl", "-o", "d"],
        ["distill", P, "--teacher", "scripted", "--inputs", "@", "-o", "d"],
    ),
    *(
        ["distill", P, "--teacher", "scripted", "--inputs", "examples.jsonl", "-o", "@"],
        ["train", "generator", P, "--recipe", "@", "--dry-run"],
    ),
    *(
        ["train", "router", P, "--rung", "@"],
        ["artifacts", "show", P, "@"],
        ["artifacts", "@"],
        ["artifacts", "promote", "@"],
        ["artifacts", "rollback", P, "@"],
    ),
    *(
        ["artifacts", "list", P, "--by", "@"],
        ["export", P, "--to", "peft", "-o", "@"],
        ["report", P, "--compare", "@", "latest"],
        ["cases", "suggest", P, "--output", "@"],
    ),
    *(
        ["examples", "lint", "examples.jsonl", "--model", "@"],
        ["export", P, "--to", "st", "-o", "x", "--artifact", "@"],
        ["@"],
        ["--@"],
        ["examples", "convert", "examples.jsonl", "--approve", "@"],
    ),
)


def _options(folder: Path, rng: random.Random) -> Made:
    """Odd words on the command line."""
    os.mkfifo(folder / "fifo")
    (folder / "loop").symlink_to("loop")
    made = []
    for _ in range(6):
        words, odd = rng.choice(((NUMBERED, NUMBERS), (WORDED, TEXTS), (WORDED, TEXTS)))
        value = rng.choice(odd)
        if value == "/dev/zero":
            pass
        made.append([word.replace("@", value) for word in rng.choice(words)])
    return "options", made


def _with(folder: Path, **changes: Any) -> None:
    """rung.yaml with other values under its sections."""
    value = json.loads(json.dumps(SETTINGS))
    for section, inner in changes.items():
        value[section] |= inner
    (folder / "rung.yaml").write_text(json.dumps(value, indent=1), encoding="utf-8")


def _none(folder: Path, rng: random.Random) -> Made:  # noqa: ARG001 - streams are tried apart
    return "nothing", ()


_MANGLERS: dict[str, Callable[[Path, random.Random], Made]] = {
    "settings": _settings,
    "yaml": _odd_yaml,
    "rows": _rows,
    "schema": _schema,
    "facts": _facts,
    "documents": _documents,
    "bytes": _bytes,
    "places": _places,
    "options": _options,
    "links": _links,
    "streams": _none,
}
