"""Is what people give read within its limits, and refused in words, with its line, elsewhere?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rung.errors import InputError
from rung.files.limited import json_file, text_of, yaml_file, yaml_of
from rung.text.parsing import MAX_DEPTH, Malformed, json_of

BOMB = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))])
MERGED = "\n".join(["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 10))])
CHAIN = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200))])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 100_000, "nested more than"),
        ("[" * 101 + "]" * 101, "nested more than"),
        ('{"a":' * 500 + "1" + "}" * 500, "nested more than"),
        ("9" * 5000, "more than 300 digits"),
        ("9" * 301, "more than 300 digits"),
        ("-" + "9" * 400, "more than 300 digits"),
        ('{"a": 1e999}', "infinite"),
        ("NaN", "NaN is no JSON"),
        ("[-Infinity]", "-Infinity is no JSON"),
        ('{"a": "\\ud83d"}', r"half of a character \(\\ud83d\)"),
        ('{"\\udc00": 1}', "half of a character"),
        ('{"a": }', "column 7"),
        ("", "column 1"),
    ],
)
def test_json_that_cannot_be_worked_with(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        json_of(text)


def test_json_within_the_limits() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json_of(deep) == eval(deep)
    assert json_of('{"a": [1, -2.5, "\\ud83d\\ude00", null, true]}') == {"a": [1, -2.5, "😀", None, True]}
    assert json_of("9" * 300) == int("9" * 300)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a: 1\nb: &b [*b]\n", 2, "refers to itself"),
        ("a: &a\n  b: *a\n", 1, "refers to itself"),
        (BOMB, 0, "unfold to more than"),
        (MERGED, 0, "unfold to more than"),
        (CHAIN, 0, "nested more than"),
        ("a: 1\n" + "- " * 3000 + "x", 2, ""),
        ("a: " + "[" * 3000, 1, "nested more than"),
        ("a: 1\nb: " + "9" * 5000, 2, "is no int"),
        ("a:\n  when: 2026-13-45\n", 2, "'2026-13-45' is no timestamp"),
        ("a: !!int ''", 1, "is no int"),
        ("a: !!bool x", 1, "is no bool"),
        ("a: !!timestamp x", 1, "is no timestamp"),
        ("a: 1\nb: c: d", 2, "mapping values are not allowed"),
        ("a: 1\n\x00", 2, "character '.x00' may not stand in it"),
        ("a: *none", 1, "undefined alias"),
        ("? [a, b]\n: c", 1, "unhashable"),
        ("!!python/object:os.system x", 1, "could not determine a constructor"),
        ("--- a\n--- b", 2, "another document"),
    ],
)
def test_yaml_that_cannot_be_worked_with(text: str, line: int, why: str) -> None:
    with pytest.raises(Malformed, match=why) as raised:
        yaml_of(text)
    assert raised.value.line == line or not line


def test_yaml_within_the_limits() -> None:
    value, node = yaml_of("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2024-01-02\nc: *a\n")
    assert isinstance(value, dict)
    assert value["b"]["x"] == 1
    assert value["c"] == {"x": 1}
    assert node is not None
    assert yaml_of("") == (None, None)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    for name, why in (("pipe", "no plain file"), ("loop", "symbolic links"), ("folder", "is a folder"), ("none", "No such")):
        with pytest.raises(InputError, match=f"{name}: .*{why}"):
            text_of(tmp_path / name)
    with pytest.raises(InputError, match="no plain file"):
        text_of(Path("/dev/zero"))
    with pytest.raises(InputError, match="null"):
        text_of(Path("a\x00b"))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a":\n"caf\xe9"}')
    with pytest.raises(InputError, match=r"a\.json:2: is not UTF-8 text"):
        json_file(path)
    path.write_bytes(b"\n\n\x00\x00")
    with pytest.raises(InputError, match=r"a\.json:3: holds NUL"):
        json_file(path)
    path.write_text("{\n\n,", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.json:3: is no JSON"):
        json_file(path)
    path.write_text("a: 1\nb: .nan\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.json:2: is no YAML that can be used: a number is infinite, or none"):
        yaml_file(path)
    path.write_text('{"a": 1}', encoding="utf-16")
    assert json_file(path) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: is it ? really, b: [x ? y, z?], c: 'q ? r'}", {"a": "is it ? really", "b": ["x ? y", "z?"], "c": "q ? r"}),
        ("- {q: b ? c ? d}", [{"q": "b ? c ? d"}]),
        ("- ? x\n  : y\n- {a: b ? c}", [{"x": "y"}, {"a": "b ? c"}]),
    ],
)
def test_question_marks_within_plain_texts(text: str, value: object) -> None:
    assert yaml_of(text, core=True)[0] == value
