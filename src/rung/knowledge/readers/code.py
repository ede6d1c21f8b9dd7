"""A file of source code: its text as it is, and the language it is written in.

Cutting it at definitions is left to `chunking`, which goes by `meta.language`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rung.knowledge.chunking.code import LANGUAGES
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.source import Item, SourceFile
from rung.records import Document

# The languages whose definitions are known, and more that are merely told apart.
OF_SUFFIX = LANGUAGES | {
    ".groovy": "groovy",
    ".mm": "objc",
    ".ps1": "powershell",
    ".zsh": "bash",
    ".ex": "elixir",
    ".exs": "elixir",
    ".erl": "erlang",
    ".hs": "haskell",
    ".ml": "ocaml",
    ".mli": "ocaml",
    ".clj": "clojure",
    ".cljs": "clojure",
    ".lisp": "commonlisp",
    ".el": "elisp",
    ".f90": "fortran",
    ".pas": "pascal",
    ".vb": "vb",
    ".zig": "zig",
    ".proto": "proto",
    ".graphql": "graphql",
    ".tf": "hcl",
    ".css": "css",
    ".scss": "scss",
    ".less": "less",
    ".vue": "vue",
}


def read_code(file: SourceFile) -> Iterator[Item]:
    """A source file as one document, called by its path; `meta.language` is the language by its suffix."""
    text, note = decode(file.data, file.charset)
    if note:
        yield 1, note
    if text is not None:
        yield 0, Document(file.id, text, file.id, meta={"language": OF_SUFFIX[file.suffix]}, source=file.id)
