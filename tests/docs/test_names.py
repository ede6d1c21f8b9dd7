"""Does the documentation name everything that the code has, and nothing else? Keys, rungs, settings, metrics, columns."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import reduce
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import rung.dataset.case_rows
import rung.dataset.drafted_rows
import rung.dataset.load
from rung.config.schema import Settings
from rung.dataset.formats import KNOWN
from rung.knowledge.loading import DOOR as READERS
from rung.models.grammar.formats import FORMATS
from rung.records import (
    Case,
    Coverage,
    Effort,
    Estimate,
    Example,
    Json,
    JudgeCheck,
    Layer,
    Lost,
    Message,
    Metric,
    ReasonKind,
    Repeats,
    RungResult,
    Unanswered,
    Verdict,
)
from rung.records.evaluation import Why
from rung.records.steps import Generate, Step
from rung.report.as_json import verdict_json
from rung.report.table import table
from rung.scoring.registry import DOOR as DOOR_OF_SCORERS
from rung.scoring.registry import declared
from rung.strategies.protocol import Composition, Plan, Rung
from rung.strategies.registry import DOOR, make_strategy
from rung.testing.strategies import MEMBERS, StrategyContract, canned, drive, materials
from rung.verdict.costs import Demand, Prices, bill
from rung.verdict.failure_modes import REMEDIES
from rung.verdict.rejections import stopped
from tests.architecture.source_tree import modules
from tests.architecture.test_arrows import LAYERS
from tests.docs.pages import DOCS, ROOT, Block, blocks, code, named, prose, rows, section
from tests.docs.trying import make_helpdesk
from tests.docs.trying import rung as rung_command
from tests.models.making_schemas import HELD, UNHELD

RUNGS = tuple(DOOR.load(()).values())  # reference arms included
BUILT_IN = tuple(rung for rung in RUNGS if not rung.reference)
EMPTY: tuple[object, ...] = (None, "", (), {})
OF_THE_SHELL = {"PWD", "CI"}
SIGNED_IN = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}  # read by the library


def keys(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """(dotted key as written in rung.yaml, field) of every setting."""
    for name, field in model.model_fields.items():
        key = before + (field.alias or name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{key}.")
        else:
            yield key, field


def shown_default(value: object) -> str:
    return "none" if value in EMPTY else value if isinstance(value, str) else json.dumps(value)


def bounds(field: FieldInfo) -> list[str]:
    """The numbers that a value is held to."""
    return [f"{getattr(m, name):.12g}" for m in field.metadata for name in ("ge", "gt", "le") if hasattr(m, name)]


# --- rung.yaml


def test_every_key_of_rung_yaml_is_documented_and_no_other() -> None:
    documented = named(section(DOCS / "configuration.md", "Keys"))
    assert set(documented) == {key for key, _ in keys(Settings)}


@pytest.mark.parametrize(("key", "field"), list(keys(Settings)), ids=lambda v: v if isinstance(v, str) else "")
def test_defaults_and_ranges_of_rung_yaml(key: str, field: FieldInfo) -> None:
    _, kind, default, _ = named(prose(DOCS / "configuration.md"))[key]
    assert default.strip("`") == shown_default(field.default)
    assert [bound for bound in bounds(field) if bound not in re.findall(r"[\d.]+", kind)] == []


# --- rows


def read_keys(*functions: str) -> set[str]:
    """The keys that the readers of rows look at."""
    units = (rung.dataset.case_rows, rung.dataset.drafted_rows, rung.dataset.load)
    source = "".join(inspect.getsource(next(vars(unit)[name] for unit in units if name in vars(unit))) for name in functions)
    listed = re.findall(r"for key in \(([^)]*)\)", source)
    return {*re.findall(r"row(?:\.get\(|, |\[)\"(\w+)\"", source), *re.findall(r'"(\w+)"', " ".join(listed))}


def test_every_key_of_a_case_is_documented_and_no_other() -> None:
    documented, _, _ = section(DOCS / "data-formats.md", "Cases").partition("### Drafts")
    assert set(named(documented)) == read_keys("case_of", "is_draft", "approver", "read_cases", "id_of", "_split", "meta_of")


def test_every_key_of_an_example_is_documented_and_no_other() -> None:
    assert set(named(section(DOCS / "data-formats.md", "Examples"))) == set(KNOWN)


def test_every_key_of_a_document_row_and_every_suffix_is_documented() -> None:
    from rung.knowledge.readers.code import OF_SUFFIX
    from rung.knowledge.readers.rows import _ROW_KEYS

    files, _, keys_of_rows = section(DOCS / "data-formats.md", "Documents").partition("**Rows** of")
    suffixes = {name for name in named(files) if name.startswith(".")}
    code_suffixes = suffixes & set(OF_SUFFIX)  # some stand for all
    assert code_suffixes
    assert suffixes - code_suffixes == {f".{suffix}" for suffix in READERS.built_in} - set(OF_SUFFIX)
    assert set(named(keys_of_rows)) == _ROW_KEYS


# --- rungs


_PAIRS = [(Message("user", f"question {n}"), Message("assistant", ("yes", "no")[n % 2])) for n in range(50)]
APPLIES = {
    "structured": materials(labels=("yes",)),
    "classifier": materials(labels=("yes", "no"), examples=tuple(Example(f"e{n}", pair) for n, pair in enumerate(_PAIRS))),
    "router": materials(dev=tuple(Case(f"d{n}", f"question {n}") for n in range(30))),
    "semantic_cache": materials(dev=tuple(Case(f"d{n}", f"question {n}") for n in range(45))),
}
WITHOUT_PROMPT = {
    "structured",
    "multi_hop",
    "tuned_retriever",
    "classifier",
    "router",
    "semantic_cache",
    "function",
}  # that of another rung, or none


def plan(rung: type[Rung], settings: Mapping[str, Json] | None = None) -> Plan:
    planned = rung.plan(APPLIES.get(rung.name, materials()), settings or {})
    members = MEMBERS if rung.name == "router" else MEMBERS[:1]
    planned = planned.plan(members) if isinstance(planned, Composition) else planned
    assert isinstance(planned, Plan)
    return planned


def settings_shown(rung: type[Rung]) -> dict[str, list[str]]:
    """The rows of a rung's settings table."""
    page = DOCS / "rungs.md"
    if not rung.reference:
        return named(section(page, rung.name))
    return named(section(page, "The reference arms").split(f"**`{rung.name}`**")[1].split("**`")[0])


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.name)
def test_every_setting_of_a_rung_is_documented_with_its_default(rung: type[Rung]) -> None:
    documented = {name: row[1].strip("`") for name, row in settings_shown(rung).items()}
    assert documented == {name: shown_default(value) for name, value in plan(rung).settings.items()}


def test_the_ladder_is_in_order() -> None:
    overview = rows(prose(DOCS / "rungs.md"))[: len(BUILT_IN)]
    assert [code(row[0])[0] for row in overview] == [rung.name for rung in BUILT_IN]
    assert all(rung.name in prose(DOCS / "rungs.md") for rung in RUNGS)


def prompts() -> list[Block]:
    return [b for b in blocks() if any(word.startswith("prompt=") for word in b.words)]


@pytest.mark.parametrize("block", prompts(), ids=lambda block: ",".join(block.words))
def test_the_prompt_is_the_one_that_is_sent(block: Block) -> None:
    """The words after `prompt=NAME` are settings, as in `shots=2`."""
    (_, name), *settings = (word.split("=") for word in block.words)
    said_settings: dict[str, Json] = {key: int(value) for key, value in settings}
    planned = plan(next(r for r in RUNGS if r.name == name), said_settings)
    strategy = make_strategy(planned.with_artifacts(("1" * 64,) * len(planned.needs)))
    _, steps = drive(strategy.answer(StrategyContract.question), canned)
    said = next(step for step in steps if isinstance(step, Generate))
    assert block.text == "".join(f"{m.role}: {m.content}\n" for m in said.messages)


def test_every_rung_with_a_prompt_of_its_own_shows_it() -> None:
    assert {b.words[0].removeprefix("prompt=") for b in prompts()} == {r.name for r in BUILT_IN} - WITHOUT_PROMPT


# --- scores


def test_every_metric_is_documented_under_its_layer_and_no_other() -> None:
    by_layer: dict[str, set[str]] = {}
    for metric in declared(DOOR_OF_SCORERS.load(())).values():
        by_layer.setdefault(metric.layer, set()).add(metric.name)
    for layer, names in by_layer.items():
        assert set(named(section(DOCS / "scores.md", layer.capitalize()))) == names, layer


def test_which_way_is_better_is_documented() -> None:
    lower = {metric.name for metric in declared(DOOR_OF_SCORERS.load(())).values() if metric.better == "lower"}
    layers = ("Retrieval", "Grounding", "Citation", "Abstention", "Format", "Access", "Correctness", "Cost")
    told = [row for layer in layers for row in rows(section(DOCS / "scores.md", layer))]
    assert {code(row[0])[0] for row in told if "less is better" in row[-1]} == lower


# --- the verdict


ESTIMATE = Estimate(0.5, 0.4, 0.6, 10)
BILL = bill(Effort(0.001, 0.5), Prices(), Demand(1000))
RESULTS = (
    RungResult(
        "rag",
        {},
        "measured",
        scores={"correct": ESTIMATE},
        artifacts={"adapter": "1a2b"},
        bill=BILL,
        losses=(Lost("failed", 1, ESTIMATE),),
        repeats=Repeats(3, 10, 0.2, 0.06, 0.1),
        estimated=3,
        unanswered=Unanswered(1, 20, "all with: HTTP 503: busy"),
        fields={"intent": ESTIMATE},
    ),
    RungResult("oracle", {}, "measured", reference=True),
)
DOUBTS, PLACES = {"knowledge": "nothing follows"}, {"1 case": ("cases.jsonl:1",)}
COVERAGE = Coverage(rescored="Scored again.")
HUMAN = JudgeCheck(20, 0.9, 0.7, {"rag": 0.8}, {"rag": 10}, {"rag": 0.6})
SAMPLE = Verdict(
    "rag",
    True,
    "Because.",
    {"knowledge": ESTIMATE},
    RESULTS,
    doubts=DOUBTS,
    gap_notes=DOUBTS,
    places=PLACES,
    coverage=COVERAGE,
    human=HUMAN,
)


def paths(value: Json, before: str = "") -> Iterator[str]:
    """Every key of a JSON value, dotted; `[]` for the items of a list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{before}{key}"
            yield from paths(inner, f"{before}{key}.")
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, before)


def test_every_key_of_the_json_is_documented_and_no_other() -> None:
    names = {"gaps.knowledge": "gaps.NAME", "scores.correct": "scores.METRIC", ".intent": ".FIELD", ".adapter": ".KIND"}
    found = set()
    for path in paths(json.loads(verdict_json(SAMPLE))):
        found.add(reduce(lambda one, name: one.replace(name, names[name]), names, path))
    assert set(named(section(DOCS / "verdict.md", "As JSON"))) == found


def test_every_kind_of_reason_is_documented() -> None:
    documented = named(section(DOCS / "verdict.md", "As JSON"))
    assert set(code(documented["rungs.why_kind"][1])) == set(get_args(ReasonKind))
    stops = {stopped(why, ESTIMATE, rival="rag", total=60, bar=0.5).kind for why in get_args(Why)}
    assert set(code(documented["rungs.stopped_kind"][1])) == stops


def test_every_column_and_remark_of_the_table_is_documented() -> None:
    from rung.report.table import _HEAD, IN_SHORT

    documented = set(named(section(DOCS / "verdict.md", "The table")))
    assert set(filter(None, _HEAD)) <= documented
    assert {*IN_SHORT.values(), "cut off", "chosen", "reference", "no data", "n/a", "failed"} <= documented
    assert all(column in table(SAMPLE)[2] for column in filter(None, _HEAD))


def test_every_way_to_lose_a_case_is_documented_in_order() -> None:
    assert list(named(section(DOCS / "verdict.md", "Where cases were lost"))) == list(REMEDIES)


def test_every_gap_is_documented() -> None:
    from rung.verdict.gaps import gaps

    assert set(named(section(DOCS / "verdict.md", "Gaps"))) == set(gaps({}).estimates)


def test_every_kind_of_correct_is_documented() -> None:
    from rung.scoring.protocol import CorrectBy

    assert set(named(section(DOCS / "scores.md", "correct"))) == set(get_args(CorrectBy))


# --- models


def test_every_keyword_of_json_schema_is_documented_and_tried() -> None:
    from jsonschema_specifications import REGISTRY

    vocabulary = "https://json-schema.org/draft/2020-12/meta/"
    parts = ("core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content")
    keywords = {word for part in parts for word in REGISTRY.contents(vocabulary + part)["properties"]}
    table = named(section(DOCS / "models.md", "What of a schema is held"))
    keywords -= {word for word in keywords if word.startswith("$recursive")}
    assert set(table) == keywords - {"definitions", "dependencies"}
    tried_held = {name.partition(",")[0].partition(" ")[0] for name in HELD}
    tried_not = " ".join(UNHELD)
    for word, (_, held, unheld) in table.items():
        if not held.startswith("say nothing") and word not in ("$defs", "$dynamicAnchor"):
            assert word in tried_held, f"{word} is said to be held, and is not in HELD"
        if unheld and word in (
            "multipleOf",
            "pattern",
            "format",
            "uniqueItems",
            "contains",
            "minProperties",
            "oneOf",
            "not",
            "if",
        ):
            assert word in tried_not, f"{word} is said not to be held sometimes, and is not in UNHELD"
    assert set(code(table["format"][1])) == set(FORMATS)


def test_every_model_name_is_documented() -> None:
    from rung.models.catalog import DOOR as HOSTS

    documented = set(named(prose(DOCS / "models.md")))
    assert {name for host in HOSTS.load(()).values() for name in (*host.generators, *host.embedders)} <= documented


def test_size_and_licence_of_what_is_fetched() -> None:
    from rung.models.weights import PACKAGED

    said = section(DOCS / "models.md", "The local model")
    assert all(f"{model.licence}, {model.megabytes} MB" in said for model in PACKAGED.values())


def test_every_variable_of_the_environment_is_documented_and_no_other() -> None:
    from rung.models.vendors import VENDORS

    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    read = {*re.findall(r'environ\.get\("(\w+)"', source), *re.findall(r'"(\w+_API_KEY)"', source)}
    read |= {name for vendor in VENDORS.values() for name in (*vendor.keys, vendor.url_variable)}
    pages = (DOCS / "models.md").read_text("utf-8") + section(DOCS / "knowledge.md", "The store")
    assert (
        set(
            re.findall(
                r"\b(?:RUNG|XDG|OPENAI|AWS|HF|ANTHROPIC|AZURE|GEMINI|GOOGLE|OLLAMA|TOGETHER|FIREWORKS|STORAGE)_[A-Z0-9_]+\b",
                pages,
            )
        )
        - SIGNED_IN
        == read - OF_THE_SHELL
    )


@pytest.mark.slow
def test_every_check_of_the_doctor_is_documented_and_no_other() -> None:
    from rung.models.doctor import examine

    assert list(named(section(DOCS / "models.md", "rung doctor"))) == [check.name for check in examine()]


def test_which_answers_of_a_server_are_tried_again() -> None:
    from rung.models.http_words import AGAIN, NEVER, complaint

    said = re.search(r"HTTP ([\d, ]+) and from 500 on \(([\d, ]+) aside\)", section(DOCS / "models.md", "Servers"))
    assert said
    assert tuple(tuple(int(code) for code in codes.split(", ")) for codes in said.groups()) == (AGAIN, NEVER)
    assert [code for code in (400, 422, *AGAIN, 500, 599, *NEVER) if complaint(code, "").is_transient] == [*AGAIN, 500, 599]


# --- plugins


def test_every_group_of_entry_points_is_documented() -> None:
    from rung.importers import registry as importers
    from rung.knowledge import loading as readers
    from rung.models import catalog
    from rung.scoring import registry as scoring
    from rung.strategies import registry as strategies
    from rung.tools import registry as tools

    groups = {one.DOOR.group for one in (readers, importers, catalog, scoring, strategies, tools)}
    assert {name for name in named(prose(DOCS / "plugins.md")) if re.fullmatch(r"rung\.[a-z]+", name)} == groups


def test_every_form_that_can_be_imported_is_documented() -> None:
    from rung.importers.registry import DOOR as IMPORTERS

    page = DOCS / "importing.md"
    assert re.findall(r"(?m)^\| `([a-z-]+)` \|", section(page, "The forms")) == list(IMPORTERS.built_in)


def test_every_contract_is_documented_and_no_other() -> None:
    shipped = {
        f"rung.testing.{path.stem}.{name}"
        for path in (ROOT / "src/rung/testing").glob("*.py")
        for name in re.findall(r"^class (\w+Contract)\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {name for name in named(section(DOCS / "plugins.md", "Tests of yours")) if "Contract" in name} == shipped


def test_every_layer_of_a_score_and_every_field_of_a_metric_is_documented() -> None:
    said = section(DOCS / "plugins.md", "A scorer")
    assert [layer for layer in get_args(Layer) if layer not in code(said)] == []
    assert list(named(said)) == [field.name for field in fields(Metric)]


# --- the house


def test_the_arrows_are_those_that_are_held() -> None:
    (shown,) = [b for b in blocks() if "arrows" in b.words]
    assert [tuple(line.split(", ")) for line in shown.text.splitlines()] == list(LAYERS)


def test_every_unit_is_documented_and_no_other() -> None:
    units = {module.unit for module in modules()} - {"", "__main__"}
    assert set(named(section(DOCS / "architecture.md", "The parts"))) == units


def test_every_step_is_documented() -> None:
    documented = named(section(DOCS / "architecture.md", "The one idea"))
    assert {step.__name__ for step in get_args(Step)} <= set(documented)


OF_ERASING = {"erasures.jsonl", "erasures.key", "erasures.lock"}
OF_REVIEWING = {"reviews.head", "reviews.lock"}
OF_BATCHES = {"batches"}
OF_STEERING = {"control.json", "control.lock", "compare.log"}
OF_SERVING = {"keys.json", "keys.lock", "state.db", "state.db.lock", "serving"}  # no comparison makes them


@pytest.mark.slow
def test_what_is_in_the_projects_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rung.runtime.cache import SCHEMA

    project = make_helpdesk(tmp_path, monkeypatch)
    assert rung_command("compare", str(project), monkeypatch=monkeypatch).code in (0, 1)
    documented = named(section(DOCS / "architecture.md", "What is in .rung/"))
    there = {path.name for path in (project / ".rung").iterdir() if not path.name.startswith("rung.db-")}
    assert there | OF_SERVING | OF_STEERING | OF_BATCHES | OF_ERASING | OF_REVIEWING == set(documented)
    assert set(re.findall(r"TABLE IF NOT EXISTS (\w+)", SCHEMA)) <= set(code(" ".join(documented["rung.db"])))
