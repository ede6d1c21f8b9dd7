"""Names in source code and paths of files as terms of a search: of a passage, and of a question.

A term says by its first character what it names: `=` a definition, `+` a use, `/` a file. Names stand as they are written
and in lower case, so that case decides only where both are there. Finding definitions is left to `knowledge.chunking.code`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

DEFINED, USED, FILE = "=", "+", "/"
_NAME = r"[^\W\d][\w$]*"
_IDENTIFIER = re.compile(rf"(?<![\w$]){_NAME}")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+")
_HUMP = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]")
_CHAIN = re.compile(rf"(?<![\w$.:/]){_NAME}(?:(?:\.|::|->|#){_NAME})*(\(\))?")
_JOINT = re.compile(r"\.|::|->|#")
_QUOTED = re.compile(r"`([^`\n]{1,200})`")
# Possessive, so that a long run of such characters is read once.
_PATH = re.compile(
    r"(?<![\w@.+/-])/?(?:(?:[\w@.+-]++/)*+[\w@+-][\w@.+-]*\.[A-Za-z]\w{0,7}(?![\w(/])|(?:[\w@.+-]++/)++[\w@+-]+)"
)
_MAX_WORDS = 64  # of a question that are looked for among the names


@dataclass(frozen=True, slots=True)
class SymbolTerms:
    """What a question names. `symbols`: written as in code; `words`: its other words, which may be names, too."""

    symbols: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def identifier_words(name: str) -> list[str]:
    """The words of an identifier.

    >>> identifier_words("parseHTTPHeader_v2"), identifier_words("max_retries")
    (['parse', 'http', 'header', 'v', '2'], ['max', 'retries'])
    """
    return [hump.lower() for word in _WORD.findall(name) for hump in _HUMPS.findall(word) or (word,)]


def inner_words(text: str) -> list[str]:
    """The words of the identifiers of a text that a search by words would not see: those within humps. Each once.

    >>> inner_words("const retryHeader = parse_header(retryHeader)")
    ['retry', 'header']
    """
    humped = dict.fromkeys(name for name in _IDENTIFIER.findall(text) if _HUMP.search(name))
    return list(dict.fromkeys(word for name in humped for word in identifier_words(name)))


def passage_terms(text: str, defined: Iterable[str], path: str) -> tuple[str, ...]:
    """The terms of a passage of source code, each once.

    >>> passage_terms("def close(self): self.end_all()", ["Shop.close"], "src/shop.py")
    ('=close', '=Shop.close', '=shop.close', '+end_all', '/shop.py', '/src/shop.py')
    """
    terms = [term for name in defined for one in _endings(name.split("."), ".") for term in _both(DEFINED, one)]
    used = (name for name in _IDENTIFIER.findall(text) if is_compound(name))
    terms += [term for name in used for term in _both(USED, name)]
    return tuple(dict.fromkeys([*terms, *file_terms(path)]))


def file_terms(path: str) -> Iterator[str]:
    """A path in lower case, by its name, and by that with the folders above it."""
    return (FILE + ending for ending in _endings(_path_parts(path), "/"))


def is_code(terms: Iterable[str]) -> bool:
    """Whether these are the terms of a passage of source code, and not only of a file."""
    return any(not term.startswith(FILE) for term in terms)


def asked_symbols(question: str) -> SymbolTerms:
    """The terms that a question asks for.

    >>> asked_symbols("Where does Shop.close() call end_all in src/shop.py?")
    ... # doctest: +NORMALIZE_WHITESPACE
    SymbolTerms(symbols=('=Shop.close', '=shop.close', '=close', '=end_all', '+end_all'), files=('/src/shop.py',),
                words=('=Where', '=where', '=does', '=call', '=in'))
    """
    files = [match[0] for match in _PATH.finditer(question)]
    rest = _PATH.sub(" ", question)
    quoted = {_dotted(match[0]) for quote in _QUOTED.finditer(rest) for match in _CHAIN.finditer(quote[1])}
    symbols: dict[str, None] = {}
    words: dict[str, None] = {}
    for match in _CHAIN.finditer(rest):
        name = _dotted(match[0])
        if match[1] or "." in name or name in quoted or is_compound(name):
            last = name.rpartition(".")[2]
            used = _both(USED, last) if is_compound(last) else []
            symbols |= dict.fromkeys([*_both(DEFINED, name), *_both(DEFINED, last), *used])
        else:
            words |= dict.fromkeys(_both(DEFINED, name))
    named = (FILE + "/".join(_path_parts(path)) for path in files)
    return SymbolTerms(tuple(symbols), tuple(dict.fromkeys(named)), tuple(islice(words, _MAX_WORDS)))


def is_compound(name: str) -> bool:
    """Whether an identifier is written as no word of a sentence is: of several words, or with a digit in it."""
    bare = name.strip("_$")
    return "_" in name or "$" in name or _HUMP.search(bare) is not None or any(map(str.isdigit, bare))


def _endings(parts: Sequence[str], joint: str) -> Iterator[str]:
    """The last part, the last two, and so on."""
    return (joint.join(parts[at:]) for at in range(len(parts) - 1, -1, -1))


def _both(kind: str, name: str) -> list[str]:
    return [kind + one for one in dict.fromkeys((name, name.lower()))]


def _dotted(chain: str) -> str:
    return _JOINT.sub(".", chain.removesuffix("()"))


def _path_parts(path: str) -> list[str]:
    return [part for part in path.lower().split("/") if part not in ("", ".", "..")]
