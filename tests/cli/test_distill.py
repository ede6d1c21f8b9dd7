"""`rung distill`: is what the teacher says sifted, written with its provenance, remembered, and learnt from?"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

INPUTS: list[dict[str, Any]] = [
    {"input": "the parcel is late", "source": "desk", "licence": "CC0", "approved_by": "Bo"},
    {"input": "THE parcel is late"},
    {"messages": [{"role": "user", "content": "refuse this"}]},
    {"prompt": "a bad label", "completion": ""},
    {"question": "which colour is it", "answers": ["colour"]},
    {"question": "which size is it", "answers": ["size"]},
    {"input": "Who pays for the return parcel?"},
    {"name": "nothing to answer"},
]
LABELS = "behaviour: {labels: [late, colour, size], examples: ['taught/*.jsonl']}\n"


def reply(body: dict[str, Any]) -> str:
    """A teacher that knows two labels, makes one up, and gets one wrong."""
    asked = body["messages"][-1]["content"]
    if "refuse" in asked:
        return "I'm sorry, but I can't help with that."
    return "late" if "late" in asked else "blue" if "bad" in asked else "colour"


@pytest.fixture
def teacher() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body)
            said = {"message": {"content": reply(body)}, "finish_reason": "stop"}
            text = json.dumps({"choices": [said], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1#strong", asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(shop: Path) -> Callable[[str], Path]:
    def make(behaviour: str) -> Path:
        (shop / "rung.yaml").write_text((shop / "rung.yaml").read_text(encoding="utf-8") + behaviour, encoding="utf-8")
        (shop / "taught").mkdir(exist_ok=True)
        # a project whose examples are still to be written has at least one
        first = {"prompt": "what is this", "completion": "size"}
        (shop / "taught" / "first.jsonl").write_text(json.dumps(first) + "\n", encoding="utf-8")
        rows = "".join(json.dumps(row) + "\n" for row in INPUTS)
        (shop / "inputs.jsonl").write_text(rows, encoding="utf-8")
        return shop

    return make


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_answers_are_sifted_by_the_projects_own_scorers(
    rung: Run, project: Callable[[str], Path], teacher: tuple[str, list[dict[str, Any]]]
) -> None:
    shop, (name, asked) = project(LABELS), teacher
    words = (
        "distill",
        shop,
        "--teacher",
        name,
        "--inputs",
        shop / "inputs.jsonl",
        "-o",
        shop / "taught" / "new.jsonl",
        "--json",
    )
    planned = rung(*words, "--dry-run").json
    assert (planned["asked"], planned["dropped"], len(planned["problems"])) == (5, {"leak": 1, "duplicate": 1}, 1)
    assert asked == []
    assert not (shop / "taught" / "new.jsonl").exists()
    told = rung(*words).json
    assert told["rows"] == 2
    assert told["dropped"] == {"leak": 1, "duplicate": 1, "refusal": 1, "format": 1, "correct": 1}
    assert [p["line"] for p in told["problems"]] == [8]
    kept = rows_of(shop / "taught" / "new.jsonl")
    assert [(r["messages"][0]["content"], r["messages"][1]["content"]) for r in kept] == [
        ("the parcel is late", "late"),
        ("which colour is it", "colour"),
    ]
    assert (kept[0]["generated_by"], kept[0]["source"], kept[0]["licence"]) == (name, "desk", "CC0")
    assert "approved_by" not in kept[0]  # the input was approved, this answer is not
    assert kept[1]["source"].endswith("inputs.jsonl:5")
    side = rows_of(Path(told["dropped_file"]))
    assert [(r["filter"], r["line"], r["output"]) for r in side if r["filter"] == "correct"] == [("correct", 6, "colour")]
    # neither what judges nor what stands twice is asked; two answers left the labels, and were asked for freely
    assert len(asked) == 5 + 2

    before = {path: path.read_bytes() for path in (shop / "taught").iterdir()}
    assert "new.jsonl is there already, and nothing is overwritten" in rung(*words, code=2).err
    (shop / "taught" / "new.jsonl").unlink()
    assert "new.dropped.jsonl is there already" in rung(*words, code=2).err
    assert len(asked) == 5 + 2, "nothing is asked before that is known"
    (shop / "taught" / "new.jsonl").write_bytes(before[shop / "taught" / "new.jsonl"])
    again = rung(*words, "--force").json  # remembered: the teacher is asked again only for what failed
    assert (again["executed"], again["replayed"], again["rows"], len(asked)) == (2, 5, 2, 9)


def test_only_approved_inputs_are_asked_where_that_is_wanted_and_an_approval_is_written(
    rung: Run, project: Callable[[str], Path], teacher: tuple[str, list[dict[str, Any]]]
) -> None:
    shop = project(LABELS.replace("{labels", "{require_approval: true, labels"))
    out = shop / "taught" / "new.jsonl"
    told = rung(
        "distill", shop, "--teacher", teacher[0], "--inputs", shop / "inputs.jsonl", "-o", out, "--approve", "Ada"
    ).out
    assert f"{out}: 1 examples by {teacher[0]}" in told
    assert "approval 4" in told
    (row,) = rows_of(out)
    assert row["approved_by"] == "Ada"
    assert row["approved_at"]


def test_a_schema_is_held_to_and_plain_text_may_be_asked(rung: Run, project: Callable[[str], Path]) -> None:
    shop = project("behaviour: {schema: answer.json}\n")
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    (shop / "answer.json").write_text(json.dumps(schema), encoding="utf-8")
    (shop / "asked.txt").write_text("is it raining\n\nwhat is the time\n", encoding="utf-8")
    out = shop / "new.jsonl"
    done = rung("distill", shop, "--teacher", "scripted", "--inputs", shop / "asked.txt", "-o", out)
    assert "2 examples by scripted" in done.out
    assert "name it under behaviour.examples" in done.out
    assert all("answer" in json.loads(row["messages"][-1]["content"]) for row in rows_of(out))
    assert not (shop / "new.dropped.jsonl").exists()


def test_training_follows_only_where_it_can_learn_from_the_file(rung: Run, project: Callable[[str], Path]) -> None:
    shop = project(LABELS)
    outside, inside = shop / "elsewhere.jsonl", shop / "taught" / "new.jsonl"
    words = ("distill", shop, "--teacher", "scripted", "--inputs", shop / "inputs.jsonl", "--train", "-o")
    assert "is not among behaviour.examples" in rung(*words, outside, code=2).err
    assert not outside.exists()
    # the scripted model has no weights: what is said comes from `rung train generator`
    assert "there is nothing to train" in rung(*words, inside, code=2).err
    assert rows_of(inside)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [("absent.jsonl", None, "does not exist"), ("bad.jsonl", '{"name": 1}\n', "there is nothing to answer")],
)
def test_what_is_yours_to_fix_is_said(
    rung: Run, project: Callable[[str], Path], file: str, text: str | None, says: str
) -> None:
    shop = project(LABELS)
    if text is not None:
        (shop / file).write_text(text, encoding="utf-8")
    done = rung("distill", shop, "--teacher", "scripted", "--inputs", shop / file, "-o", shop / "taught" / "x.jsonl", code=2)
    assert says in done.err
