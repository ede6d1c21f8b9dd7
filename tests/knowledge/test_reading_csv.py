"""Is the delimiter the one that cuts the whole file, and is what is uneven named?"""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from rung.knowledge.readers.csv_files import delimiter_of
from tests.knowledge.reading import case, given, text_of


def table(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|") and "---" not in line]


def test_the_cases() -> None:
    assert table(case("comma_in_semicolon.csv")) == ["| Name | Fee |", "| A | 12,50 |", "| B | 9,00 |", "| C | 1,00 |"]
    assert case("ragged.csv").startswith("### Report of 2026\n\n| Name | Town | Fee |")
    assert table(case("ragged.csv"))[1:] == ["| A | Oslo | 12,50 |", "| B | Bergen | 9,00 |"]
    assert table(case("trailing.csv"))[1:] == ["| A | Oslo | 12,50 |", "| B | Bergen | 9,00 |", "| C | Lund | 3,00 |"]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("Name;Comment\nA;Hello, this is\nB;Well, yes, no\n", ";"),
        ('Name;Comment;Fee\nA;"Pear, green";2,5\nB;"x, y, z";3,5\n', ";"),
        ("Name, Town, Fee\nA, Oslo, 12\nB, Bergen, 9\n", ","),
        ("A|B\n1|2\n3|4\n", "|"),
        ("A\tB, C\n1\t2, 3\n", "\t"),
        ("Report, draft\n\nName;Fee\nA;1\nB;2\n", ";"),
        ("a,b,c\n1,2\n3,4,5\n", ","),
        ("Comment\nHello, you\nYes, me, too\nok\n", "\x1f"),
    ],
)
def test_delimiters(text: str, delimiter: str) -> None:
    assert delimiter_of(text) == delimiter


@drawn(
    st.lists(
        st.lists(st.sampled_from(["A", "Oslo", "12,50", "x, y", "1.234,5", ""]), min_size=3, max_size=3),
        min_size=2,
        max_size=30,
    ),
    st.integers(0, 29),
)
def test_one_uneven_line_does_not_move_the_delimiter(rows: list[list[str]], place: int) -> None:
    lines = ["Name;Town;Fee", *(";".join(["k", *row[1:]]) for row in rows)]
    lines.insert(1 + place % len(rows), "a,b,c,d,e;f")
    assert delimiter_of("\n".join(lines)) == ";"


def test_uneven_rows_are_named() -> None:
    documents, said, _ = given("a.csv", "Name,Town,Fee\nA,Oslo,12,50\nB,Bergen,9\nC,Rome\nD,Bari,1\n")
    assert said == [
        "2 rows have more or fewer than the 3 cells of the others, cut at commas (line 2, 4); "
        "all was kept: quote a cell that holds the mark"
    ]
    assert "| A | Oslo | 12 | 50 |" in documents[0].text


def test_a_quote_that_is_never_closed() -> None:
    documents, said, _ = given("a.csv", 'Name,Note\nA,"never closed\nB,two\nC,three\n')
    assert said == ["has a quote that is never closed; every line was read as a row: close it, or double it"]
    assert table(documents[0].text)[1:] == ["| A | never closed |", "| B | two |", "| C | three |"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"A;Oslo;12,50\nB;Bergen;9,00\n", ["|  |  |  |", "| A | Oslo | 12,50 |", "| B | Bergen | 9,00 |"]),
        (b"sep=;\r\nName;Fee\r\nA;1,5\r\n", ["| Name | Fee |", "| A | 1,5 |"]),
        (b'\xef\xbb\xbfName,Note\n"A, B","line one\nline two"\n', ["| Name | Note |", "| A, B | line one line two |"]),
        (b"Name;Fee;\nA;1;\nB;2;\n", ["| Name | Fee |", "| A | 1 |", "| B | 2 |"]),
        ("Name;Fee\nA;1\n".encode("utf-16"), ["| Name | Fee |", "| A | 1 |"]),
        (b'Name,Said\nA,"He said ""no"""\n', ["| Name | Said |", '| A | He said "no" |']),
        (b'a, b, c\n1, "x, y", 3\n', ["| a | b | c |", "| 1 | x, y | 3 |"]),
        (b'a;b\r\n1; "x; y" \r\n', ["| a | b |", "| 1 | x; y |"]),
        (b'Said,Count\n"He said \\"hi\\", ok",2\n', ["| Said | Count |", '| He said "hi", ok | 2 |']),
        (b'Folder,Count\n"C:\\new\\",2\n"D:\\old\\",3\n', ["| Folder | Count |", "| C:\\new\\ | 2 |", "| D:\\old\\ | 3 |"]),
        (b'Size,Item\n5" pipe, x\n6" pipe, y\n', ["| Size | Item |", '| 5" pipe | x |', '| 6" pipe | y |']),
    ],
)
def test_what_files_look_like(data: bytes, said: list[str]) -> None:
    assert table(text_of("a.csv", data)) == said


def test_windows_1252_is_read_and_said() -> None:
    documents, said, _ = given("a.csv", "Name;Preis\nMüller;5 €\n".encode("cp1252"))
    assert "| Müller | 5 € |" in documents[0].text
    assert "was read as Windows-1252" in said[0]
