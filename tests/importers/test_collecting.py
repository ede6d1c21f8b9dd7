"""Rows are taken once, with where they come from, and as the kind that is asked for."""

from __future__ import annotations

from rung.importers.collecting import Collected, Collector, Kind, Origin
from rung.importers.imported import ImportedRow, Row, case_row, document_row, ids
from rung.importers.tuning import as_example
from rung.records import Case, Json, Message

ORIGIN = Origin("old/suite.yaml", "promptfoo")


def collected(*rows: ImportedRow, to: Kind | None = None, existing: tuple[Case, ...] = (), judged: bool = True) -> Collected:
    return Collector(to, existing, judged=judged).collect(rows, ORIGIN)


def case(line: int, question: str, *answers: str, id: Json = None) -> ImportedRow:
    return ImportedRow(line, cases=(case_row(question, answers, id=id),))


def refusals(result: Collected) -> list[str]:
    return [str(problem) for problem in result.refused]


def test_every_row_says_where_it_comes_from() -> None:
    document = document_row("Express costs 9 EUR.")
    row = ImportedRow(7, cases=(case_row("Express?", ["9 EUR"], gold=ids([document])),), documents=(document,))
    example = as_example({"prompt": "Hi", "completion": "Hello"}, 8)
    result = collected(row, example)
    assert result.rows["cases"][0]["meta"] == {"imported": {"form": "promptfoo", "file": "old/suite.yaml", "line": 7}}
    assert result.rows["documents"][0]["meta"] == result.rows["cases"][0]["meta"]
    assert result.rows["examples"][0]["source"] == "old/suite.yaml:8"
    assert result.taken == 2


def test_a_question_that_is_asked_again_is_refused_with_the_first_place() -> None:
    result = collected(case(1, "Express?", "9 EUR"), case(2, "Express?", "9 EUR"), case(3, "Express?", "nine"))
    assert (result.taken, refusals(result)) == (
        1,
        [
            "old/suite.yaml:2: asks the same as old/suite.yaml:1",
            "old/suite.yaml:3: asks the same as old/suite.yaml:1, with other answers; "
            "write them there if they are right as well",
        ],
    )


def test_an_id_that_two_questions_have_is_made_another() -> None:
    result = collected(case(1, "Express?", "9 EUR", id="a"), case(2, "Standard?", "4 days", id="a"))
    assert [row["id"] for row in result.rows["cases"]] == ["a", "a-2"]
    assert [note.message for note in result.notes] == ["the id 'a' is already at old/suite.yaml:1: it is called 'a-2'"]


def test_cases_of_the_project_are_not_asked_again() -> None:
    own = Case("a", "How long?", ("one day",), place="cases/cases.jsonl:3")
    result = collected(
        case(1, "Express?", "9 EUR", id="a"),
        case(2, "How long?", "one day", id="b"),
        case(3, "How long?", "1"),
        existing=(own,),
    )
    assert [(row["question"], row["id"]) for row in result.rows["cases"]] == [("Express?", "a-2")]
    assert refusals(result) == [
        "old/suite.yaml:2: asks the same as cases/cases.jsonl:3",
        "old/suite.yaml:3: asks the same as cases/cases.jsonl:3, with other answers; "
        "write them there if they are right as well",
    ]


def test_a_question_under_another_id_is_the_same_question() -> None:
    result = collected(case(1, "Express?", "9 EUR", id=1), case(2, "Express?", "9 EUR", id=2))
    assert refusals(result) == ["old/suite.yaml:2: asks the same as old/suite.yaml:1"]


def test_ids_are_numbered_until_one_is_free_among_all_files() -> None:
    collector = Collector()
    rows = [
        collector.collect([case(1, question, "x", id=1)], Origin(f"{n}.csv", "table")).rows["cases"]
        for n, question in enumerate(("What a?", "What b?", "What c?"))
    ]
    assert [[row["id"] for row in of_one] for of_one in rows] == [[1], ["1-2"], ["1-3"]]
    again = collector.collect([case(1, "What b?", "x", id=9)], Origin("3.csv", "table"))
    assert refusals(again) == ["3.csv:1: asks the same as 1.csv:1"]


def test_the_same_words_after_other_turns_or_of_another_asker_are_another_question() -> None:
    before: list[Row] = [{"role": "user", "content": "Express?"}, {"role": "assistant", "content": "9 EUR"}]
    said = ImportedRow(2, cases=(case_row("And now?", ["4"], messages=before),))
    staff = ImportedRow(3, cases=({**case_row("And now?", ["5"]), "as": ["staff"]},))
    own = Case("x", "And now?", ("4",), messages=(Message("user", "Express?"), Message("assistant", "9 EUR")), place="c:1")
    result = collected(case(1, "And now?", "3"), said, staff)
    assert (result.taken, len({str(row.get("id")) for row in result.rows["cases"]})) == (3, 2)
    assert refusals(collected(said, staff, existing=(own,))) == ["old/suite.yaml:2: asks the same as c:1"]


def test_an_example_is_taken_once_whatever_its_id() -> None:
    rows = [
        as_example({"id": id, "prompt": prompt, "completion": "x"}, n)
        for n, (id, prompt) in enumerate([("a", "1?"), ("b", "1?"), ("a", "2?"), ("a", "3?")], 1)
    ]
    result = collected(*rows)
    assert [row["id"] for row in result.rows["examples"]] == ["a", "a-2", "a-3"]
    assert refusals(result) == ["old/suite.yaml:2: repeats old/suite.yaml:1"]


def test_documents_that_were_not_asked_for_are_not_listed_as_refused() -> None:
    result = collected(ImportedRow(1, documents=(document_row("a"),)), case(2, "Express?", "9"), to="cases")
    assert (refusals(result), result.left) == ([], {"documents": 1})


def test_one_text_is_one_document_and_a_refused_row_leaves_none() -> None:
    text = document_row("Express costs 9 EUR.")
    broken = ImportedRow(1, cases=(case_row("", ["x"], gold=ids([text])),), documents=(text,))
    sound = [
        ImportedRow(n, cases=(case_row(f"Question {n}?", ["9 EUR"], gold=ids([text])),), documents=(text,)) for n in (2, 3)
    ]
    result = collected(broken, *sound)
    assert [len(result.rows[kind]) for kind in ("cases", "documents")] == [2, 1]
    other = ImportedRow(1, documents=(document_row("a", id="d"),)), ImportedRow(2, documents=(document_row("b", id="d"),))
    assert refusals(collected(*other)) == ["old/suite.yaml:2: its document 'd' has another text at old/suite.yaml:1"]


def test_examples_become_cases_and_cases_examples() -> None:
    chat: Row = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "Express?"},
            {"role": "assistant", "content": "9 EUR"},
        ]
    }
    (made,) = collected(as_example(chat, 1), to="cases").rows["cases"]
    assert (made["question"], made["answers"]) == ("Express?", ["9 EUR"])
    assert made["messages"] == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
    result = collected(
        case(1, "Express?", "9 EUR", "nine"), ImportedRow(2, cases=(case_row("Who?", answerable=False),)), to="examples"
    )
    assert result.rows["examples"][0]["messages"] == [
        {"role": "user", "content": "Express?"},
        {"role": "assistant", "content": "9 EUR"},
    ]
    assert refusals(result) == ["old/suite.yaml:2: has no accepted answer: it makes no example"]
    assert refusals(collected(case(1, "Express?", "9 EUR"), to="documents")) == ["old/suite.yaml:1: holds no documents"]


def test_a_rubric_alone_judges_only_where_a_model_judges() -> None:
    row = ImportedRow(1, cases=(case_row("Poem?", meta={"rubric": "It rhymes"}),))
    assert collected(row).taken == 1
    assert "metric: judge" in refusals(collected(row, judged=False))[0]


def test_a_row_of_several_cases_is_taken_without_those_that_are_not() -> None:
    row = ImportedRow(1, cases=(case_row("a?", ["x"]), case_row("a?", ["x"]), case_row("b?", ["x"])))
    result = collected(row)
    assert (len(result.rows["cases"]), result.taken) == (2, 1)
    assert result.notes[0].message == "one of its 3 combinations asks the same as old/suite.yaml:1"


def test_half_a_character_is_refused() -> None:
    assert "lone surrogate" in refusals(collected(case(1, "a\ud800?", "x")))[0]


def test_a_row_that_is_refused_is_counted_beside_those_that_are_taken() -> None:
    rows = [case(1, "a?", "x"), ImportedRow(2, refused="is broken")]
    result = Collector().collect(rows, Origin("log.eval", "inspect", holds_parts=True))
    assert (result.taken, len(result.refused)) == (1, 1)
