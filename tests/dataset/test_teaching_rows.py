"""Rows that are to teach and hold personal data are refused with file and line, masked, or taken, as the project says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.dataset.detectors import detector_of
from rung.dataset.load import Dataset, load_dataset
from rung.dataset.redaction import by_form, kinds, redacted, redacted_with
from rung.dataset.retrieval_pairs import read_teaching
from rung.errors import MissingExtra, UserError
from rung.pipeline.materials import materials_of

MAIL = "ann.miller@corp.de"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----"


def project(folder: Path, policy: str = "") -> Path:
    """Examples, cases of each split and pairs, every second one with an address."""
    said = {"role": "assistant", "content": "Done."}
    turns = [[{"role": "user", "content": text}, said] for text in ("Stop it.", MAIL)]
    examples = [{"id": f"e{n}", "messages": messages} for n, messages in enumerate(turns)]
    cases = [
        {"id": f"{split}{n}", "question": f"{split} {text}?", "answers": ["x"], "split": split}
        for split in ("train", "dev", "test")
        for n, text in enumerate(("whose parcel", f"is {MAIL} mine"))
    ]
    pairs = [{"anchor": "returns", "positive": text} for text in ("thirty days", f"ask {MAIL}")]
    for name, rows in (("examples", examples), ("cases", cases), ("pairs", pairs)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    given = f", personal_data: {policy}" if policy else ""
    (folder / "docs").mkdir()
    (folder / "docs" / "a.md").write_text(f"# A\n\nReturns take thirty days, says {MAIL}.\n", encoding="utf-8")
    (folder / "rung.yaml").write_text(
        "task: x\ncases: cases.jsonl\nmodel: scripted\nembedder: scripted\n"
        f"behaviour: {{examples: [examples.jsonl]{given}}}\n"
        "knowledge: {sources: [docs/*.md], pairs: [pairs.jsonl]}\n",
        encoding="utf-8",
    )
    return folder


def read(folder: Path) -> tuple[Dataset, list[str], list[str]]:
    """The dataset; what teaches of dev and of pairs, as texts."""
    loaded = load_project(folder)
    rows = load_dataset(loaded)
    materials, problems = materials_of(loaded, rows, {})
    teaching = read_teaching(loaded, ())
    listed = [*map(str, rows.problems), *map(str, problems), *map(str, teaching.problems)]
    return rows, [*(case.question for case in materials.dev), *(pair.positive for pair in teaching.pairs)], listed


def test_by_default_such_rows_teach_nothing_and_are_named(tmp_path: Path) -> None:
    rows, others, problems = read(project(tmp_path))
    assert [example.id for example in rows.examples] == ["e0"]
    assert [case.id for case in rows.cases] == ["train0", "dev0", "dev1", "test0", "test1"]
    assert others == ["dev whose parcel?", "thirty days"]
    refused = sorted(
        problem.split(": ")[0] for problem in problems if "teaches nothing: it holds an e-mail address" in problem
    )
    assert refused == ["cases.jsonl:2", "cases.jsonl:4", "examples.jsonl:2", "pairs.jsonl:2"]


def test_masked_rows_teach_without_it(tmp_path: Path) -> None:
    rows, others, problems = read(project(tmp_path, "mask"))
    assert [example.input for example in rows.examples] == ["Stop it.", "[an e-mail address]"]
    assert rows.split("train")[1].question == "train is [an e-mail address] mine?"
    assert rows.split("test")[1].question == f"test is {MAIL} mine?", "what judges is as people ask it"
    assert others[1] == "dev is [an e-mail address] mine?"
    assert others[3] == "ask [an e-mail address]"
    assert not any("teaches nothing" in problem for problem in problems)


def test_where_it_is_allowed_rows_are_taken_as_they_are(tmp_path: Path) -> None:
    rows, others, _ = read(project(tmp_path, "allow"))
    assert [example.input for example in rows.examples] == ["Stop it.", MAIL]
    assert others[3] == f"ask {MAIL}"


@pytest.mark.parametrize("value", ["refused", "detector", "presidio:", "presidio:a/b", "gliner"])
def test_what_is_no_policy_or_detector_is_refused_with_its_line(value: str, tmp_path: Path) -> None:
    folder = project(tmp_path, "refuse") if value != "refused" else project(tmp_path, value)
    if value != "refused":
        with (folder / "rung.yaml").open("a", encoding="utf-8") as file:
            file.write(f"detector: '{value}'\n")
    with pytest.raises(UserError, match=r"rung\.yaml:\d+"):
        load_project(folder)


def test_a_detector_that_is_not_installed_is_said() -> None:
    try:
        import presidio_analyzer  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtra, match="pii"):
            detector_of("presidio:en_core_web_sm")
        return
    with pytest.raises(UserError, match="python -m spacy download no_such_model"):
        detector_of("presidio:no_such_model")


def test_positions_are_moved_with_the_text_and_lines_stay_lines() -> None:
    text = f"first {MAIL}\fsecond\n{KEY}\nthird {MAIL} end"
    positions = [text.index("second"), text.index("third"), text.index("end"), 0, len(text)]
    shown, moved = redacted_with(text, positions)
    assert shown.count("\n") == text.count("\n")
    assert [shown[at:].split()[0] if shown[at:] else "" for at in moved] == ["second", "third", "end", "first", ""]
    assert shown.replace("\n", "") == redacted(text)[0].replace("\n", "")


def test_kinds_are_named_once() -> None:
    assert kinds([f"{MAIL} {MAIL}", KEY]) == ("an e-mail address", "a private key")
    assert list(by_form("nothing here, 12 euros")) == []
