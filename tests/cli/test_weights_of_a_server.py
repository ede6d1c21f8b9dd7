"""`weights` beside a server's name: trained here, answered there; the real commands against a server with real weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rung.models.catalog import generator
from rung.models.served_adapters import PREFIX
from tests.cli.conftest import Run
from tests.models.adapter_server import BASE, AdapterServer
from tests.models.tiny_hf import tiny_llama

pytest.importorskip("torch")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture
def server(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AdapterServer]:
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with AdapterServer(generator=generator(f"hf:{weights}")) as one:
        yield one


@pytest.fixture
def project(server: AdapterServer, weights: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    answer = {"role": "assistant", "content": "one two"}
    rows = [{"messages": [{"role": "user", "content": f"word {n}"}, answer]} for n in range(20)]
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cases = [{"question": f"word {n} now", "answers": ["one two"], "split": "test"} for n in range(20)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in cases))
    settings = {
        "task": "Say the word.",
        "server": {"context_tokens": 512, "retries": 0},
        "models": {"own": {"use": f"{server.url}#{BASE}", "weights": f"hf:{weights}"}},
        "embedder": "scripted",
        "behaviour": {"examples": ["examples.jsonl"]},
        "cases": ["cases.jsonl"],
        "rungs": [{"prompt": {"max_tokens": 8}}, {"tuned_model": {"max_tokens": 8}}],
        "bar": {"correct": 0.5, "forgetting": {"answer_loss": 9, "choices": 1, "instructions": 1}},
    }
    (folder / "rung.yaml").write_text(yaml.safe_dump(settings))
    recipe = "rank: 8\nlearning_rate: 1e-2\nepochs: 20\nvalidation: 0.0\nreplay: 0\ndevice: cpu\n"
    (folder / "recipe.yaml").write_text(recipe)
    return folder


def test_it_is_trained_here_and_answers_there(rung: Run, project: Path, server: AdapterServer) -> None:
    verdict = rung("compare", project, "--json").json
    rows: dict[str, Any] = {row["name"]: row for row in verdict["rungs"]}
    assert verdict["winner"] == "tuned_model"
    assert rows["tuned_model"]["model"] == f"{server.url}#{BASE}"
    (name,) = server.loaded
    asked = [r for r in server.asked if r.path.endswith("/chat/completions") and r.body["model"] == name]
    assert {f"word {n} now" for n in range(20)} <= {request.text for request in asked}, "every case, by the adapter's name"
    digest = rows["tuned_model"]["artifacts"]["adapter"]
    assert name == PREFIX + digest[:16]
    manifest = json.loads((project / ".rung/artifacts/adapter" / digest / "manifest.json").read_text())
    assert manifest["base"]["identity"] == server.generator.identity
    assert rung("artifacts", "retire", project, digest[:8], "--json").json["servers"] == {"own": "unloaded"}
    assert server.loaded == []


def test_a_server_without_the_adapter_leaves_the_rung_out_and_says_why(
    rung: Run, project: Path, server: AdapterServer
) -> None:
    server.loads = False
    verdict = rung("compare", project, "--json", code=1).json
    rows: dict[str, Any] = {row["name"]: row for row in verdict["rungs"]}
    assert "has no adapter rung-" in json.dumps(rows["tuned_model"])
    assert rows["tuned_model"]["status"] == "failed"
    assert rows["prompt"]["status"] == "measured"


@pytest.mark.parametrize(
    ("use", "named", "says"),
    [
        ("openai:gpt-x", "", "'openai:gpt-x' takes no adapters"),
        ("smollm2-135m-instruct", "", "takes no adapters"),
        (None, "scripted", "'scripted' cannot be tuned here"),
        (None, "http://127.0.0.1:9/v1#m", "cannot be tuned here"),
        (None, "smollm3-nothing", "weights: unknown generator 'smollm3-nothing'"),
        (None, "hf:none", "is no folder and no model"),
    ],
)
def test_weights_that_cannot_be_are_refused_with_their_line(
    use: str | None, named: str, says: str, rung: Run, project: Path
) -> None:
    settings = yaml.safe_load((project / "rung.yaml").read_text())
    own = settings["models"]["own"]
    own["use"], own["weights"] = use or own["use"], named or own["weights"]
    (project / "rung.yaml").write_text(yaml.safe_dump(settings))
    said = rung("check", project, code=2, env=[("OPENAI_API_KEY", "k")])
    text = " ".join((said.out + said.err).split())
    assert says in text
    assert "rung.yaml:" in text
