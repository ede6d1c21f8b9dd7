"""Does `rung sync` count and list, file by file, what it leaves out of the documents?"""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.knowledge import making


def with_hidden_sheet() -> bytes:
    from openpyxl import load_workbook

    made, book = io.BytesIO(), load_workbook(io.BytesIO(making.xlsx({"Open": [["seen", "by"]], "Pay": [["secret", "sum"]]})))
    book["Pay"].sheet_state = "hidden"
    book.save(made)
    return made.getvalue()


@pytest.mark.slow
def test_what_is_left_out_is_counted_and_listed_for_each_file_each_time(rung: Run, shop: Path) -> None:
    making.put(shop, "docs/pay.xlsx", with_hidden_sheet())
    making.put(shop, "docs/all.zip", making.zipped({"inner.xlsx": with_hidden_sheet()}))
    text = (shop / "rung.yaml").read_text(encoding="utf-8")
    (shop / "rung.yaml").write_text(text.replace('["docs/*.md"]', "[docs]"), encoding="utf-8")
    for _ in range(2):  # read, and remembered
        synced = rung("sync", shop)
        assert "docs/pay.xlsx: left out: hidden sheets (1)" in synced.err
        assert "docs/all.zip/inner.xlsx: left out: hidden sheets (1)" in synced.err
        assert synced.out.rstrip().endswith("0 problems; 2 parts of documents left out")
    said = rung("sync", shop, "--json", "--strict").json
    assert {"path": "docs/pay.xlsx", "what": "hidden sheets", "count": 1} in said["dropped"]
    assert said["left_out"] == 2


@pytest.mark.slow
def test_everything_is_in_the_json_of_sync_and_in_check(rung: Run, shop: Path) -> None:
    text = (shop / "rung.yaml").read_text(encoding="utf-8")
    (shop / "rung.yaml").write_text(text.replace('["docs/*.md"]', "[docs]"), encoding="utf-8")
    for number in range(14):
        making.put(shop, f"docs/page{number:02}.html", "<p>Seen</p><p hidden>not seen</p>")
        making.put(shop, f"docs/rows{number:02}.csv", "Name,Fee\nA,1\nB,2,3\nC,4\n")
    synced = rung("sync", shop)
    assert "docs/page00.html: left out: hidden parts (1)" in synced.err
    assert "docs/page13.html" not in synced.err
    assert "14 files in all: left out: hidden parts (14) (rung sync --json lists each file)" in " ".join(synced.err.split())
    assert "2 more (rung sync --json lists them all)" in synced.err
    assert "14 problems; 14 parts of documents left out" in synced.out
    said = rung("sync", shop, "--json").json
    assert [part["path"] for part in said["dropped"]] == [f"docs/page{number:02}.html" for number in range(14)]
    assert [problem["path"] for problem in said["problem_list"]] == [f"docs/rows{number:02}.csv" for number in range(14)]
    assert said["problem_list"][0]["line"] == 3
    checked = rung("check", shop)
    assert "docs/page13.html: left out: hidden parts (1)" in checked.out
    assert "docs/rows13.csv:3: 1 row has more or fewer" in checked.out
    assert len(rung("check", shop, "--json").json["dropped"]) == 14
