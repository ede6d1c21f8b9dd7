"""`rung train generator` as it is called, on a real llama of ten thousand weights: recipe, search, JSON, kill, full disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.killing import killed
from tests.models.tiny_hf import tiny_llama

pytest.importorskip("gguf")
pytest.importorskip("torch")

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).parents[2] / "src"
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LINE = {
    "artifact",
    "rows",
    "tokens",
    "tokens_per_second",
    "seconds",
    "peak_mb",
    "train_loss",
    "validation_loss",
    "forgetting",
}
SMALL = "rank: 4\nlearning_rate: 1e-2\nepochs: 2\nvalidation: 0.2\ndevice: cpu\ncheckpoint_seconds: 0\n"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of every call: a cache in which the tiny model is prepared once."""
    home = tmp_path_factory.mktemp("cache")
    tiny_llama(home / "tiny")
    path = f"{SOURCE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return {**os.environ, "RUNG_CACHE": str(home), "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TINY": str(home / "tiny")}


@pytest.fixture
def project(tmp_path: Path, ready: dict[str, str]) -> Path:
    examples = [
        {"messages": [{"role": "user", "content": f"{'#' * (n % 7)}{n}"}, {"role": "assistant", "content": WORDS[n % 10]}]}
        for n in range(40)
    ]
    (tmp_path / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in examples))
    (tmp_path / "cases.jsonl").write_text('{"question": "what is 77?", "answers": ["seven"], "split": "test"}\n')
    settings = {
        "task": "Say the word.",
        "model": f"hf:{ready['TINY']}",
        "embedder": "scripted",
        "behaviour": {"examples": ["examples.jsonl"]},
        "cases": ["cases.jsonl"],
        "rungs": ["prompt", "tuned_model"],
    }
    (tmp_path / "rung.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "recipe.yaml").write_text(SMALL)
    return tmp_path


def command(project: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "rung", "train", "generator", str(project), *more]


def trained(project: Path, ready: dict[str, str], *more: str) -> dict[str, Any]:
    done = subprocess.run(command(project, "--json", *more), env=ready, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def weights(project: Path, artifact: str) -> bytes:
    return (project / ".rung" / "artifacts" / "adapter" / artifact / "adapter_model.safetensors").read_bytes()


def manifest(project: Path, artifact: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((project / ".rung/artifacts/adapter" / artifact / "manifest.json").read_text())
    return told


def test_the_line_of_json_says_what_came_of_it(project: Path, ready: dict[str, str]) -> None:
    told = trained(project, ready)
    assert set(told) >= LINE
    assert told["rows"] == 40
    assert told["validation_loss"] > 0
    assert told["tokens"] > 40
    assert told["peak_mb"] > 50
    made = manifest(project, told["artifact"])
    assert (made["recipe"]["rank"], made["recipe"]["epochs"], made["device"]) == (4, 2, "cpu")
    (project / "other.yaml").write_text(SMALL.replace("rank: 4", "rank: 2"))
    other = trained(project, ready, "--recipe", str(project / "other.yaml"))
    assert manifest(project, other["artifact"])["recipe"]["rank"] == 2
    assert trained(project, ready) == told


def test_a_search_is_written_down_and_taken_from_then_on(project: Path, ready: dict[str, str]) -> None:
    told = trained(project, ready, "--search")
    chosen = yaml.safe_load((project / "recipe.yaml").read_text())
    made = manifest(project, told["artifact"])
    assert chosen["rank"] == made["recipe"]["rank"]
    assert chosen["learning_rate"] == made["recipe"]["learning_rate"]
    assert (chosen["epochs"], chosen["device"]) == (2, "cpu")
    tried = {(t["learning_rate"], t["rank"]) for t in made["search"]}
    assert len(tried) == 8
    assert (chosen["learning_rate"], chosen["rank"]) in tried
    assert trained(project, ready)["artifact"] == told["artifact"]  # nothing is trained again
    subprocess.run(
        [sys.executable, "-m", "rung", "compare", str(project), "--json"], env=ready, capture_output=True, check=False
    )
    page = (project / "report.html").read_text()
    assert 'aria-label="Learning curve of tuned_model"' in page  # by the adapter that the search trained
    assert len(list((project / ".rung/artifacts/adapter").glob("[!.]*"))) == 1


def test_killed_at_any_point_it_goes_on_to_the_same_weights(project: Path, ready: dict[str, str]) -> None:
    whole = trained(project, ready)
    kept = weights(project, whole["artifact"])
    folder = project / ".rung" / "artifacts" / "adapter" / whole["artifact"]
    for file in folder.iterdir():
        file.unlink()
    checkpoint = folder / "checkpoint.safetensors"
    kills = sum(killed(command(project), checkpoint, patience, env=ready) for patience in (0.0, 0.02))
    assert kills
    assert weights(project, trained(project, ready)["artifact"]) == kept


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (
            "rank: 4\nlerning_rate: 1\n",
            "recipe.yaml:2: unknown training setting 'lerning_rate'; did you mean 'learning_rate'?",
        ),
        ("device: cuda\n", "device: cuda was asked for"),
        ("replay: 0.1\nreplay_rows: []\n", "replay is given without replay_rows"),
        ("variant: dora\n", "variant: dora is not served by OpenVINO"),
        ("target_modules: [qproj]\n", "target_modules names qproj"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_said_and_exits_with_2(
    recipe: str, says: str, project: Path, ready: dict[str, str]
) -> None:
    (project / "recipe.yaml").write_text(recipe)
    done = subprocess.run(command(project), env=ready, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert "what the model says by itself" not in done.stderr  # nothing is asked for what is replayed


def test_a_full_disk_is_said_and_what_was_learnt_stays(project: Path, ready: dict[str, str]) -> None:
    """Files may not grow past 300 kB: the real error of a real write, half-way through."""
    limited = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from rung.cli.main import main\n"
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, -1)); sys.exit(main())\n"
    (project / "recipe.yaml").write_text(SMALL.replace("rank: 4", "rank: 64") + "replay: 0\n")
    arguments = command(project)[3:]
    done = subprocess.run(
        [sys.executable, "-c", limited, *arguments], env=ready, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert "make room" in " ".join(done.stderr.split())
    (project / "recipe.yaml").write_text(SMALL)
    assert trained(project, ready)["rows"] == 40
