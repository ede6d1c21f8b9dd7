"""Is a name in code found where it is defined, by its words and as it is written, and a file by its path?"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rung.knowledge import Fusion, Knowledge
from rung.knowledge.chunking.code import given_names
from rung.knowledge.chunking.passages import Chunking, passages
from rung.records import Asker, Document, Passage
from rung.testing.knowledge import HashedWords
from rung.text.identifiers import asked_symbols

USES = "\n\n\n".join(
    f"def step_{n}(cart):\n    return retryHeader(cart, max_retries) + retryHeader({n}, {n})" for n in range(9)
)
CODE = f"""import time

MAX_WAIT = 30

{USES}


def retryHeader(value, limit):
    # Seconds that a server asks for.
    return min(int(value), limit)


class Shop:
    def close(self):
        return self.till.end()
"""
OTHER = "class Till:\n    def close(self):\n        return 1\n"
PROSE = "# Notes\n\nThe retry header tells how long to wait. Close the shop at nine."
HALF = Fusion(0.5)


def sources() -> list[Document]:
    code = {"src/shop.py": CODE, "src/till.py": OTHER}
    coded = [Document(name, text, name, meta={"language": "python"}, source=name) for name, text in code.items()]
    return [*coded, Document("docs/notes.md", PROSE, "Notes", source="docs/notes.md")]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    knowledge = open_in(tmp_path_factory.mktemp("repository"))
    knowledge.sync(sources())
    return knowledge


def open_in(folder: Path) -> Knowledge:
    return Knowledge.open(folder, embedder=HashedWords(), chunking=Chunking(40, 4), fusion=HALF)


def best(knowledge: Knowledge, query: str) -> Passage:
    return knowledge.search(query, asker=Asker(), top=1)[0]


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("Where is retryHeader defined?", "def retryHeader(value, limit):"),
        ("retryheader", "def retryHeader(value, limit):"),
        ("What does `MAX_WAIT` say?", "MAX_WAIT = 30"),
        ("How does Shop.close() work?", "def close(self):"),
        ("Shop::close", "def close(self):"),
        ("step_7", "def step_7(cart):"),
    ],
)
def test_a_named_symbol_is_found_where_it_is_defined(repository: Knowledge, query: str, line: str) -> None:
    found = best(repository, query)
    assert found.document == "src/shop.py"
    assert line in found.text


def test_a_name_of_two_classes_goes_by_the_class(repository: Knowledge) -> None:
    assert best(repository, "Till.close").document == "src/till.py"
    assert {p.document for p in repository.search("close()", asker=Asker(), top=2)} == {"src/shop.py", "src/till.py"}


def test_an_identifier_is_found_by_its_words_and_whole(tmp_path: Path) -> None:
    knowledge = open_in(tmp_path)
    knowledge.sync([d for d in sources() if d.source.endswith(".py")])
    knowledge.weigh(0.0)
    assert "retryHeader" in best(knowledge, "header to retry").text
    uses = knowledge.search("max_retries", asker=Asker(), top=20)
    assert len(uses) >= 3
    assert all("max_retries" in p.text for p in uses[:3])


@pytest.mark.parametrize(
    "query", ["What is in till.py?", "src/till.py", "./src/till.py", "SRC/TILL.PY", "/src/till.py", "(till.py)"]
)
def test_a_file_is_found_by_its_path(repository: Knowledge, query: str) -> None:
    assert best(repository, query).document == "src/till.py"


def test_other_files_are_found_by_their_path(repository: Knowledge) -> None:
    assert best(repository, "Read docs/notes.md").document == "docs/notes.md"


def test_words_still_find_prose(repository: Knowledge) -> None:
    assert best(repository, "How long does the header say to wait, and when is the shop closed?").document == "docs/notes.md"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_passages_say_the_line_that_an_editor_shows(ending: str) -> None:
    text = CODE.replace("\n", ending)
    lines = text.split("\n")
    document = Document("a.py", text, "a.py", meta={"language": "python"}, source="a.py")
    cut = passages(document, chunking=Chunking(40, 4), count=HashedWords().count_tokens, max_tokens=256)
    assert len(cut) > 3
    for passage in cut:
        for at in (passage.start, passage.end - 1):
            line = passage.line_at(at)
            begin = len("\n".join(lines[: line - 1])) + (line > 1)
            assert begin <= at < begin + len(lines[line - 1]) + 1
        assert passage.location_at(passage.start) == f"a.py:{passage.line}"


def test_symbols_outlive_the_stand_in(tmp_path: Path) -> None:
    class Slow(HashedWords):
        quick = HashedWords(name="stand-in")

    knowledge = Knowledge.open(tmp_path, embedder=Slow(), chunking=Chunking(40, 4), fusion=HALF)
    many = [Document(f"n{n}.md", f"Note {n} of the header", source=f"n{n}.md") for n in range(300)]
    knowledge.sync([*sources(), *many], at_once=True)
    assert knowledge.provisional_count
    knowledge.replace_provisional()
    assert not knowledge.provisional_count
    assert "def retryHeader" in best(knowledge, "Where is retryHeader defined?").text
    assert best(knowledge, "till.py").document == "src/till.py"


def test_an_index_without_files_has_no_column_of_symbols(tmp_path: Path) -> None:
    knowledge = open_in(tmp_path)
    knowledge.sync([Document("r1", "The retry header", source="rows.jsonl"), Document("r2", "Shop.close() ends it")])
    assert best(knowledge, "`Shop.close` in rows.jsonl").document == "r2"
    rows, _ = knowledge.snapshot().stored(["r1", "r2"])
    assert [row.symbols for row in rows] == [(), ()]


def test_given_names() -> None:
    text = "LIMIT: int = 3\nif a == b: pass\nexport const useCart = () => 1\n  let inner = 2\n#define SIZE 9\n"
    java = "class A {\n  private static final Map<String, Integer> BY_NAME = x;\n  int count = 3;\n}\n"
    assert [name for _, name in given_names(text, 0)] == ["LIMIT", "useCart", "SIZE"]
    assert [name for _, name in given_names(java, 0)] == ["BY_NAME"]


@pytest.mark.parametrize(
    "query", ["a" * 200_000, "a/" * 100_000, "a." * 100_000, "aB" * 100_000, "`" * 200_000, "f(" * 100_000]
)
def test_a_hostile_question_is_read_once(query: str) -> None:
    began = time.process_time()
    asked_symbols(query)
    assert time.process_time() - began < 5


def test_a_long_line_of_spaces_takes_no_time() -> None:
    began = time.process_time()
    assert [name for _, name in given_names(f"const{' ' * 20_000}x\nLIMIT = 1\n", 0)] == ["LIMIT"]
    assert time.process_time() - began < 1
