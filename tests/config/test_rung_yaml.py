"""Every mistake in rung.yaml is named with its line."""

from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import InputError


def written(folder: Path, text: str) -> Path:
    (folder / "rung.yaml").write_text(text, encoding="utf-8")
    return folder


def test_defaults(tmp_path: Path) -> None:
    project = load_project(written(tmp_path, "cases: cases.jsonl\n"))
    assert project.settings.cases == ("cases.jsonl",)
    assert project.settings.model == "smollm2-135m-grounded"
    assert project.name == tmp_path.name
    assert project.rungs() == []


def test_rungs_with_and_without_settings(tmp_path: Path) -> None:
    project = load_project(
        written(tmp_path, "rungs:\n  - prompt\n  - rag: {passages: [1, 3]}\n  - hybrid:\n      rank: 8\n")
    )
    assert project.rungs() == [("prompt", {}), ("rag", {"passages": [1, 3]}), ("hybrid", {"rank": 8})]


def test_every_number_of_the_bar_but_correct_is_a_hard_limit(tmp_path: Path) -> None:
    project = load_project(written(tmp_path, "bar: {correct: 0.7, format: 0.99, leaks: 0, p95_seconds: 2, metric: f1}\n"))
    assert project.settings.bar.correct == 0.7
    assert project.settings.bar.limits() == {"format": 0.99, "leaks": 0.0, "p95_seconds": 2.0}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("task: x\nbahr: {correct: 0.7}\n", 2, "unknown key 'bahr'; did you mean 'bar'"),
        ("prices: {output_usd_per_million: 1}\n", 1, "did you mean 'completion_usd_per_million'"),
        ("models: {a: {use: x, prices: {input_usd_per_million: 1}}}\n", 1, "did you mean 'prompt_usd_per_million'"),
        ("models: {a: {use: x, prices: {usd: 1}}}\n", 1, "known here: machine_usd_per_hour, prompt_usd_per_million, "),
        ("models: {a: {use: x, priecs: {usd: 1}}}\n", 1, "unknown key 'priecs'; did you mean 'prices'"),
        ("knowledge:\n  sources: [a]\n  chunk_token: 5\n", 3, "did you mean 'chunk_tokens'"),
        ("bar:\n  correct: 7\n", 2, "bar.correct"),
        ("bar:\n  correct: high\n", 2, "bar.correct"),
        ("bar:\n  format: high\n", 2, "format"),
        ("task: a\ntask: b\n", 2, "stands twice"),
        ("task: [a\n", 2, "is no YAML"),
        ("task: a\nseed: -1\n", 2, "seed: input should be greater than or equal to 0"),
        ("task: a\nseed: 99999999999\n", 2, "seed: input should be less than or equal to 4294967295"),
        ("task: a\nbar: {correct: .nan}\n", 2, "a number is infinite, or none"),
        ("task: a\ntraffic:\n  queries_per_month: .inf\n", 3, "a number is infinite, or none"),
        ("task: a\ntraffic:\n  queries_per_month: 1e+300\n", 3, "no setting is larger than 1e+12"),
        ("task: a\ntraffic:\n  queries_per_month: 1e999\n", 3, "finite number"),
        ("task: a\nbar:\n  recall@5: 1e999\n", 3, "finite number"),
        ('task: a\nname: "a\\x1b[2J"\n', 2, "the control character"),
        ("task: a\n1: b\n", 2, "a key must be a word"),
        ("task: a\nrungs:\n- rag: {1: 2}\n", 3, "a key must be a word"),
        ("task: a\nmodel: http://ada:secret@host/v1#m\n", 2, "holds a user or a password"),
        ("task: a\nreranker: http://ada@host/v1#m\n", 2, "holds a user or a password"),
        ("task: a\njudge: {model: 'https://ada:secret@host/v1#m'}\n", 2, "holds a user or a password"),
        ("task: a\nknowledge: {store: 's3://key:secret@bucket/x'}\n", 2, "holds a user or a password"),
        ("task: a\nrecords: postgresql://ada:pw@db/x\n", 2, "RUNG_RECORDS, in the environment"),
        ("task: a\nrecords: postgresql://ada:pa/pw@db/x\n", 2, "holds a user or a password"),
        ("task: a\nrecords: 'postgresql://ada:p pw@db/x'\n", 2, "holds a user or a password"),
        ("task: a\nrecords: postgresql://ada@db/x\n", 2, "holds a user or a password"),
        ("task: a\nrecords: postgresql://db/x?password=pw\n", 2, "holds a user or a password"),
        ("rungs:\n  - prompt\n  - {rag: {}, hybrid: {}}\n", 1, "one name with its settings"),
        ("cases: 5\n", 1, "cases"),
        ("- a\n- b\n", 1, "must hold keys"),
        ("", 1, "must hold keys"),
        ("knowledge: docs\n", 1, "knowledge"),
        ("knowledge:\n  sources:\n  - docs\n  - https://ada:pw@example.org/a\n", 4, "holds a user or a password"),
        ("knowledge:\n  sources: {a: HTTPS://ada:pw@example.org/a}\n", 2, "knowledge.sources"),
        ("knowledge:\n  access:\n  - {path: docs, groups: [sta\u200bff]}\n", 3, "holds U+200B"),
        ("knowledge:\n  access:\n  - {path: 'do\u00adcs', groups: [staff]}\n", 3, "holds U+00AD"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_project(written(tmp_path, text))
    assert said in str(caught.value)
    assert f"rung.yaml:{line}:" in str(caught.value)
    assert "pw" not in str(caught.value)


def test_one_folder_under_two_names_is_one_model(tmp_path: Path) -> None:
    (tmp_path / "tiny" / "qwen").mkdir(parents=True)
    models = "models:\n  a: hf:tiny/qwen\n  b: hf:tiny/../tiny/qwen\n"
    with pytest.raises(InputError, match=r"'b' is hf:tiny/\.\./tiny/qwen, as 'a' is: name each model once") as caught:
        load_project(written(tmp_path, models))
    assert caught.value.line == 3
    load_project(written(tmp_path, models.replace("tiny/../tiny", "other/../other")))


def test_no_project_here(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rung init"):
        load_project(tmp_path / "nowhere")


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_bytes(b"task: \xff\xfe\xfa")
    with pytest.raises(InputError, match="UTF-8"):
        load_project(tmp_path)
