"""A shop that was compared and served, in which Ann stands in every place that keeps anything."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.records import Json, Message, Question
from rung.records.steps import Generate, GenerateResult
from rung.records.traces import Trace
from rung.state.database import now_ms, open_state
from rung.state.feedback import Remark, add_remark
from rung.state.tables import answers, differences, observations, traces
from rung.tracing.spans import Ending, Opening
from rung.tracing.store import row_of
from tests.cli.conftest import make_shop, rung  # noqa: F401 - fixtures
from tests.forked import Commands
from tests.tracing.traces import made, opening, run, spans

ANN = "Ann Lindqvist"
OF_ANN, OF_BOB = "a" * 32, "b" * 32
ASKED = f"I am {ANN}, when did I return the blue kettle?"


@pytest.fixture(scope="session")
def with_ann(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project; copied, not changed."""
    shop = make_shop(tmp_path_factory.mktemp("ann") / "shop")
    (shop / "docs" / "ann.md").write_text(f"# Letters\n\n{ANN} returned a blue kettle on the third of May.\n", "utf-8")
    case = {"id": "a1", "question": f"When did {ANN} return the kettle?", "answers": ["third of May"], "split": "test"}
    evidence = [{"document": "docs/ann.md", "quote": "third of May"}]
    with (shop / "cases.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({**case, "evidence": evidence}) + "\n")
    rows = [("e1", "Do you ship to Norway?", "We do."), ("e2", f"It is {ANN} again.", "Hello, what can I do for you?")]
    turns = [(id, [{"role": "user", "content": a}, {"role": "assistant", "content": b}]) for id, a, b in rows]
    lines = [json.dumps({"id": id, "messages": messages, "approved_by": "cy"}) for id, messages in turns]
    (shop / "examples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (shop / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("behaviour: {examples: [examples.jsonl]}\n")
    files = tmp_path_factory.mktemp("output")
    done = commands.run(["compare", str(shop)], cwd=shop, env=dict(os.environ), files=files)
    assert done.code in (0, 1), done.err
    return shop


@pytest.fixture
def shop(with_ann: Path, tmp_path: Path) -> Path:
    """Compared, then served and reviewed."""
    folder = Path(shutil.copytree(with_ann, tmp_path / "shop"))
    fill(folder)
    return folder


def fill(folder: Path) -> None:
    """What serving and people would have written."""
    state_folder = folder / ".rung"
    with open_state(load_project(folder)) as state, state.writing() as connection:
        connection.execute(traces.insert(), [row_of(trace) for trace in (of_ann(), made(OF_BOB, content=True))])
        row = {"at": now_ms(), "caller": "key:1", "model": "rag", "digest": "d", "process": "p"}
        connection.execute(answers.insert(), [{**row, "id": OF_ANN}, {**row, "id": OF_BOB}])
        said = {"text": "On the third of May.", "refused": False, "documents": ["docs/ann.md"]}
        other = {**said, "documents": ["docs/shipping.md"]}
        question = {"text": ASKED}
        connection.execute(
            differences.insert(),
            [
                {"at": now_ms(), "deployment": "x", "answer": OF_ANN, "question": question, "old": said, "new": {}},
                {"at": now_ms(), "deployment": "x", "answer": OF_BOB, "question": {"text": "?"}, "old": other, "new": other},
            ],
        )
        seen = {"at": now_ms(), "deployment": "x", "trial": "", "end": "answered", "refused": False, "seconds": 1.0}
        connection.execute(observations.insert(), [{**seen, "answer": OF_ANN}, {**seen, "answer": OF_BOB}])
    with open_state(load_project(folder)) as state:
        entry: dict[str, Json] = {"question": ASKED, "answer": "On the third.", "documents": ["docs/ann.md"], "digest": "d"}
        add_remark(state, Remark(OF_ANN, "ann", "down", {"correction": f"{ANN} came in June."}, entry))
        add_remark(state, Remark(OF_BOB, "bob", "up", {}, {"question": "?", "answer": "!", "documents": []}))
    draft = {"id": "d1", "question": ASKED, "answers": [], "drafted_by": "feedback", "approved_by": ""}
    approved = {**draft, "id": "d2", "approved_by": "cy"}
    (folder / "feedback.drafts.jsonl").write_text(f"{json.dumps(draft)}\n{json.dumps(approved)}\n", encoding="utf-8")
    event = {"at": "2026-11-29", "by": "cy", "action": "reject", "reason": "no", "file": "x", "before": draft, "after": None}
    (folder / "reviews.jsonl").write_text(f"{json.dumps(event)}\n", encoding="utf-8")
    (state_folder / "damaged").mkdir(exist_ok=True)
    (state_folder / "damaged" / "old.db").write_text(ANN, encoding="utf-8")
    (state_folder / "feedback.taken-over.jsonl").write_text(json.dumps({"question": ASKED}) + "\n", encoding="utf-8")
    running = json.loads((state_folder / "running.json").read_text(encoding="utf-8"))
    running["messages"] = [f"! {ANN}"]
    (state_folder / "running.json").write_text(json.dumps(running), encoding="utf-8")


def of_ann(id: str = OF_ANN) -> Trace:
    """A trace with her words."""
    asked: Opening = opening(id, asked=ASKED)
    assert asked.question == Question("asked", ASKED)
    step = run(Generate((Message("user", ASKED),), seed=7), GenerateResult(f"Dear {ANN}, on the third.", 4, 5))
    return spans(content=True).trace(asked, [step], Ending(seconds=1.0))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a locked database."""
    monkeypatch.setattr("rung.erasure.databases.PATIENCE", 0.2)
    monkeypatch.setattr("rung.state.database._PATIENCE", 0.2)
