"""Does an index in a folder leave alone what stands beside it there?"""

from __future__ import annotations

import shutil
from pathlib import Path

from rung.knowledge.store.lance import LanceIndex
from rung.knowledge.store.location import Folder
from rung.knowledge.store.sealing import read
from rung.records import Document
from rung.testing.knowledge import HashedWords, change_of

STRANGE = ("analytics.lance", "documents_1x.lance", "other/documents_1.lance")


def test_tables_of_others_are_not_sealed_pruned_or_cleared(tmp_path: Path) -> None:
    index = LanceIndex(tmp_path, kept_seconds=0, kept_versions=1)
    with index.writing():
        index.commit([change_of([Document("d", "words")], HashedWords())])
    for name in STRANGE:
        shutil.copytree(tmp_path / "documents_1.lance", tmp_path / name)
    with index.writing():
        index.commit([change_of([Document("e", "other words")], HashedWords())])
    assert {name.partition("/")[0] for name in read(tmp_path)} == {"documents_1.lance", "passages_1.lance"}
    index.prune()
    keeping = Folder(tmp_path)
    with keeping.writing():
        keeping.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["analytics.lance", "documents_1x.lance", "lock", "other"]
    assert all(any((tmp_path / name / "data").iterdir()) for name in STRANGE)
