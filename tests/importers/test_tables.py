"""Which columns of a table ask and answer, and what becomes of the others."""

from __future__ import annotations

import json
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from rung.commands.import_files import ImportedFile, ImportRequest, import_files
from rung.errors import UserError
from tests.importers.samples import lines
from tests.knowledge.making import xlsx


def imported(folder: Path, content: str | bytes, *, name: str = "a.csv", **options: str) -> tuple[ImportedFile, list[Any]]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    output = folder / "out.jsonl"
    output.unlink(missing_ok=True)
    (file,) = import_files([folder / name], ImportRequest(output=output, **options)).files  # type: ignore[arg-type]
    return file, [json.loads(line) for line in output.read_text().splitlines()]


def test_columns_named_like_keys_of_a_case_are_carried_over(tmp_path: Path) -> None:
    row = {
        **{"question": "And express?", "answer": "9", "as": ["staff"], "meta": {"x": 1}, "level": 2},
        **{"drafted_by": "m", "approved_by": "Ada", "split": "dev"},
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}],
        "evidence": [{"document": "d", "quote": "x"}],
    }
    _, (case,) = imported(tmp_path, lines(row), name="a.jsonl")
    assert {key: case[key] for key in row if key not in ("answer", "meta", "level")} == {
        key: row[key] for key in row if key not in ("answer", "meta", "level")
    }
    assert case["meta"].items() >= {"x": 1, "level": 2}.items()


def test_a_chat_that_asks_the_question_itself_is_a_chat(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "Express?"}, {"role": "assistant", "content": "9 EUR"}]
    row = {"question": "Express?", "answer": "9", "messages": chat}
    assert imported(tmp_path, lines(row), name="a.jsonl")[0].form == "chats"


def test_a_draft_that_nobody_approved_is_no_case(tmp_path: Path) -> None:
    file, rows = imported(tmp_path, "question,answer,Drafted By,Approved By\na?,x,model,\nb?,y,model,Ada\n")
    assert [row["approved_by"] for row in rows] == ["Ada"]
    assert [(problem.line, problem.message[:18]) for problem in file.refused] == [(2, "is a draft by mode")]


def test_what_is_no_value_of_such_a_key_is_not_lost(tmp_path: Path) -> None:
    table = "Frage,Antwort,question,evidence,as,messages\nWas?,x,other,Express takes one day,staff,h\n"
    _, (case,) = imported(tmp_path, table, question="Frage", answer="Antwort")
    assert (case["question"], case["as"]) == ("Was?", ["staff"])
    kept = {"question": "other", "evidence": "Express takes one day", "messages": "h"}
    assert case["meta"].items() >= kept.items()
    file, _ = imported(tmp_path, lines({"question": "a?", "answer": "x", "evidence": [1]}), name="a.jsonl")
    assert "'evidence' is not taken: it is a list or an object" in [note.message for note in file.notes]


def test_a_cell_of_numbers_in_brackets_is_a_text(tmp_path: Path) -> None:
    _, rows = imported(tmp_path, 'question,answer\n"Sort 2,1","[1, 2]"\nWhich?,"[\'a\', \'b\']"\n')
    assert [row["answers"] for row in rows] == [["[1, 2]"], ["a", "b"]]
    _, rows = imported(tmp_path, 'question,answers\nWhich?,"[1, 2]"\n')
    assert [row["answers"] for row in rows] == [["1", "2"]]


def test_columns_that_the_user_names_are_read_whatever_else_the_table_looks_like(tmp_path: Path) -> None:
    table = "question,ground_truth,official\nWhat a?,WRONG,right\n"
    file, rows = imported(tmp_path, table, question="question", answer="official")
    assert (file.form, [row["answers"] for row in rows]) == ("table", [["right"]])
    assert imported(tmp_path, table, answer="official")[1][0]["answers"] == ["right"]
    assert imported(tmp_path, table)[0].form == "ragas"
    with pytest.raises(UserError, match="has no column 'typo'; there are: 'question', 'ground_truth', 'official'"):
        imported(tmp_path, table, question="question", answer="typo")


def test_a_form_that_does_not_read_the_options_refuses_them(tmp_path: Path) -> None:
    row = lines({"inputs": {"question": "q", "product": "p"}, "outputs": {"answer": "a", "gold": "g"}})
    with pytest.raises(UserError, match="is read as langsmith, which does not read --question and --answer: leave them out"):
        imported(tmp_path, row, name="a.jsonl", question="product", answer="gold")
    with pytest.raises(UserError, match="is read as langsmith, which does not read --answer: leave it out"):
        imported(tmp_path, row, name="a.jsonl", answer="gold", form="langsmith")


def test_cells_that_were_kept_from_running_are_what_they_were_in_a_workbook_too(tmp_path: Path) -> None:
    cells = [["question", "answer"], ["'=1+1 is what?", "'-2"]]
    _, (case,) = imported(tmp_path, xlsx({"Cases": cells}), name="a.xlsx")
    assert (case["question"], case["answers"]) == ("=1+1 is what?", ["-2"])


def test_rungs_own_rows_keep_their_weight_and_their_calls(tmp_path: Path) -> None:
    row = {"id": "t", "question": "a?", "answers": ["x"], "weight": 5, "calls": [{"name": "price"}]}
    _, (case,) = imported(tmp_path, lines(row), name="a.jsonl")
    assert {key: case[key] for key in row} == row
    assert "weight" not in case["meta"]
    _, whole = imported(tmp_path, lines({**row, "weight": 5.0}, {**row, "question": "b?", "weight": "5.0"}), name="a.jsonl")
    assert [(one["weight"], "weight" in one["meta"]) for one in whole] == [(5, False)] * 2, "as tables write whole numbers"
    _, (other,) = imported(tmp_path, "title,answer,weight\na?,x,5\n")
    assert (other["meta"]["weight"], "weight" in other) == ("5", False)
    file, _ = imported(tmp_path, lines({**row, "weight": 1001}, {**row, "question": "b?"}), name="a.jsonl")
    assert [one.message for one in file.refused] == ["'weight' must be a whole number from 1 to 1,000, found 1001"]


def test_a_split_under_another_name_is_the_dev_split_and_groups_are_said(tmp_path: Path) -> None:
    file, rows = imported(tmp_path, "question,answer,split,groups\na?,x,validation,\nb?,y,Valid,staff\n")
    assert [row["split"] for row in rows] == ["dev", "dev"]
    assert ["'groups' is kept in meta, and is nobody who asks" in note.message for note in file.notes if note.line] == [True]


def test_choices_in_columns_of_letters_stand_under_the_question(tmp_path: Path) -> None:
    table = "question,A,B,C,answer\nCapital?,Oslo,Bergen,,B\nSea?,North,South,West,West\nOther?,x,y,z,none of these\n"
    file, rows = imported(tmp_path, table)
    assert [(row["question"], row["answers"]) for row in rows] == [
        ("Capital?\nA: Oslo\nB: Bergen", ["Bergen"]),
        ("Sea?\nA: North\nB: South\nC: West", ["West"]),
        ("Other?", ["none of these"]),
    ]
    assert [set(row["meta"]) - {"imported"} for row in rows] == [set(), set(), {"A", "B", "C"}]
    assert any("as the answer is its choice's text" in note.message for note in file.notes)


@pytest.mark.parametrize(
    ("choices", "answer", "accepted"),
    [
        (["two", "one"], 1, "one"),
        (["1", "0"], 1, "0"),
        (["1", "0"], "1", "1"),
        (["two", "one"], "B", "one"),
        ({"text": ["two", "one"], "label": ["1", "2"]}, "2", "one"),
        ({"A": "two", "B": "one"}, "B", "one"),
        ("['two', 'one']", "0", "two"),
    ],
)
def test_a_list_of_choices(choices: object, answer: object, accepted: str, tmp_path: Path) -> None:
    _, (row,) = imported(tmp_path, lines({"question": "Days?", "choices": choices, "answer": answer}), name="a.jsonl")
    assert row["answers"] == [accepted]
    assert len(row["question"].splitlines()) == 3


def test_choices_that_the_answer_is_none_of_stay_apart(tmp_path: Path) -> None:
    file, (row,) = imported(tmp_path, lines({"question": "Days?", "choices": ["a", "b"], "answer": "7"}), name="a.jsonl")
    assert (row["question"], row["answers"]) == ("Days?", ["7"])
    assert any("'choices' is not taken" in note.message for note in file.notes)


def test_a_list_is_no_question(tmp_path: Path) -> None:
    """As in a table by columns of which one is shorter: whose answer is whose cannot be told."""
    columns = json.dumps({"question": ["A?", "B?", "C?"], "answer": ["b", "c"]})
    file, cases = imported(tmp_path, columns + "\n" + '{"question": "D?", "answer": "d"}', name="a.jsonl")
    assert [case["question"] for case in cases] == ["D?"]
    assert [(one.line, one.message) for one in file.refused] == [(1, "'question' is a list or an object: it is no question")]


def test_numbers_of_choices_are_from_one_where_they_are_in_any_row(tmp_path: Path) -> None:
    rows = "".join(f"Of {n}?,Berlin,Paris,Rome,{n}\n" for n in (1, 2, 3))
    file, cases = imported(tmp_path, f"question,A,B,C,answer\n{rows}")
    assert [case["answers"] for case in cases] == [["Berlin"], ["Paris"], ["Rome"]]
    assert any("a number from 1" in note.message for note in file.notes)


def test_cells_of_a_workbook_are_taken_as_the_sheet_shows_them(tmp_path: Path) -> None:
    from openpyxl import Workbook
    from openpyxl.comments import Comment

    shown = {
        **{"8%": (0.08, "0%"), "00042": (42, "00000"), "1,234.50 EUR": (1234.5, '#,##0.00 "EUR"')},
        **{"8:30": (time(8, 30), "h:mm"), "1 May 1987": (date(1987, 5, 1), "d mmm yyyy"), "TRUE": (True, "General")},
    }
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Prices and times, as of today"])
    sheet.append(["id", "weight", "question", "answers"])
    for n, (value, code) in enumerate(shown.values()):
        sheet.append([n, 7.0, f"Which {n}?", value])
        cell = sheet.cell(sheet.max_row, 4)
        cell.number_format = code
        cell.comment = Comment("ask Ada", "Ada")
        sheet.cell(sheet.max_row, 2).number_format = "0.00"
    book.create_sheet("Old").append(["question", "answers"])
    book.create_sheet("Lists").sheet_state = "hidden"
    book.save(tmp_path / "made.xlsx")
    file, rows = imported(tmp_path, (tmp_path / "made.xlsx").read_bytes(), name="a.xlsx")
    assert [row["answers"] for row in rows] == [[text] for text in shown]
    assert [(row["id"], row["weight"]) for row in rows] == [(str(n), 7) for n in range(len(shown))]
    assert (file.rows, file.taken) == (len(shown), len(shown)), "neither the note nor the other sheets are rows"
    notes = [note.message for note in file.notes]
    assert "only the sheet 'Sheet' is read; left out: Old" in notes
    assert "hidden sheets are left out: 1" in notes
    assert not any("may also be read" in note for note in notes)


def test_what_of_a_row_of_a_table_is_not_carried_over_is_said(tmp_path: Path) -> None:
    table = "question,answer,answerable,\na?,b,false,\nc?,n/a,false,\nd?,e,true,see mail\nf?,,no,\n"
    file, rows = imported(tmp_path, table)
    assert [row["answers"] for row in rows] == [[], [], ["e"], []]
    assert [(note.line, note.message) for note in file.notes if note.line > 1] == [
        (2, "its answer is not taken: it is said to be unanswerable"),
        (3, "the answer says that there is none; is the question unanswerable?"),
        (4, "a column without a name is not taken"),
    ]


def test_rows_behind_an_open_quote_are_counted(tmp_path: Path) -> None:
    file, rows = imported(tmp_path, 'Question,Answer,Notes\na?,b,c\nShort\n"open, never closed,1,2\nd?,e,f\ng?,h,i\n')
    assert (file.rows, len(rows), [problem.line for problem in file.refused]) == (5, 1, [3, 4, 5, 6])
    assert file.refused[1].message.startswith("is no CSV: the quote that line 4 opens is never closed, and lines 4 to 6 are")


def test_a_column_of_names_of_files_names_the_gold_documents_and_is_no_text_of_them(tmp_path: Path) -> None:
    table = "question,answer,document\nHow often?,weekly,docs/drill.md\nWho?,Ada,docs/staff list.md\n"
    file, cases = imported(tmp_path, table)
    assert "gold document's text = 'document'" in " ".join(note.message for note in file.notes)  # one is no name
    file, cases = imported(tmp_path, table.replace("staff list", "staff-list"))
    assert [case["gold_documents"] for case in cases] == [["docs/drill.md"], ["docs/staff-list.md"]]
    assert "gold documents, by their names = 'document'" in " ".join(note.message for note in file.notes)


def test_columns_in_german_are_all_taken(tmp_path: Path) -> None:
    _, cases = imported(tmp_path, "Frage;Antwort;Dokument\nWie oft?;jede Woche;docs/übung.md\n")
    assert [(case["answers"], case["gold_documents"]) for case in cases] == [(["jede Woche"], ["docs/übung.md"])]
    assert "Dokument" not in cases[0].get("meta", {})
