"""Each form is found by its content, and every row of its file is taken or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.commands.import_files import ImportReport, ImportRequest, import_files
from rung.dataset.case_rows import case_of
from rung.dataset.load_examples import read_examples
from rung.dataset.row_files import json_lines
from rung.importers.registry import importers
from rung.records import Problem
from tests.importers.samples import SAMPLES, Sample


def imported(sample: Sample, folder: Path) -> ImportReport:
    return import_files([sample.write(folder / "in")], ImportRequest(output=folder / "out.jsonl"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_its_form_is_found_and_every_row_is_accounted_for(sample: Sample, tmp_path: Path) -> None:
    (file,) = imported(sample, tmp_path).files
    assert file.form == sample.form
    assert (file.rows, len(file.refused), file.counts) == (sample.rows, sample.refused, sample.counts), file.refused
    assert all(problem.message for problem in file.refused)
    assert all(any(text in note.message for note in file.notes) for text in sample.notes), file.notes


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_what_was_written_is_read_without_a_problem(sample: Sample, tmp_path: Path) -> None:
    report = imported(sample, tmp_path)
    problems: list[Problem] = []
    for path, count in report.written.items():
        rows = [row for _, row in json_lines(path, path.name, problems)]
        assert len(rows) == count
        for row in rows:
            meta = row["meta"]
            assert isinstance(meta, dict)
            assert meta["imported"]["form"] == sample.form  # type: ignore[index,call-overload]
            if "question" in row:
                case_of(row, "x:1", judged=True)
        if any("messages" in row and "question" not in row for row in rows):
            assert len(list(read_examples(path, problems))) == count
    assert problems == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_name_of_a_file_tells_nothing(sample: Sample, tmp_path: Path) -> None:
    """Folders of BEIR and MTEB and files that name others beside them aside: those names are part of the form."""
    if sample.form in ("beir", "mteb"):
        pytest.skip("its names are part of its form")
    path = tmp_path / "anything"
    path.write_bytes(next(iter(sample.files.values())))
    (file,) = import_files([path], ImportRequest(output=tmp_path / "out.jsonl")).files
    assert file.form == sample.form


def test_every_built_in_form_has_a_sample() -> None:
    assert {sample.form for sample in SAMPLES} == set(importers())
