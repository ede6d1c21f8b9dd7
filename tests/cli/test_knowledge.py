"""Do the versions of an index show, is one gone back to, and does every command then say so until a sync is asked for?"""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


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
    said = rung("knowledge", "prune", shop)
    holding = [str(f) for f in (shop / ".rung").rglob("*") if f.is_file() and b"takes one day" in f.read_bytes()]
    assert holding == []
    assert "its pages showed documents that are gone, and were removed; its numbers stay" in said.err
    assert f"{shop / 'report.html'} still shows them" in said.err
    assert (shop / ".rung" / "verdicts" / "latest").is_file()
    assert "took it away because it showed deleted documents" in rung("report", shop, "--format", "html", code=2).err


def test_what_cannot_be_done_is_said(rung: Run, shop: Path) -> None:
    rung("sync", shop)
    assert "there is no version 9" in rung("knowledge", "rollback", shop, "--version", "9", code=2).err
    assert "--version N" in rung("knowledge", "rollback", shop, code=2).err
    assert "belongs to rollback" in rung("knowledge", "list", shop, "--version", "1", code=2).err
