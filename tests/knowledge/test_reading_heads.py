"""Are titles, heads and data told apart, whatever stands above a table?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.knowledge.readers.table_heads import Headed, split_heads, tables_of


def grid(text: str) -> list[list[str]]:
    return [line.strip().split(";") for line in text.strip().split("/")]


@pytest.mark.parametrize(
    ("text", "titles", "head", "first"),
    [
        ("Name;Fee/A;1/B;2", (), ("Name", "Fee"), ("A", "1")),
        ("id;name;price/1;Apple;2.5/2;Pear;3", (), ("id", "name", "price"), ("1", "Apple", "2.5")),
        ("Report of 2026/;/Name;Fee/A;1", ("Report of 2026",), ("Name", "Fee"), ("A", "1")),
        ("Report;;/in EUR;;/Name;Town;Fee/A;Oslo;1", ("Report", "in EUR"), ("Name", "Town", "Fee"), ("A", "Oslo", "1")),
        ("Stock;Stock;Stock/Item;Bin;Count/a;b;3", ("Stock",), ("Item", "Bin", "Count"), ("a", "b", "3")),
        ("A;Oslo;12,50/B;Bergen;9,00", (), (), ("A", "Oslo", "12,50")),
        ("Ada;Oslo/Bob;Bergen/Cid;Oslo", (), (), ("Ada", "Oslo")),
        ("P35;green/P36;red/P37;blue", (), (), ("P35", "green")),
        ("A;9;12/B;10;3", (), (), ("A", "9", "12")),
        ("Oslo;2024;5/Bergen;2025;6", (), (), ("Oslo", "2024", "5")),
        ("Region;2024;2025/Oslo;5;6/Bari;7;8", (), ("Region", "2024", "2025"), ("Oslo", "5", "6")),
        (";2024/Oslo;5/Rome;6", (), ("", "2024"), ("Oslo", "5")),
        ("Q1;Q2/5;6/7;8", (), ("Q1", "Q2"), ("5", "6")),
        (
            "Part;Price;;Stock/;net;gross;/P0;1;2;3/P1;1;2;3",
            (),
            ("Part", "Price net", "Price gross", "Stock"),
            ("P0", "1", "2", "3"),
        ),
        ("Name;Fee/;/A;1", (), ("Name", "Fee"), ("A", "1")),
    ],
)
def test_titles_heads_and_data(text: str, titles: tuple[str, ...], head: tuple[str, ...], first: tuple[str, ...]) -> None:
    (table,) = tables_of(grid(text))
    assert (table.titles, table.head, table.rows[0]) == (titles, head, first)


def test_several_tables_of_a_sheet() -> None:
    first, second = tables_of(grid("Name;Fee/A;1/B;2/;/Town;People/Oslo;5/Bari;6"))
    assert (first.head, second.head) == (("Name", "Fee"), ("Town", "People"))
    first, second = tables_of(grid("Name;Fee/A;1/B;2/;/East;/C;3/D;4"))
    assert (second.titles, second.head, second.rows) == (("East",), ("Name", "Fee"), (("C", "3"), ("D", "4")))
    assert len(tables_of(grid("Region;Price/Norway;12.5/;/Sweden;9"))[0].rows) == 2
    assert tables_of(grid("Name;Fee/A;1/;/Source: us"))[-1] == Headed(("Source: us",))


def test_heads_that_the_file_names_are_taken() -> None:
    assert split_heads(grid("1;2/3;4"), 1).head == ("1", "2")
    assert split_heads(grid("Name;Fee/A;B"), 0).head == ()


@given(st.lists(st.lists(st.sampled_from(["", "a", "b c", "1", "2024", "P1"]), max_size=4), max_size=12))
def test_no_cell_is_lost(rows: list[list[str]]) -> None:
    found = tables_of(rows)
    said = {
        word for t in found for line in (*t.titles, *t.head, *(c for row in t.rows for c in row)) for word in line.split()
    }
    assert {word for row in rows for cell in row for word in cell.split()} <= said
    for table in found:
        assert len({len(row) for row in (*table.rows, *([table.head] if table.head else []))}) <= 1
