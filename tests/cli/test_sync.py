"""Does `rung sync` count and list, file by file, what it leaves out of the documents?"""

from __future__ import annotations

import io
from pathlib import Path

from tests.cli.conftest import Run
from tests.knowledge import making


def with_hidden_sheet() -> bytes:
    from openpyxl import load_workbook

    made, book = io.BytesIO(), load_workbook(io.BytesIO(making.xlsx({"Open": [["seen", "by"]], "Pay": [["secret", "sum"]]})))
    book["Pay"].sheet_state = "hidden"
    book.save(made)
    return made.getvalue()


def test_what_is_left_out_is_counted_and_listed_for_each_file_each_time(rung: Run, shop: Path) -> None:
    making.put(shop, "docs/pay.xlsx", with_hidden_sheet())
    making.put(shop, "docs/all.zip", making.zipped({"inner.xlsx": with_hidden_sheet()}))
    text = (shop / "rung.yaml").read_text(encoding="utf-8")
    (shop / "rung.yaml").write_text(text.replace('["docs/*.md"]', "[docs]"), encoding="utf-8")
    for _ in range(2):  # read, and remembered
        synced = rung("sync", shop)
        assert "docs/pay.xlsx: left out: hidden sheets (1)" in synced.err
        assert "docs/all.zip/inner.xlsx: left out: hidden sheets (1)" in synced.err
        assert synced.out.rstrip().endswith("0 problems, 2 left out")
    said = rung("sync", shop, "--json", "--strict").json
    assert {"path": "docs/pay.xlsx", "what": "hidden sheets", "count": 1} in said["dropped"]
    assert said["left_out"] == 2
