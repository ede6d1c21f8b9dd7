"""Is every table of scores read as what it says, and refused with file and line where it says nothing?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rung.dataset.score_cells import Scale, scale_of
from rung.dataset.score_tables import ScoreTable, read_scores
from rung.errors import UserError

Read = Callable[..., ScoreTable]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """`read_scores` of one file with this text."""

    def reading(text: str, *, name: str = "scores.csv", **given: object) -> ScoreTable:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_scores([("", path)], **given)  # type: ignore[arg-type]

    return reading


def test_the_wide_form(read: Read) -> None:
    table = read("case,prompt,rag,cluster,usd:rag\nc1,1,0.5,d1,0.002\nc2,0,,d1,\nc3,true,PASS,,$0.004\n")
    assert table.columns == {"prompt": [1, 0, 1], "rag": [0.5, None, 1]}
    assert table.clusters == ["d1", "d1", None]
    assert table.usd == {"rag": [0.002, None, 0.004]}
    assert table.notes == ()


def test_the_long_form_in_any_order_of_rows(read: Read) -> None:
    table = read("score,system,case,document,cost\n1,rag,c2,d,0.1\n0,prompt,c1,,\nno,rag,c1,e,0.3\n")
    assert table.columns == {"rag": [1, 0], "prompt": [None, 0]}
    assert table.clusters == ["d", "e"]
    assert table.usd == {"rag": [0.1, 0.3]}


def test_passes_of_a_case_count_by_their_mean(read: Read) -> None:
    table = read("id,epoch,model,score_match\nq1,1,m,C\nq1,2,m,I\nq2,1,m,P\nq2,2,m,N\n", score="score_match")
    assert table.columns == {"m": [0.5, 0.25]}
    assert "2 passes" in table.notes[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "prompt\trag\n1\t0\n0.5\t1\n"),
        ("a.csv", "prompt;rag\n1;0\n0,5;1\n"),
        ("a.csv", "prompt|rag\n1|0\n50%|100 %\n"),
        ("a.csv", '"prompt","rag"\n"1","0"\n"0,5","1"\n'),
        ("a.jsonl", '{"prompt": 1, "rag": false}\n{"rag": true, "prompt": 0.5}\n'),
        ("a.json", '[{"prompt": 1, "rag": 0}, {"prompt": 0.5, "rag": 1}]'),
        ("a.json", '{"prompt": [1, 0.5], "rag": [0, 1]}'),
        ("a.csv", "\ufeff,prompt,rag\n0,1,0\n1,0.5,1\n"),
        ("a.csv", "prompt,rag,\n1,0,\n0.5,1,\n"),
    ],
)
def test_one_table_in_many_forms(read: Read, name: str, text: str) -> None:
    assert read(text, name=name).columns == {"prompt": [1, 0.5], "rag": [0, 1]}


def test_decimal_commas_are_said(read: Read) -> None:
    assert "0,85 is 0.85" in read("a;b\n0,85;1\n").notes[0]


@pytest.mark.parametrize(
    ("scale", "cell", "share"),
    [
        ("0-100", "85", 0.85),
        ("1-5", "4", 0.75),
        ("5-1", "4", 0.25),
        ("-1:1", "0", 0.5),
        ("0-10", "75%", 0.75),
        ("0-10", "pass", 1),
    ],
)
def test_scales(read: Read, scale: str, cell: str, share: float) -> None:
    assert read(f"a\n{cell}\n", scale=scale_of(scale)).columns == {"a": [share]}


@pytest.mark.parametrize("scale", ["100", "1-1", "a-b", "0-100-200", ""])
def test_a_scale_is_two_numbers(scale: str) -> None:
    with pytest.raises(UserError, match="worst score and the best"):
        scale_of(scale)


def test_what_else_a_table_holds_is_left_out_and_said(read: Read) -> None:
    table = read("question,prompt,comment\nWhy?,1,fine\nHow?,0,\n")
    assert table.columns == {"prompt": [1, 0]}
    assert table.notes == ("Columns not read, since they hold texts: comment.",)
    chosen = read("topic,a,b,c\nx,1,0,1\ny,0,0,1\n", order=["b", "a"])
    assert set(chosen.columns) == {"a", "b"}
    assert "topic, c" in chosen.notes[0]


def test_the_csv_of_promptfoo(read: Read) -> None:
    """As promptfoo writes it (`src/util/eval/evalTableUtils.ts`): six columns or more for each prompt, called alike."""
    six = "{label},Status,Score,Named Scores,Grader Reason,Comment"
    head = ",".join(["question", six.format(label='"[openai:a] Say\n it"'), six.format(label="[openai:b] Say it")])
    rows = "q1,x,PASS,1.00,,,,y,FAIL,0.25,,,\nq2,x,ERROR,0.00,,,,y,PASS,1.00,,,\n"
    table = read(f"{head}\n{rows}")
    assert table.columns == {"[openai:a] Say it": [1, 0], "[openai:b] Say it": [0.25, 1]}
    headless = read(f"{six.format(label='[openai:a] x')}\nx,PASS,1.00,,,\n")
    assert headless.columns == {"[openai:a] x": [1]}


def test_a_file_for_each_system(tmp_path: Path) -> None:
    """As the Language Model Evaluation Harness logs samples, and as ragas' table is saved."""
    for name, scores in (("a", (1.0, 0.0)), ("b", (0.0, 1.0))):
        rows = [{"doc_id": n, "doc": {"q": "?"}, "filter": "none", "exact_match": s} for n, s in enumerate(scores)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    files = [("small", tmp_path / "a.jsonl"), ("large", tmp_path / "b.jsonl")]
    assert read_scores(files, score="exact_match").columns == {"small": [1, 0], "large": [0, 1]}
    (tmp_path / "c.csv").write_text(",user_input,faithfulness\n0,why?,1\n1,how?,0.5\n")
    (tmp_path / "d.csv").write_text(",user_input,faithfulness\n0,how?,0.25\n1,why?,0\n")
    ragas = [("c", tmp_path / "c.csv"), ("d", tmp_path / "d.csv")]
    assert read_scores(ragas, score="faithfulness").columns == {"c": [1, 0.5], "d": [0, 0.25]}
    with pytest.raises(UserError, match="called 'acc'"):
        read_scores(files, score="acc")
    with pytest.raises(UserError, match="two files are called 'x'"):
        read_scores([("x", files[0][1]), ("x", files[1][1])], score="exact_match")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "is empty"),
        (" \n\n", 0, "is empty"),
        ("a,b\n", 0, "no case"),
        ("a,b\n1,1\n1\n", 3, "has 1 cells, the header 2"),
        ("a,b\n1,0\n1,maybe\n", 3, "'maybe' in column 'b'"),
        ("a,b\n1,0\n1,nan\n", 3, "'nan' in column 'b'"),
        ("a,b\n1,0\n-inf,0\n", 3, "'-inf' in column 'a'"),
        ("a,b\n1,0\n85,0\n", 3, "outside 0 to 1"),
        ("a,a\n1,0\n", 1, "two columns are called 'a'"),
        ("case,a\nx,1\nx,0\n", 3, "'x' stands in line 2"),
        ("case,a\nx,1\n,0\n", 3, "no case in column 'case'"),
        ("case\nx\n", 1, "no column of scores"),
        ("a,usd:b\n1,0.1\n", 1, "no system that is here"),
        ("a,b,usd\n1,0,0.1\n", 1, "whose cost"),
        ("a,usd:a\n1,-1\n", 2, "below 0"),
        ("a,usd:a\n1,cheap\n", 2, "'cheap'"),
        ("case,system,score\nx,a,1\nx,a,0\n", 3, "with another score"),
        ("case,system,score\nx,a,1\nx,a,1\n", 3, "once more"),
        ("case,system,score,cluster\nx,a,1,d\nx,b,1,e\n", 3, "in cluster 'e', and in 'd'"),
        ("case,system,score\nx,,1\n", 2, "has nothing in column 'system'"),
        ("system,score\na,1\n", 1, "names the case"),
        ("case,system,one,two\nx,a,1,0\n", 1, "--score"),
    ],
)
def test_what_is_no_table_of_scores_is_told_with_its_line(read: Read, text: str, line: int, words: str) -> None:
    with pytest.raises(UserError) as caught:
        read(text)
    said = str(caught.value)
    assert words in said
    assert f"scores.csv:{line}: " in said if line else "scores.csv: " in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.parquet", b"PAR1\x15\x04", "Parquet"),
        ("a.xlsx", b"PK\x03\x04\x14\x00", "spreadsheet"),
        ("a.csv", "a\n0\u00e9\n".encode("latin-1"), "UTF-8"),
        ("a.jsonl", b'{"a": 1}\n{"a": NaN}\n', "NaN"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "object"),
        ("a.json", b'{"a": [1, 0], "b": [1]}', "unequal length (a 2, b 1)"),
        ("a.jsonl", b'{"a": {"score": 1}}', "'a'"),
    ],
)
def test_other_files_are_told(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_scores([("", path)], scale=Scale())
    assert words in str(caught.value)
