"""Which of the things that people were asked is answered, and that what was shown to them is no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.importers.annotations import ARGILLA, LABEL_STUDIO
from rung.importers.imported import Importer
from rung.importers.registry import form_of
from rung.importers.source import ImportFile
from rung.records import Json
from tests.importers.samples import lines


def choice(name: str, *choices: str) -> dict[str, object]:
    return {"from_name": name, "type": "choices", "value": {"choices": list(choices)}}


TASK = {
    "id": 1,
    "data": {"text": "Late parcel!", "source": "web"},
    "annotations": [{"result": [choice("sentiment", "Negative"), choice("topic", "Shipping", "Delay")]}],
}
MIN = {
    **{"text": "Late parcel!", "source": "web", "id": 1, "sentiment": "Negative"},
    **{"topic": {"choices": ["Shipping", "Delay"]}, "annotator": 1, "annotation_id": 3},
}
RECORD = {
    "fields": {"text": "Late parcel!", "source": "web"},
    "responses": {
        "sentiment": [{"value": "Negative", "status": "submitted"}],
        "topic": [{"value": ["Shipping", "Delay"], "status": "submitted"}],
    },
}
FLAT = {
    "text": "Late parcel!",
    "source": "web",
    "sentiment.responses": ["Negative"],
    "topic.responses": [["Shipping", "Delay"]],
}


def read(folder: Path, importer: Importer, *rows: object, question: str = "", answer: str = "") -> list[Json]:
    """(question, answers, meta) of each row, or why it is refused."""
    (folder / "rows.jsonl").write_bytes(lines(*rows))
    file = ImportFile(folder / "rows.jsonl", question=question, answer=answer)
    assert form_of(file)[1] is importer
    return [
        row.refused or [row.cases[0]["question"], row.cases[0].get("answers"), row.cases[0].get("meta")]
        for row in importer.read(file)
    ]


@pytest.mark.parametrize(
    ("importer", "row"), [(LABEL_STUDIO, TASK), (LABEL_STUDIO, MIN), (ARGILLA, RECORD), (ARGILLA, FLAT)]
)
def test_answers_to_several_things_are_not_mixed(importer: Importer, row: object, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"several questions \('sentiment', 'topic'\).* name it with --answer NAME"):
        read(tmp_path, importer, row)
    web = {"source": "web"}
    assert read(tmp_path, importer, row, answer="topic") == [["Late parcel!", ["Shipping", "Delay"], web]]
    assert read(tmp_path, importer, row, answer="sentiment") == [["Late parcel!", ["Negative"], web]]
    assert read(tmp_path, importer, row, question="source", answer="sentiment")[0][:2] == ["web", ["Negative"]]  # type: ignore[index]
    with pytest.raises(UserError, match="has no answers to 'mood'; there are: 'sentiment', 'topic'"):
        read(tmp_path, importer, row, answer="mood")


def test_what_was_shown_is_no_answer_in_json_min(tmp_path: Path) -> None:
    row = {"review": "Late parcel!", "source": "web", "id": 1, "sentiment": "Negative", "annotator": 1, "annotation_id": 3}
    one = {"review": "Late parcel!", "id": 1, "sentiment": "Negative", "annotator": 1, "annotation_id": 3}
    assert read(tmp_path, LABEL_STUDIO, one) == [["Late parcel!", ["Negative"], None]]
    assert read(tmp_path, LABEL_STUDIO, row) == ["no field says that it is the question; there are: review, source"]
    assert read(tmp_path, LABEL_STUDIO, row, question="review") == [["Late parcel!", ["Negative"], {"source": "web"}]]


def test_json_min_whose_id_comes_first_does_not_tell_them_apart(tmp_path: Path) -> None:
    row = {"id": 1, "text": "Late parcel!", "source": "web", "sentiment": "Negative", "annotator": 1, "annotation_id": 3}
    with pytest.raises(UserError, match=r"\('source', 'sentiment'\)"):
        read(tmp_path, LABEL_STUDIO, row)
    assert read(tmp_path, LABEL_STUDIO, row, answer="sentiment") == [["Late parcel!", ["Negative"], None]]


def test_drafts_of_flat_records_are_not_taken(tmp_path: Path) -> None:
    row = {"text": "Late!", "label.responses": ["negative", "positive"], "label.responses.status": ["submitted", "draft"]}
    cells = {**row, "label.responses": '["negative", "positive"]', "label.responses.status": "['draft', 'submitted']"}
    assert read(tmp_path, ARGILLA, row, cells) == [["Late!", ["negative"], None], ["Late!", ["positive"], None]]


def test_annotators_that_differ_are_said(tmp_path: Path) -> None:
    both = [{"result": [choice("topic", "A")]}, {"result": [choice("topic", "B")]}, {"result": [choice("topic", "A")]}]
    (tmp_path / "t.jsonl").write_bytes(lines({**TASK, "annotations": both}))
    (row,) = LABEL_STUDIO.read(ImportFile(tmp_path / "t.jsonl"))
    assert row.cases[0]["answers"] == ["A", "B"]
    assert row.notes == ("annotators differ: each one's answer is accepted",)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("completed", ["What?", ["A"], None]),
        (None, ["What?", ["A"], None]),
        ("pending", "holds no answer in words: a response to 'label' is not taken: "
         "its status is not in the file, and the record is pending"),
    ],
)  # fmt: skip
def test_a_response_without_a_status_counts_where_its_record_is_completed(
    status: str | None, expected: object, tmp_path: Path
) -> None:
    """Argilla 2 writes the record's status into its JSON, and drafts as it writes what was submitted."""
    record = {"fields": {"text": "What?"}, "responses": {"label": [{"value": "A", "user_id": "u"}]}, "status": status}
    assert read(tmp_path, ARGILLA, record) == [expected]


def test_where_no_answer_counts_the_rows_say_why(tmp_path: Path) -> None:
    record = {"fields": {"text": "What?"}, "responses": {"label": [{"value": "A"}]}, "status": "pending"}
    (why,) = read(tmp_path, ARGILLA, record, answer="label")
    assert str(why).startswith("holds no answer in words: a response to 'label'")


def test_a_response_of_argilla_1_holds_the_answers_of_one_person(tmp_path: Path) -> None:
    responses = [
        {"user_id": "u", "status": "submitted", "values": {"label": {"value": "pos"}}},
        {"user_id": "v", "status": "draft", "values": {"label": {"value": "neg"}}},
    ]
    rows = [{"fields": {"text": "t?"}, "responses": responses[at:]} for at in (0, 1)]
    taken, draft = read(tmp_path, ARGILLA, *rows)
    assert taken == ["t?", ["pos"], None]
    assert str(draft).endswith("a response to 'label' is not taken: its status is draft")
