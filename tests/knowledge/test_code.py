"""Are definitions found, with their comments and ends, by grammar and by shape alike?"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rung.knowledge.chunking.code import Definition, definitions
from rung.knowledge.chunking.passages import Chunking, passages
from rung.records import Document
from rung.testing.knowledge import HashedWords

COUNT = HashedWords().count_tokens
BY_SHAPE = "zig"  # has no grammar here
IN_EACH = {
    "javascript": "function f(a) {\n  return a;\n}\n",
    "typescript": "interface A {\n  b: string;\n}\n",
    "tsx": "function F() {\n  return <b>a</b>;\n}\n",
    "go": "func (s *Shop) Open(a int) error {\n\treturn nil\n}\n",
    "rust": "impl Shop {\n}\n",
    "c": "int main(void) {\n  return 0;\n}\n",
    "cpp": "class Shop : public Base {\n};\n",
    "c_sharp": "class Shop {\n}\n",
    "ruby": "def f(a)\n  a\nend\n",
    "bash": "open() {\n  echo a\n}\n",
}
PYTHON = """\
import os

LIMIT = 3


# What greets.
@decorated
def greet(name: str) -> str:
    \"\"\"Say hello.\"\"\"
    return f"hello {name}"


class Shop(Base):
    x = 1

    async def open(self):
        if self.x:
            return 1
        return 2

    def close(self):
        pass


print("é 😀")


def last(): return 1
"""
JAVA = """\
package a;

/** A shop. */
public class Shop extends Base {
    private int x = 1;

    // Opens it.
    public int open(String why) {
        if (x > 0) {
            return 1;
        }
        return 2;
    }
}
"""


def titles(found: Sequence[Definition]) -> list[str]:
    return [d.title for d in found]


@pytest.mark.parametrize("language", ["python", BY_SHAPE])
def test_definitions_of_python(language: str) -> None:
    found = definitions(PYTHON, 0, language)
    assert titles(found) == ["def greet(name: str) -> str", "class Shop(Base)", "async def open(self)", "def close(self)",
                             "def last(): return 1"]  # fmt: skip
    greet, shop, opened, closed, last = found
    assert PYTHON[greet.start : greet.end].startswith("# What greets.\n@decorated\ndef greet")
    assert PYTHON[greet.start : greet.end].rstrip().endswith('{name}"')
    assert shop.start < opened.start < opened.end <= closed.start < closed.end <= shop.end
    assert PYTHON[opened.start : opened.end].rstrip().endswith("return 2")
    assert "print" not in PYTHON[shop.start : shop.end]
    assert PYTHON[last.start : last.end].startswith("def last")


@pytest.mark.parametrize("language", ["java", BY_SHAPE])
def test_definitions_of_java(language: str) -> None:
    found = definitions(JAVA, 0, language)
    assert titles(found) == ["public class Shop extends Base", "public int open(String why)"]
    assert JAVA[found[0].start :].startswith("/** A shop. */")
    assert JAVA[found[0].start : found[0].end].rstrip().endswith("}")
    assert JAVA[found[1].start : found[1].end].strip().startswith("// Opens it.")
    assert JAVA[found[1].start : found[1].end].rstrip().endswith("return 2;\n    }")


def test_the_grammars_are_used() -> None:
    pytest.importorskip("tree_sitter_python", reason="the grammars are in the extra docs")
    unindented = "class A { void f() {\nreturn;\n}\nvoid g() {\nreturn;\n}\n}\n"
    assert titles(definitions(unindented, 0, "java")) == ["class A { void f()", "void g()"]
    for language, text in IN_EACH.items():
        assert titles(definitions(text, 0, language)) == [text.split("\n")[0].rstrip(" {")], language


def test_a_language_without_a_grammar_goes_by_shape() -> None:
    text = "pub fn main() void {\n    work();\n}\n\nfn work() void {\n}\n"
    assert titles(definitions(text, 0, "zig")) == ["pub fn main() void", "fn work() void"]


@pytest.mark.parametrize("language", ["python", BY_SHAPE])
def test_code_is_cut_at_definitions_and_named_by_them(language: str) -> None:
    document = Document("shop.py", PYTHON, "shop.py", meta={"language": language}, source="shop.py")
    found = passages(document, chunking=Chunking(48, 4), count=COUNT, max_tokens=256)
    greet = next(p for p in found if "def greet" in p.text)
    assert "@decorated" in greet.text
    assert "return f" in greet.text
    smaller = passages(document, chunking=Chunking(24, 4), count=COUNT, max_tokens=256)
    assert next(p for p in smaller if "async def open" in p.text).title.startswith("shop.py › class Shop(Base)")
    assert all(PYTHON[p.start : p.end] == p.text for p in found)


@pytest.mark.parametrize("language", ["python", BY_SHAPE])
def test_broken_code_is_cut_all_the_same(language: str) -> None:
    text = "def f(:\n  class {{{\n}}}\n def\n" * 20
    found = passages(
        Document("f.py", text, meta={"language": language}), chunking=Chunking(16, 2), count=COUNT, max_tokens=256
    )
    assert {i for i in range(len(text)) if not text[i].isspace()} <= {i for p in found for i in range(p.start, p.end)}
