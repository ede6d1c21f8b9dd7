"""Do the versions of an index show, is one gone back to, and does every command then say so until a sync is asked for?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rung import open as open_project
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


def numbers(rung: Run, shop: Path) -> list[int]:
    return [version["number"] for version in rung("knowledge", "list", shop, "--json").json["versions"]]


def found(rung: Run, shop: Path, query: str) -> set[str]:
    return {passage["document"] for passage in rung("search", shop, query, "--top", "9", "--json").json["passages"]}


def test_before_the_first_sync_there_are_none(rung: Run, shop: Path) -> None:
    assert rung("knowledge", "list", shop).out == "nothing is indexed yet\n"


def test_a_version_is_gone_back_to_and_left_again(rung: Run, shop: Path) -> None:
    rung("sync", shop)
    (shop / "docs" / "shipping.md").unlink()
    rung("sync", shop)
    assert numbers(rung, shop) == [2, 1]
    assert "docs/shipping.md" not in found(rung, shop, "express shipping")

    back = rung("knowledge", "rollback", shop, "--version", "1")
    assert "rollback to 1, held until 'rung sync'" in back.out.splitlines()[0]
    searched = rung("search", shop, "express shipping", "--top", "9")
    assert "docs/shipping.md" in searched.out
    assert "rolled back and is held at version 3; 'rung sync' brings it up to date" in searched.err

    rung("sync", shop)
    assert "docs/shipping.md" not in found(rung, shop, "express shipping")
    rung("knowledge", "prune", shop)
    assert len(numbers(rung, shop)) == 1
    assert not any(b"nine euros" in file.read_bytes() for file in (shop / ".rung" / "index").rglob("*") if file.is_file())


def test_what_was_deleted_is_in_no_file_after_pruning(rung: Run, shop: Path) -> None:
    """Also where a comparison has shown it; verdicts that showed other documents alone keep their pages."""
    shipping = shop / "docs" / "shipping.md"
    text = shipping.read_text(encoding="utf-8")
    rung("compare", shop, code=None)
    shipping.write_text("# Shipping\n\nWe ship.\n", encoding="utf-8")
    rung("compare", shop, code=None)
    shipping.write_text(text, encoding="utf-8")
    rung("compare", shop, code=None)
    shipping.unlink()
    rung("sync", shop)
    kept = rung("knowledge", "list", shop, "--json").json["versions"]
    told = rung("knowledge", "prune", shop, "--dry-run", "--json").json
    assert (len(told["forget"]), len(told["pages"])) == (len(kept) - 1, 3)
    assert any(b"takes one day" in f.read_bytes() for f in (shop / ".rung").rglob("*") if f.is_file())
    said = rung("knowledge", "prune", shop)
    holding = [str(f) for f in (shop / ".rung").rglob("*") if f.is_file() and b"takes one day" in f.read_bytes()]
    assert holding == []
    assert "its pages showed documents that are gone, and were removed; its numbers stay" in said.err
    assert f"{shop / 'report.html'} still shows them" in said.err
    assert (shop / ".rung" / "verdicts" / "latest").is_file()
    assert "took it away because it showed deleted documents" in rung("report", shop, "--format", "html", code=2).err


def test_what_an_old_version_was_asked_goes_with_it(rung: Run, shop: Path) -> None:
    """A comparison over a version that was gone back to brings its texts into the memory of steps; a prune takes them."""
    shipping = shop / "docs" / "shipping.md"
    rung("sync", shop)
    shipping.write_text("# Shipping\n\nWe ship.\n", encoding="utf-8")
    rung("compare", shop, code=None)
    rung("knowledge", "rollback", shop, "--version", "1")
    rung("compare", shop, code=None)
    assert any(b"takes one day" in f.read_bytes() for f in (shop / ".rung").glob("rung.db*"))
    rung("sync", shop)
    rung("knowledge", "prune", shop)
    assert [f for f in (shop / ".rung").rglob("*") if f.is_file() and b"takes one day" in f.read_bytes()] == []


def test_what_cannot_be_done_is_said(rung: Run, shop: Path) -> None:
    rung("sync", shop)
    assert "there is no version 9" in rung("knowledge", "rollback", shop, "--version", "9", code=2).err
    assert "Missing option '--version'" in rung("knowledge", "rollback", shop, code=2).err
    assert "No such option" in rung("knowledge", "list", shop, "--version", "1", code=2).err


# --- today's access -------------------------------------------------------------------------------------------------


def seen(rung: Run, shop: Path, *asker: str) -> set[str]:
    words = ("search", shop, "returns shipping discount parcels", "--top", "50", "--json")
    passages = rung(*words, *(("--as", *asker) if asker else ())).json["passages"]
    return {passage["document"].removeprefix("docs/") for passage in passages}


def test_going_back_brings_no_old_rights_back(rung: Run, shop: Path) -> None:
    """Version 1: everything is public. Today each document is restricted in another way, moved, gone or in doubt."""
    docs = shop / "docs"
    (docs / "staff.md").write_text("# Discounts\n\nStaff buy parcels at a discount.\n", encoding="utf-8")
    for name in ("sidecar", "rule", "moved", "gone", "gonerule", "goneside", "doubt", "plain", "changed"):
        (docs / f"{name}.md").write_text(
            f"# The {name}\n\nReturns, shipping, discount, parcels: {name}.\n", encoding="utf-8"
        )
    (shop / "rows.jsonl").write_text('{"id": "r1", "text": "returns one", "source": "x"}\n{"id": "r2", "text": "parcels"}\n')
    yaml = (shop / "rung.yaml").read_text(encoding="utf-8")
    rows = yaml.replace('["docs/*.md"]', '["docs/**/*.md", rows.jsonl]')
    (shop / "rung.yaml").write_text(rows, encoding="utf-8")
    rung("sync", shop)
    everything = seen(rung, shop, "")
    assert len(everything) == 14

    (docs / "staff.md").write_text("---\ngroups: [staff]\n---\n# Discounts\n\nStaff buy parcels at a discount.\n")
    (docs / "changed.md").write_text("---\ngroups: [staff]\n---\n# Other\n\nReturns again.\n", encoding="utf-8")
    (docs / "doubt.md").write_text("---\nacl: [staff]\n---\n# The doubt\n\nReturns.\n", encoding="utf-8")
    (docs / "sidecar.md.meta.yaml").write_text("groups: [staff]", encoding="utf-8")
    (docs / "hr").mkdir()
    (docs / "moved.md").rename(docs / "hr" / "moved.md")
    for name in ("gone", "gonerule", "goneside"):
        (docs / f"{name}.md").unlink()
    (docs / "goneside.md.meta.yaml").write_text("groups: [staff]", encoding="utf-8")
    (shop / "rows.jsonl").write_text('{"id": "r2", "text": "parcels"}\n', encoding="utf-8")
    paths = ("docs/rule.md", "docs/hr", "docs/gonerule.md", "rows.jsonl")
    access = ", ".join(f"{{path: {path}, groups: [staff]}}" for path in paths)
    (shop / "rung.yaml").write_text(rows.replace("rows.jsonl]", f"rows.jsonl], access: [{access}]"), encoding="utf-8")

    back = rung("knowledge", "rollback", shop, "--version", "1")
    assert "docs/doubt.md: is in this version, and who may read it today cannot be told" in back.err
    assert seen(rung, shop, "") == {"returns.md", "shipping.md", "gone.md", "plain.md"}
    assert seen(rung, shop, "staff") == everything - {"doubt.md"}
    assert seen(rung, shop) == everything

    (docs / "plain.md.meta.yaml").write_text("groups: [hr]", encoding="utf-8")
    (docs / "sidecar.md.meta.yaml").unlink()
    assert seen(rung, shop, "") == {"returns.md", "shipping.md", "gone.md", "sidecar.md"}
    assert rung("knowledge", "list", shop).out.count("rollback to 1, held until 'rung sync'  ← searched") == 1
    rung("sync", shop)
    assert seen(rung, shop, "") == {"returns.md", "shipping.md", "sidecar.md"}


def test_an_old_text_is_not_opened_by_what_stands_there_now(rung: Run, shop: Path) -> None:
    """A secret was cut out of a document, and the rest is public: the version with the secret stays restricted."""
    (shop / "docs" / "staff.md").write_text("# Discounts\n\nAsk in the shop.\n", encoding="utf-8")
    secret = "---\ngroups: [staff]\n---\n# Discounts\n\nThe discount is forty percent.\n"
    (shop / "docs" / "staff.md").write_text(secret, encoding="utf-8")
    rung("sync", shop)
    (shop / "docs" / "staff.md").write_text("# Discounts\n\nAsk in the shop.\n", encoding="utf-8")
    rung("sync", shop)
    rung("knowledge", "rollback", shop, "--version", "1")
    assert "staff.md" not in seen(rung, shop, "")
    assert "staff.md" in seen(rung, shop, "staff")


def test_a_groups_function_says_who_may_read_an_old_version(rung: Run, shop: Path) -> None:
    rung("sync", shop)
    (shop / "docs" / "shipping.md").unlink()
    opened = open_project(shop, groups_of=lambda document: ["hr"] if document.id.endswith("ing.md") else None)
    opened.search("returns", groups=frozenset())
    opened.rollback(1)
    found = {group: opened.search("express shipping", groups=frozenset({group}), top=9) for group in ("hr", "guests")}
    assert {group: {p.document for p in passages} for group, passages in found.items()} == {
        "hr": {"docs/returns.md", "docs/shipping.md"},
        "guests": {"docs/returns.md"},
    }
    for words in (("knowledge", "rollback", shop, "--version", "1"), ("search", shop, "express")):
        assert "groups that a Python function gave" in rung(*words, code=2).err
