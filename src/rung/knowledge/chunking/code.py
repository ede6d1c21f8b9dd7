"""The definitions of a source file, and where they end: functions, classes, types; what a passage is named by.

By the grammars of tree-sitter where they are installed (extra `docs`); else by the shape of the lines, which is right where
code is indented as usual. Cutting is left to `structure` and `packing`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from rung.records import Document

if TYPE_CHECKING:
    from tree_sitter import Language, Query

log = logging.getLogger(__name__)

LANGUAGE = "language"  # key of Document.meta
LANGUAGES = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascript",
    ".ts": "typescript", ".mts": "typescript", ".tsx": "tsx", ".java": "java", ".go": "go", ".rs": "rust", ".c": "c",
    ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".hh": "cpp", ".cs": "c_sharp", ".rb": "ruby",
    ".php": "php", ".sh": "bash", ".bash": "bash", ".kt": "kotlin", ".kts": "kotlin", ".swift": "swift", ".scala": "scala",
    ".lua": "lua", ".pl": "perl", ".pm": "perl", ".r": "r", ".jl": "julia", ".sql": "sql", ".m": "objc", ".dart": "dart",
}  # fmt: skip
# Module of the wheel tree-sitter-<name>, and the function that gives the grammar where it is not `language`.
_WHEELS = {"typescript": ("typescript", "language_typescript"), "tsx": ("typescript", "language_tsx"),
           "php": ("php", "language_php")}  # fmt: skip
_KINDS = (
    "function_definition", "class_definition", "decorated_definition", "function_declaration", "class_declaration",
    "generator_function_declaration", "abstract_class_declaration", "method_definition", "interface_declaration",
    "enum_declaration", "record_declaration", "struct_declaration", "namespace_declaration", "trait_declaration",
    "method_declaration", "constructor_declaration", "type_declaration", "type_alias_declaration", "function_item",
    "struct_item", "enum_item", "trait_item", "impl_item", "mod_item", "macro_definition", "namespace_definition",
    "class_specifier", "struct_specifier", "enum_specifier", "class", "module", "method", "singleton_method",
)  # fmt: skip
_WITH_BODY = {"class_specifier", "struct_specifier", "enum_specifier"}  # also the name of a type in its use
_WORDS = re.compile(
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([a-z]+\))?|unsafe|extern"
    r"|inline|override|open|sealed|data|partial|local|virtual|const)\s+)*"
    r"(?:class|interface|struct|enum|trait|impl|fn|func|fun|function|def|module|namespace|protocol|extension|object|record"
    r"|sub|type|create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure))\b(?=\s*[\w<$(])",
    re.IGNORECASE,
)
_METHOD = re.compile(
    r"(?:(?:public|private|protected|internal|static|final|abstract|async|virtual|override|synchronized)\s+)+"
    r"[\w<>\[\],.?\s]+\("
)
_NAME = re.compile(
    rf"(?:{_WORDS.pattern})\s*(?:\([^)]*\)\s*|<[^>]*>\s*)?(?:if\s+not\s+exists\s+)?(?P<kind>[\w$:.]+)"
    r"|[^=({]*?(?P<callable>[A-Za-z_$~][\w$:]*)\s*\(",
    re.IGNORECASE,
)
# Names that are given and define nothing to be cut at: constants, arrow functions, macros.
_GIVEN = re.compile(
    r"(?:(?:export|default|public|private|protected|static|final|readonly|pub(?:\([a-z]+\))?)\s+)*"
    r"(?:(?:(?:static|final|const)\s+)+[\w<>\[\], ]+?\s(?P<typed>[A-Za-z_]\w*)\s*=(?!=)"
    r"|(?:(?:const|let|var|val|static|constexpr)\s+(?:mut\s+)?|\#\s*define\s+)(?P<declared>[A-Za-z_$][\w$]*)"
    r"|(?P<assigned>[A-Za-z_]\w*)\s*(?::[^=\n]*)?=(?!=))"
)
_ATTACHED = re.compile(r"\s*(?:#|//|/\*|\*|@|--|\[[A-Z])")
_CLOSING = re.compile(r"\s*(?:[}\])]|end\b|fi\b|esac\b|done\b)")
_LONGEST_NAME = 100
_LONGEST_HEAD = 400  # characters in which a definition says its name


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition with the comments and decorators right above it. `title` is its first line, as written, which stands at
    `at`; `name` is what it defines, "" where that line does not tell."""

    start: int
    end: int
    title: str
    name: str = ""
    at: int = 0


class _Line(NamedTuple):
    at: int
    text: str


def is_source_code(path: str) -> bool:
    """Whether a file is source code of a language whose definitions are known, by its suffix."""
    return PurePath(path).suffix.lower() in LANGUAGES


def language_of(document: Document) -> str:
    """The programming language of a document, by `meta.language` or its source's suffix; "" where it is none."""
    declared = document.meta.get(LANGUAGE)
    # `language: en` of somebody's rows is no programming language.
    return str(declared) if declared in LANGUAGES.values() else LANGUAGES.get(PurePath(document.source).suffix.lower(), "")


@lru_cache(maxsize=1)  # a document is cut by them, and its passages are named by them
def definitions(text: str, start: int, language: str) -> tuple[Definition, ...]:
    """The definitions from `start` on, in order of their start, outer ones before inner ones. They nest."""
    lines = _lines(text, start)
    grammar = _grammar(language)
    rows = _by_grammar(text[start:], grammar) if grammar is not None else _by_shape(lines)
    by_start: dict[int, Definition] = {}
    for name, first, last in sorted(rows, key=lambda row: (row[1], -row[2])):
        top = first
        while top > 0 and _ATTACHED.match(lines[top - 1].text) and _indent(lines[top - 1]) == _indent(lines[first]):
            top -= 1
        end = lines[last + 1].at if last + 1 < len(lines) else len(text)
        begin = lines[top].at + _indent(lines[top])
        if begin not in by_start:  # a decorated definition and the definition in it are one
            line = lines[name]
            by_start[begin] = Definition(begin, end, _title(line.text), _name(line.text), line.at + _indent(line))
    return tuple(_nested(sorted(by_start.values(), key=lambda d: (d.start, -d.end))))


def given_names(text: str, start: int) -> Iterator[tuple[int, str]]:
    """(character, name) of each name that a line gives to something; indented, only of those that are all capitals."""
    for line in _lines(text, start):
        indent = _indent(line)
        # No further: a long line of spaces would take seconds.
        if given := _GIVEN.match(line.text, indent, indent + _LONGEST_HEAD):
            name = given["declared"] or given["typed"] or given["assigned"]
            if not indent or name.isupper():
                yield line.at + indent, name


def _name(line: str) -> str:
    """The name in the first line of a definition: `Shop.close` of `void Shop::close(int code) {`."""
    named = _NAME.match(line.strip()[:_LONGEST_HEAD])
    return "" if named is None else (named["kind"] or named["callable"]).strip(":.").replace("::", ".")


def _nested(candidates: Sequence[Definition]) -> list[Definition]:
    """Those that lie within their predecessors or after them: broken code may say otherwise."""
    outer: list[Definition] = []
    ends: list[int] = []
    for definition in candidates:
        while ends and ends[-1] <= definition.start:
            ends.pop()
        if not ends or definition.end <= ends[-1]:
            outer.append(definition)
            ends.append(definition.end)
    return outer


@cache
def _grammar(language: str) -> Language | None:
    """The grammar of a language, where it is installed."""
    wheel, function = _WHEELS.get(language, (language, "language"))
    try:
        from tree_sitter import Language

        grammar = getattr(import_module(f"tree_sitter_{wheel}"), function)
        return Language(grammar())
    except ImportError:
        return None
    except (AttributeError, ValueError) as error:  # a grammar of another generation than the library
        log.warning("the grammar tree-sitter-%s does not fit tree-sitter (%s): definitions are found by shape", wheel, error)
        return None


@cache
def _query(grammar: Language) -> Query | None:
    """What finds the definitions; None where the grammar calls them otherwise. Compiling it takes as long as a file."""
    from tree_sitter import Query

    kinds = [kind for kind in _KINDS if grammar.id_for_node_kind(kind, True) is not None]
    return Query(grammar, " ".join(f"({kind}) @{kind}" for kind in kinds)) if kinds else None


def _by_grammar(text: str, grammar: Language) -> Iterator[tuple[int, int, int]]:
    """(row of the name, first row, last row) of each definition."""
    from tree_sitter import Parser, QueryCursor

    query = _query(grammar)
    if query is None:
        return
    tree = Parser(grammar).parse(text.encode("utf-8", "replace"))
    for kind, nodes in QueryCursor(query).captures(tree.root_node).items():
        for node in nodes:
            if node.parent is None:  # Python calls the whole file a module
                continue
            if kind in _WITH_BODY and node.child_by_field_name("body") is None:
                continue
            inner = node.child_by_field_name("definition") if kind == "decorated_definition" else None
            last = node.end_point.row - (node.end_point.column == 0)
            yield (inner or node).start_point.row, node.start_point.row, max(last, node.start_point.row)


def _by_shape(lines: Sequence[_Line]) -> Iterator[tuple[int, int, int]]:
    """The same, by keywords and indentation: it ends before the next line that is indented no deeper."""
    heads = [n for n, line in enumerate(lines) if _WORDS.match(line.text.lstrip()) or _METHOD.match(line.text.lstrip())]
    indents = [_indent(line) if line.text.strip() else None for line in lines]
    for head in heads:
        depth = indents[head] or 0
        last = head
        for row in range(head + 1, len(lines)):
            indent = indents[row]
            if indent is None:
                continue
            if indent <= depth and not (indent == depth and _goes_on(lines[row].text)):
                break
            last = row
            if indent == depth and _CLOSING.match(lines[row].text):
                break
        yield head, head, last


def _goes_on(line: str) -> bool:
    return _CLOSING.match(line) is not None or line.lstrip().startswith("{")


def _lines(text: str, start: int) -> list[_Line]:
    lines = []
    position = start
    for line in text[start:].split("\n"):  # as tree-sitter counts rows
        lines.append(_Line(position, line))
        position += len(line) + 1
    return lines


def _indent(line: _Line) -> int:
    return len(line.text) - len(line.text.lstrip())


def _title(line: str) -> str:
    name = " ".join(line.split()).rstrip("{:").rstrip()
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"
