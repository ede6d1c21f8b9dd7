"""Do the documentation's links lead somewhere, and is every page in the table of contents?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, anchors, links, pages


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_relative_links_and_anchors_resolve(page: Path) -> None:
    dead = []
    for line, target in links(page):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            dead.append(f"{line}: {target}: no such file")
        elif anchor and anchor not in anchors(file):
            dead.append(f"{line}: {target}: no such heading; there are {sorted(anchors(file))}")
    assert dead == []


def test_every_page_is_in_the_index() -> None:
    index = DOCS / "index.md"
    linked = {(DOCS / target.partition("#")[0]).resolve() for _, target in links(index)}
    assert [p.name for p in pages() if p.is_relative_to(DOCS) and p != index and p.resolve() not in linked] == []
