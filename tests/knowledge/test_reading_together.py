"""Do many small files hold, read in processes some at once, what each holds alone, in the same order?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.knowledge.loading import read_sources
from rung.knowledge.readers.converting import read
from rung.knowledge.readers.source import SourceFile
from rung.knowledge.readers.together import FILES, Batch
from rung.knowledge.readers.workers import Workers
from rung.records import Document

MANY = 2400  # more than are read where they are asked for


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    for number in range(MANY):
        (root / f"d{number:04}.md").write_text(f"# Number {number}\n\nThe fee of rule {number} is {number * 3} EUR.\n")
    (root / "d2300.md").write_bytes(b"")
    (root / "d2301.md").write_bytes(b"%PDF-1.7 no Markdown")
    (root / "d2302.md").write_bytes("Grüße, naïve café".encode("cp1252"))
    (root / "d2303.md").write_text("long " * 50_000)  # too large to travel with others
    (root / "d2304.py").write_text("def fee():\n    return 3\n")
    (root / "d2305.jsonl").write_text('{"id": "row", "text": "One row."}\nno JSON\n')
    (root / "d2306.csv").write_text("rule,fee\n1,3 EUR\n")
    return root


@pytest.mark.slow
def test_together_as_alone_and_in_order(folder: Path) -> None:
    together = read_sources(folder, ["*"])
    files = sorted(path.name for path in folder.iterdir())
    alone = [list(read(SourceFile(name, folder / name))) for name in files]
    assert together.documents == tuple(item for items in alone for _, item in items if isinstance(item, Document))
    assert [problem.message for problem in together.problems] == [
        item for items in alone for _, item in items if isinstance(item, str)
    ]
    assert len(together.documents) >= MANY - 2
    assert {problem.path for problem in together.problems} >= {"d2300.md", "d2305.jsonl"}


@pytest.mark.slow
def test_a_batch_whose_process_is_lost_is_read_here(folder: Path) -> None:
    files = [SourceFile(name, folder / name) for name in ("d0001.md", "d2301.md", "d0002.md")]
    with Workers(1) as workers:
        batch = Batch(workers, seconds=0.0)  # no answer comes in time
        places = [batch.add(file) for file in files]
        got = [list(batch.items(place)) for place in places]
    assert got == [list(read(SourceFile(file.id, file.path))) for file in files]
    assert isinstance(got[0][0][1], Document)


@pytest.mark.slow
def test_a_full_batch_takes_no_more(folder: Path) -> None:
    with Workers(1) as workers:
        batch = Batch(workers)
        for number in range(FILES):
            assert not batch.is_closed
            assert batch.add(SourceFile(f"d{number:04}.md", folder / f"d{number:04}.md")) == number
        assert batch.is_closed
        (item,) = batch.items(FILES - 1)
    assert isinstance(item[1], Document)
    assert f"rule {FILES - 1} is" in item[1].text
