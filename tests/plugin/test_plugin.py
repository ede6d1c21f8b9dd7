"""Can a package that Rung has never heard of add a rung, a scorer, a reader and a model host? A real one, in a process.

It is installed as pip would: its modules in a folder on the path, and beside them the `.dist-info` with the entry points
of its pyproject.toml. pip itself is left out, since it would need the package's build backend.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PACKAGE = Path(__file__).parent / "package"
RUN = "from rung.cli.main import main; main()"
EMAIL = "Subject: Parking\n\nThe visitor car park is behind the warehouse, on Mill Lane.\n"
CASE = {
    "question": "Where is the visitor car park?",
    "answers": ["Mill Lane"],
    "gold_documents": ["mail/parking.eml"],
    "split": "test",
}
YAML = """\
task: Answer briefly.
knowledge: {{sources: [docs/**/*.md, mail/*.eml]}}
cases: [cases/*.jsonl]
model: {model}
embedder: scripted
rungs: [rag, {{second_look: {{first: [1, 2]}}}}]
bar: {{brief: 0.1, shouting: 0.05}}
"""


def install(target: Path) -> Path:
    """The package in a folder that can be put on the path."""
    shutil.copytree(PACKAGE / "src", target)
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = target / f"rung_second_look-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", "utf-8"
    )
    points = ((group, *point) for group, named in project["entry-points"].items() for point in named.items())
    (info / "entry_points.txt").write_text("".join(f"[{g}]\n{n} = {v}\n" for g, n, v in points), encoding="utf-8")
    return target


def run(*command: str, site: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Python with the package installed."""
    inherited = os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{inherited}" if inherited else str(site)}
    return subprocess.run(
        [sys.executable, *command], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return install(tmp_path / "site")


@pytest.fixture
def project(tmp_path: Path, site: Path) -> Path:
    made = run("-c", RUN, "init", "shop", site=site, folder=tmp_path)
    assert made.returncode == 0, made.stderr
    shop = tmp_path / "shop"
    (shop / "mail").mkdir()
    (shop / "mail" / "parking.eml").write_text(EMAIL, encoding="utf-8")
    (shop / "cases" / "parking.jsonl").write_text(json.dumps(CASE) + "\n", encoding="utf-8")
    (shop / "rung.yaml").write_text(YAML.format(model="scripted"), encoding="utf-8")
    return shop


def compared(project: Path, site: Path) -> dict[str, Any]:
    """What `rung compare --json` says."""
    done = run("-c", RUN, "compare", "shop", "--json", site=site, folder=project.parent)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.count("\n") == 1
    return dict(json.loads(done.stdout))


def test_the_rung_is_weighed_the_scorer_judges_and_the_reader_reads(project: Path, site: Path) -> None:
    said = compared(project, site)
    rungs = {rung["name"]: rung for rung in said["rungs"]}
    assert {"rag", "second_look[first=1]", "second_look[first=2]", "closed_book", "oracle"} == set(rungs)
    looked = rungs["second_look[first=1]"]
    assert (looked["status"], looked["settings"]) == ("measured", {"first": 1, "second": 6, "dense_weight": 0.5})
    assert looked["scores"]["brief"]["n"] >= 1
    assert "brief" in rungs["rag"]["scores"]
    found = run("-c", RUN, "search", "shop", "visitor car park", "--top", "1", "--json", site=site, folder=project.parent)
    assert json.loads(found.stdout)["passages"][0]["document"] == "mail/parking.eml"


def test_the_importer_takes_files_of_its_form(project: Path, site: Path) -> None:
    (project / "cards").write_text("#cards\nWhere is the gate?\n= Mill Lane\nWho knows?\n", encoding="utf-8")
    done = run("-c", RUN, "import", "shop/cards", "-C", "shop", "--json", site=site, folder=project.parent)
    (file,) = json.loads(done.stdout)["files"]
    assert (file["form"], file["rows"], file["taken"], len(file["not_taken"])) == ("cards", 2, 1, 1), done.stderr


def speaking(project: Path, *rules: tuple[str, str]) -> None:
    """The project, answered and judged by the plugin's own host."""
    (project / "rules.json").write_text(json.dumps(rules), encoding="utf-8")
    (project / "rung.yaml").write_text(YAML.format(model=f"'rules:{project / 'rules.json'}'"), encoding="utf-8")


def test_a_limit_on_a_metric_of_which_less_is_better_is_an_upper_one(project: Path, site: Path) -> None:
    speaking(project, ("You judge", "no"), ("car park", "MILL LANE"), (".", "I don't know."))
    said = compared(project, site)
    rungs = {rung["name"]: rung for rung in said["rungs"]}
    assert rungs["rag"]["scores"]["shouting"]["mean"] > 0.05
    assert "breaks a limit: shouting is" in rungs["rag"]["why"]
    assert "allowed at most 0.05" in rungs["rag"]["why"]
    assert said["winner"] is None
    page = (project / "report.html").read_text(encoding="utf-8").replace("\u202f", " ")
    assert "<b>Style</b>" in page
    assert "answers with a word in capitals" in page


def test_a_scorer_is_judged_by_the_projects_judge_and_remembered(project: Path, site: Path) -> None:
    speaking(project, ("(?s)You judge.*Mill", "yes"), ("You judge", "no"), ("car park", "Mill Lane"), (".", "I don't know."))
    said = compared(project, site)
    kind = {rung["name"]: rung["scores"]["kind"] for rung in said["rungs"]}
    assert 0 < kind["closed_book"]["mean"] < kind["rag"]["mean"]  # who was not shown the mail declines, in other cases
    again = compared(project, site)
    assert again["steps"]["executed"] == 0
    assert {rung["name"]: rung["scores"]["kind"] for rung in again["rungs"]} == kind


@pytest.mark.parametrize(
    ("bar", "says"),
    [
        ("{breif: 0.1}", "bar: nothing measures 'breif'; did you mean 'brief'?"),
        ("{correct: 0.5,\n  shoutin: 0.05}", "bar: nothing measures 'shoutin'; did you mean 'shouting'?"),
        ("{shouting: 5}", "bar: shouting is a share, so its limit lies in 0 to 1, not at 5"),
    ],
)
def test_a_limit_that_is_none_is_named_with_its_line(project: Path, site: Path, bar: str, says: str) -> None:
    text = YAML.format(model="scripted").replace("{brief: 0.1, shouting: 0.05}", bar)
    (project / "rung.yaml").write_text(text, encoding="utf-8")
    line = next(n for n, row in enumerate(text.splitlines(), 1) if any(word in row for word in ("breif", "shoutin", "5}")))
    for verb in ("check", "compare"):
        said = run("-c", RUN, verb, "shop", site=site, folder=project.parent)
        assert f"rung.yaml:{line}: {says}" in said.stdout + said.stderr


def test_a_scorer_of_the_old_form_is_named_with_what_it_lacks(project: Path, site: Path) -> None:
    scorers = site / "second_look" / "scorers.py"
    scorers.write_text(scorers.read_text(encoding="utf-8").replace("metrics: ClassVar", "layers: ClassVar"), "utf-8")
    said = run("-c", RUN, "compare", "shop", site=site, folder=project.parent)
    assert said.returncode == 2
    assert "the scorer 'tone' of rung-second-look (second_look.scorers:Tone) cannot be loaded" in said.stderr
    assert "it declares no metrics" in said.stderr
    assert "Traceback" not in said.stderr


def test_the_model_host_answers(project: Path, site: Path) -> None:
    rules = project / "rules.json"
    rules.write_text(json.dumps([["car park", "Mill Lane"], [".", "I don't know."]]), encoding="utf-8")
    (project / "rung.yaml").write_text(YAML.format(model=f"'rules:{rules}'"), encoding="utf-8")
    said = run(
        "-c",
        RUN,
        "ask",
        "shop",
        "Where is the car park?",
        "--rung",
        "second_look[first=1]",
        site=site,
        folder=project.parent,
    )
    assert said.stdout.startswith("Mill Lane"), said.stderr


def test_the_tool_is_called(project: Path, site: Path) -> None:
    call = '<tool_call>{"name": "letter_count", "arguments": {"letter": "r", "word": "strawberry"}}</tool_call>'
    rules = project / "rules.json"
    rules.write_text(json.dumps([[r"<tool_response>\s*3\s*<", "Three."], [".", call]]), encoding="utf-8")
    yaml = YAML.format(model=f"'rules:{rules}'").replace("[rag,", "[rag, tools,") + "tools: [letter_count]\n"
    (project / "rung.yaml").write_text(yaml, encoding="utf-8")
    question = ("ask", "shop", "How many r are in strawberry?", "--rung", "tools")
    said = run("-c", RUN, *question, site=site, folder=project.parent)
    assert said.stdout.startswith("Three."), said.stderr


def test_a_wrong_setting_of_the_rung_is_named_with_its_line(project: Path, site: Path) -> None:
    (project / "rung.yaml").write_text(YAML.format(model="scripted").replace("first:", "frist:"), encoding="utf-8")
    said = run("-c", RUN, "check", "shop", site=site, folder=project.parent)
    assert "shop/rung.yaml:6: second_look: unknown setting 'frist'; did you mean 'first'?" in said.stdout


def test_without_the_package_its_rung_is_unknown(project: Path, tmp_path: Path) -> None:
    said = run("-c", RUN, "check", "shop", site=tmp_path / "nowhere", folder=project.parent)
    assert "unknown rung 'second_look'" in said.stdout


def test_its_own_tests_pass_where_it_is_installed(site: Path, tmp_path: Path) -> None:
    own = site / "second_look" / "test_parts.py"
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={site}", str(own), site=site, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
