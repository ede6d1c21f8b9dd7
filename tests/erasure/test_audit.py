"""An audit tells what is searched, trained, served, passed over and gone, from a project in which all of it happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.artifacts.registry import Registry
from rung.artifacts.store import remember_rows, seal
from rung.commands.audit import audit
from rung.commands.forget import forget
from rung.commands.stakes_review import decide_rows
from rung.config.project import load_project
from rung.records import plain
from rung.records.audits import Audit, IndexedDocument
from rung.records.deployment import Check, DeploymentEvent, DeploymentRecord
from rung.records.spec import StrategySpec
from rung.report.html.audit import MAX_ROWS, audit_html
from rung.state.database import open_state
from rung.state.deployments import add_event
from rung.training.registry import LearntRow
from tests.cli.conftest import Run
from tests.erasure.conftest import ANN

pytestmark = pytest.mark.slow


def promoted(folder: Path) -> DeploymentRecord:
    check = Check("bar", False, 0.5, "0.50 and 0.70 is the bar")
    record = DeploymentRecord("rag", StrategySpec("rag", {}, "m", "t"), checks=(check,), by="cy", reason="a test")
    with open_state(load_project(folder)) as state:
        event = DeploymentEvent(0, record.id, "promoted", "cy", "a test", {})
        add_event(state, event, expected=0, record=record)
    return record


def test_all_of_it_is_told(shop: Path, rung: Run) -> None:
    record = promoted(shop)
    folder = shop / ".rung" / "artifacts" / "adapter" / ("c" * 64)
    remember_rows(folder, [LearntRow("1" * 64, "e1"), LearntRow("2" * 64, "e9")])
    seal(folder, {"kind": "adapter", "rows": 2, "base": {"name": "m"}})
    Registry(shop / ".rung").promote(Registry(shop / ".rung").find("c" * 64), by="dana")
    (shop / "docs" / "shipping.md").unlink()
    rung("sync", shop)
    facts = audit(load_project(shop))
    assert {one.id for one in facts.documents} == {"docs/ann.md", "docs/returns.md", "docs/staff.md"}
    assert next(one for one in facts.documents if one.id == "docs/staff.md").groups == ("staff",)
    (adapter,) = [one for one in facts.artifacts if one.kind == "adapter"]
    assert adapter.approvals == {"cy": 1, "unknown": 1}
    assert "promote by dana" in adapter.acts[0]
    (deployment,) = facts.deployments
    assert (deployment.id, deployment.state, deployment.digest) == (record.id, "served", record.digest)
    assert deployment.passed_over == ("bar: 0.50 and 0.70 is the bar",)
    assert facts.others["rag"][0].count == 2
    assert facts.policies["behaviour.personal_data"] == "refuse"
    gone = {one.id: one.still_in for one in facts.gone}
    assert {"earlier versions of the index", "answers of verdicts", "differences"} <= set(gone["docs/shipping.md"])
    rung("knowledge", "prune", shop)
    left = {one.id: one.still_in for one in audit(load_project(shop)).gone}
    assert left["docs/shipping.md"] == {"cases of yours": 2}, "a prune takes all that shows it"


def test_who_approved_rows_is_told_by_the_log_where_review_is_required(tmp_path: Path) -> None:
    """A name in a file is told where it counts, and not where it does not."""
    chats = {id: [{"role": "user", "content": id}, {"role": "assistant", "content": "Yes."}] for id in ("e1", "e2")}
    rows = [json.dumps({"id": id, "messages": chat, "approved_by": "cy"}) for id, chat in chats.items()]
    (tmp_path / "examples.jsonl").write_text(rows[0] + "\n", "utf-8")
    yaml = "task: x\nbehaviour: {examples: [examples.jsonl]}\n"
    (tmp_path / "rung.yaml").write_text(yaml + "review: {required: true, reviewers: 2}\n", "utf-8")
    for by in ("Ada", "Grace"):
        decide_rows(load_project(tmp_path), "approve", by=by)
    (tmp_path / "examples.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    folder = tmp_path / ".rung" / "artifacts" / "adapter" / ("c" * 64)
    remember_rows(folder, [LearntRow("1" * 64, "e1"), LearntRow("2" * 64, "e2")])
    seal(folder, {"kind": "adapter", "rows": 2, "base": {"name": "m"}})
    facts = audit(load_project(tmp_path))
    assert facts.artifacts[0].approvals == {"": 1, "Ada, Grace": 1}
    assert (facts.policies["review.required"], facts.policies["review.reviewers"]) == ("yes", "2")
    (tmp_path / "rung.yaml").write_text(yaml, "utf-8")
    assert audit(load_project(tmp_path)).artifacts[0].approvals == {"Ada, Grace": 1, "cy": 1}


def test_an_erasure_is_told_without_what_was_erased(shop: Path) -> None:
    forget(load_project(shop), ANN, by="dpo", reason="asked")
    facts = audit(load_project(shop))
    (erasure,) = facts.erasures
    assert (erasure.kind, erasure.by, erasure.reason, erasure.erased["state.db: traces"]) == ("text", "dpo", "asked", 1)
    assert ANN not in json.dumps(plain(facts))
    assert erasure.digest[:16] in audit_html(facts)


def test_page_and_json_are_written_once_and_the_page_names_no_host(shop: Path, rung: Run) -> None:
    said = rung("audit", shop)
    assert f"report: {shop / 'audit.html'}, {shop / 'audit.json'}" in said.out
    page = (shop / "audit.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert json.loads((shop / "audit.json").read_text(encoding="utf-8"))["project"] == "shop"
    assert "nothing is overwritten" in rung("audit", shop, code=2).err


def test_a_project_of_which_nothing_is_known_has_an_audit(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\nknowledge: {sources: [docs/*.md]}\n", encoding="utf-8")
    facts = audit(load_project(tmp_path))
    assert "nothing is indexed yet: 'rung sync' indexes the documents" in facts.unknown
    page = audit_html(facts)
    for words in (
        "Nothing was trained.",
        "Nothing was served",
        "Nobody passed a gate over.",
        "Not known: nothing is indexed",
    ):
        assert words in page
    assert not (tmp_path / ".rung").exists()


def test_a_long_table_says_what_it_leaves_out() -> None:
    documents = tuple(IndexedDocument(f"d{n}", f"<script>{n}") for n in range(MAX_ROWS + 5))
    page = audit_html(Audit("p", "2026-11-29", "0", documents=documents))
    assert "5 more are in the JSON" in page
    assert f"d{MAX_ROWS + 1}<" not in page
    assert "<script" not in page
    assert "&lt;script&gt;7" in page
