"""What a reStructuredText file says, as Markdown, by docutils and html-to-markdown. Includes no other file.

Directives and roles that docutils does not know (Sphinx has many) keep their words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from rung.errors import MissingExtra
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.html import to_markdown
from rung.knowledge.readers.markup import converted
from rung.knowledge.readers.source import Item, SourceFile

if TYPE_CHECKING:
    from docutils import nodes
    from docutils.parsers.rst import Directive

_DIRECTIVE = re.compile(r"^[ \t]*\.\.[ \t]+(?:\|[^|\n]+\|[ \t]+)?([\w:+.-]+?)::(?=\s|$)", re.MULTILINE)
_ROLE = re.compile(r":([\w+.:-]+):`|`:([\w+.:-]+):")
_CODE_ROLES = {"func", "class", "meth", "mod", "attr", "data", "exc", "obj", "file", "command", "envvar", "option"}
_CODE_ROLES |= {f"py:{name}" for name in _CODE_ROLES}
_TARGET = re.compile(r"\s*<[^<>]*>$")
_CODE = {"literalinclude", "sourcecode", "prompt", "testcode", "doctest", "ipython", "productionlist"}
_SILENT = {"toctree", "index", "highlight", "currentmodule", "module", "contents", "sectionauthor", "codeauthor"}
_SETTINGS: dict[str, object] = {
    "file_insertion_enabled": False,  # an include could name any file of this machine
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "input_encoding": "unicode",
    "_disable_config": True,
    "embed_stylesheet": False,
    "stylesheet_path": "",
    "initial_header_level": 1,
    "doctitle_xform": False,
    "syntax_highlight": "none",
    "smart_quotes": False,
    "math_output": "LaTeX",
    "line_length_limit": 1_000_000,
}


def read_rst(file: SourceFile) -> Iterator[Item]:
    """A reStructuredText file as one document: Markdown."""
    source, note = decode(file.data, file.charset)
    if note:
        yield 1, note
    if source is None:
        return
    text = to_markdown(_as_html(source))
    if not text:
        yield 0, "holds no text"
        return
    heading = re.search(r"^#+ +(.+)$", text, re.MULTILINE)
    yield 0, converted(file.id, text, heading[1] if heading else file.name)


def _as_html(source: str) -> str:
    try:
        from docutils.core import publish_doctree, publish_from_doctree
        from docutils.nodes import literal
    except ImportError as error:
        raise MissingExtra("docs", "reading .rst files") from error

    _make_known(source)
    tree = publish_doctree(source, settings_overrides=_SETTINGS)
    for word in tree.findall(literal):
        word["classes"].append("code")  # else it is written as a span, and loses its marks
    page = publish_from_doctree(tree, writer="html5", settings_overrides=_SETTINGS)
    return page.decode() if isinstance(page, bytes) else page


def _make_known(source: str) -> None:
    """Give the directives and roles that docutils does not know a meaning: their words."""
    from docutils.parsers.rst import directives, languages, roles

    english = languages.get_language("en")
    for name in {name.lower() for name in _DIRECTIVE.findall(source)}:
        if name not in english.directives and name not in getattr(directives, "_directives", ()):
            directives.register_directive(name, _directive(name in _CODE, name in _SILENT))
    named = {first or second for first, second in _ROLE.findall(source)}
    for name in {name.lower() for name in named}:
        if name not in english.roles and name not in getattr(roles, "_roles", ()):
            roles.register_local_role(name, _words)  # type: ignore[arg-type] # the stubs want references


def _words(name: str, rawtext: str, text: str, *_: object) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """An unknown role: its words, of `words <target>` the words alone."""
    from docutils import nodes

    shown = _TARGET.sub("", text).lstrip("~!") or text
    return [nodes.literal(rawtext, shown) if name.lower() in _CODE_ROLES else nodes.inline(rawtext, shown)], []


@cache
def _directive(code: bool, silent: bool) -> type[Directive]:
    from docutils import nodes
    from docutils.parsers.rst import Directive, directives
    from docutils.statemachine import StringList

    class AnyOption(dict[str, Callable[[str], Any]]):
        """Takes every option."""

        def __missing__(self, key: str) -> Callable[[str], Any]:
            return directives.unchanged

        def __contains__(self, key: object) -> bool:
            return True

        def __bool__(self) -> bool:
            return True

    class Words(Directive):
        """The arguments in bold, then the content."""

        optional_arguments = 1
        final_argument_whitespace = True
        has_content = True
        option_spec: ClassVar[dict[str, Callable[[str], Any]] | None] = AnyOption()

        def run(self) -> list[nodes.Node]:
            if silent:
                return []
            if code:
                return [nodes.literal_block("", "\n".join(self.content))]
            # What stands right below a directive's first line counts as its argument, and is mostly its text.
            head, *rest = self.arguments[0].splitlines() if self.arguments else [""]
            inside = nodes.container()
            if head.strip():
                inside += nodes.paragraph("", "", nodes.strong("", head.strip()))
            for lines in (StringList(rest, ""), self.content):
                self.state.nested_parse(lines, self.content_offset, inside)
            return list(inside.children)

    return Words
