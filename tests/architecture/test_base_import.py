"""Is `import rung` light, and does every module load without the extras?

In a fresh interpreter in which the extras' packages cannot be found. `import rung` must load none of HEAVY: these are what
would cost it its 0.3 s (pydantic and yaml are not among them; a time would depend on the machine). Heavy libraries are
imported inside the function that needs them, so that every other module can be imported, too, with the extras away.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib

import pytest

from tests.architecture.source_tree import PACKAGE, ROOT, modules

HEAVY = {
    "httpx",
    "lancedb",
    "numpy",
    "openvino",
    "openvino_genai",
    "pandas",
    "peft",
    "pyarrow",
    "ray",
    "rich",
    "scipy",
    "semantic_text_splitter",
    "tokenizers",
    "torch",
    "transformers",
    "typer",
}
IMPORT_NAMES = {"optimum-intel": "optimum", "pyjwt": "jwt", "pillow": "PIL", "huggingface-hub": "huggingface_hub"}
IMPORT_NAMES |= {"opentelemetry-sdk": "opentelemetry", "opentelemetry-exporter-otlp-proto-http": "opentelemetry"}
# Classes that derive from an extra's stand in these modules; only functions import them.
NEED_TRAIN: frozenset[str] = frozenset({"rung.models.causal.rows"})
# Routes are declared by decorators, and what is counted is a class: `rung serve` imports these once it may.
NEED_SERVE = frozenset(
    f"rung.serving.{name}"
    for name in (
        "alert_counts",
        "answering",
        "anthropic_api",
        "app",
        "citations",
        "described",
        "feedback",
        "gate",
        "going_back",
        "guard",
        "mcp_http",
        "mcp_server",
        "mcp_session",
        "memory_counts",
        "metrics",
        "openai_api",
        "promotion",
        "replay",
        "request_state",
        "responses_api",
        "alarms",
        "rollouts",
        "search_api",
        "trace_counts",
        "server",
        "session",
        "several",
        "shadows",
        "trials",
    )
)
# Tables are objects of SQLAlchemy: who opens the database imports these.
_STATE = (
    "addresses",
    "alerts",
    "buffered",
    "database",
    "deployments",
    "erasing",
    "retention",
    "feedback",
    "migrations.env",
    "migrations.versions.a01_first",
    "migrations.versions.a02_traces",
    "migrations.versions.a03_deployments",
    "migrations.versions.a04_watch",
    "migrations.versions.a05_expectations",
    "migrations.versions.a06_askers",
    "migrations.versions.a07_traced_deployments",
    "observed",
    "ratings",
    "tables",
)
NEED_DATABASE = frozenset(
    {
        "rung.commands.feedback_drafts",
        "rung.commands.feedback_import",
        "rung.tracing.kept",
        "rung.tracing.questions",
        "rung.tracing.store",
        *(f"rung.state.{name}" for name in _STATE),
        *(f"rung.watching.{name}" for name in ("baselines", "looking", "running", "webhook")),
    }
)

RUN = """
import importlib, json, sys
blocked, names = json.loads(sys.argv[1])

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r} (an extra)", name=name)

sys.meta_path.insert(0, Blocker())
failed = {}
for name in names:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = f"{type(error).__name__}: {error}"
print(json.dumps({"failed": failed, "loaded": sorted({m.split(".")[0] for m in sys.modules})}))
"""


def extras() -> list[str]:
    """Import names of the packages that only an extra brings, `peft` and `trl` with them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    plain = {name_of(r) for r in project["dependencies"]}
    asked = {name_of(r) for group, rows in project["optional-dependencies"].items() if group != "dev" for r in rows}
    optional = (asked | {"peft", "trl"}) - plain - {"rung"}
    return sorted(IMPORT_NAMES.get(name, name.replace("-", "_")) for name in optional)


def name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()


def fresh(names: list[str], blocked: list[str]) -> tuple[dict[str, str], list[str]]:
    """(module -> error, packages loaded) after importing `names` in a new interpreter."""
    command = [sys.executable, "-c", RUN, json.dumps([blocked, names])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(done.stdout)
    return answer["failed"], answer["loaded"]


def test_import_rung_is_light_and_needs_no_extra() -> None:
    failed, loaded = fresh(["rung"], extras())
    assert failed == {}
    assert sorted(HEAVY & set(loaded)) == []


@pytest.mark.slow
def test_every_module_loads_without_the_extras() -> None:
    excepted = NEED_TRAIN | NEED_SERVE | NEED_DATABASE | {"rung.watching.promoting"}
    excepted |= {m.name for m in modules(PACKAGE) if m.name.startswith("rung.web.")}  # pages are routes, all of them
    names = [m.name for m in modules(PACKAGE) if m.name not in excepted and not m.name.endswith("__main__")]
    failed, _ = fresh(names, extras())
    assert failed == {}


@pytest.mark.parametrize("package", ["torch"])
def test_an_import_of_an_extra_is_caught(package: str) -> None:
    assert package in extras()
    failed, _ = fresh([package], extras())
    assert package in failed


def test_a_heavy_import_is_seen() -> None:
    _, loaded = fresh(["numpy"], [])
    assert "numpy" in HEAVY & set(loaded)
