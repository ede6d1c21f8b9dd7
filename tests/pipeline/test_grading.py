"""A model as judge, from the project file to the verdict: scripted, and behind a real local server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.loop import compare
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.grading import calibrated
from rung.pipeline.prepare import prepare
from rung.records import Verdict
from rung.records.steps import Generate
from tests.working import working

YAML = """\
name: essays
task: Explain.
behaviour: {examples: examples.jsonl}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, few_shot]
bar: {metric: judge, correct: 0.6}
"""


@pytest.fixture
def essays(tmp_path: Path) -> Path:
    rows: list[dict[str, object]] = [{"id": f"c{n}", "question": f"Explain thing {n}.", "split": "test"} for n in range(6)]
    human = [{"answer": "a good one", "good": True}, {"answer": "a poor one", "good": False}]
    rows.append({"id": "d", "question": "Explain it all.", "split": "dev", "meta": {"human": human}})
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    chat = [{"role": "user", "content": "Explain that."}, {"role": "assistant", "content": "a good explanation"}]
    (tmp_path / "examples.jsonl").write_text(json.dumps({"messages": chat}), encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def opinion(prompt: str) -> str:
    """Good is good; of thing 5 the judge has no opinion."""
    if "thing 5" in prompt and "good" in prompt.rpartition("Answer")[2]:
        return "I would rather not say."
    if "Answer A:" in prompt:
        first, _, second = prompt.partition("Answer B:")
        sides = ("good" in first.partition("Answer A:")[2], "good" in second)
        return "Better: " + ("tie" if sides[0] == sides[1] else "A" if sides[0] else "B")
    return "Grade: 5" if "good" in prompt.rpartition("Answer")[2] else "Grade: 1"


def judged(folder: Path, calls: list[str]) -> Verdict:
    def says(step: Generate) -> str:
        calls.append(step.messages[-1].content)
        return opinion(step.messages[-1].content)

    with working(load_project(folder)) as at:
        at.engines.judge = ScriptedGenerator(says, name="judge")
        return at.compare()[0].verdict


def test_a_rubric_judges_where_no_reference_exists(essays: Path) -> None:
    calls: list[str] = []
    verdict = judged(essays, calls)
    scores = {r.name: r.scores["correct"] for r in verdict.rungs if "correct" in r.scores}
    assert verdict.winner == "few_shot"
    assert (scores["few_shot"].mean, scores["few_shot"].n) == (1.0, 5)  # thing 5 is neither right nor wrong
    assert scores["prompt"].mean == 0.0
    assert any("few_shot: 1 score could not be made" in warning for warning in verdict.warnings)
    assert any("agrees with 100% of 2 human labels (kappa 1.00)" in warning for warning in verdict.warnings)
    before = len(calls)
    assert judged(essays, calls).winner == "few_shot"
    assert len(calls) == before  # what was judged is remembered
    page = (essays / "report.html").read_text(encoding="utf-8")
    assert "a model judged each answer" in page


def test_pairs_are_judged_against_the_closed_book(essays: Path) -> None:
    text = (essays / "rung.yaml").read_text(encoding="utf-8")
    (essays / "rung.yaml").write_text(f"{text}judge: {{mode: pairwise, rubric: Prefer good ones.}}\n", encoding="utf-8")
    calls: list[str] = []
    verdict = judged(essays, calls)
    scores = {r.name: r.scores["correct"].mean for r in verdict.rungs if "correct" in r.scores}
    assert scores["closed_book"] == 0.5
    assert scores["few_shot"] == 1.0
    assert any("is not calibrated" in warning for warning in verdict.warnings)


def test_a_judge_that_grades_nothing_is_not_said_to_have_run_out_of_money(essays: Path) -> None:
    with working(load_project(essays)) as at:
        at.engines.judge = ScriptedGenerator(lambda _: "I would rather not say.", name="judge")
        said = calibrated(at.runner, prepare(at.engines).rows.cases)
    assert said == "The judge scripted is not calibrated: it graded none of the labelled answers."


class _Judge(BaseHTTPRequestHandler):
    """An OpenAI-compatible server that grades."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = {"role": "assistant", "content": opinion(body["messages"][-1]["content"])}
        reply = {
            "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3},
        }
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Judge) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/v1#judge"
        running.shutdown()


def test_a_judge_behind_a_server(essays: Path, server: str) -> None:
    text = (essays / "rung.yaml").read_text(encoding="utf-8")
    (essays / "rung.yaml").write_text(f'{text}judge: {{model: "{server}"}}\n', encoding="utf-8")
    verdict = compare(load_project(essays)).verdict
    assert verdict.winner == "few_shot"
    assert {r.name: r.scores["correct"].mean for r in verdict.rungs if "correct" in r.scores}["prompt"] == 0.0
