"""What the source says, read by `ast`: modules, their imports, their functions and classes. Judging is left to the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "rung"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file. `name` is dotted ("rung.models.local"); `unit` is its place in the house ("models"; "" is the root)."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """As `imports` finds them."""
        return tuple(imports_in(self))

    @property
    def unit(self) -> str:
        return self.name.split(".")[1] if "." in self.name else ""

    @property
    def package(self) -> str:
        """The package that a relative import starts from."""
        return self.name if self.path.stem == "__init__" else self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Import:
    """`module` as named in the source; `names` those taken from it (empty for a plain import)."""

    module: str
    names: tuple[str, ...]
    line: int


def modules(folder: Path = PACKAGE) -> list[Module]:
    """Every module of the package in `folder`, whatever that folder is called, as part of `rung`."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = ["rung", *path.relative_to(folder).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        found.append(parsed(".".join(parts), path, path.read_text(encoding="utf-8")))
    return found


@cache
def parsed(name: str, path: Path, text: str) -> Module:
    """A file's module; equal text is parsed once, whichever test asks. Nobody may change the tree."""
    return Module(name, path, text, ast.parse(text, filename=str(path)))


def imports(module: Module) -> tuple[Import, ...]:
    """All imports, also those inside functions, under TYPE_CHECKING, relative ones, and `import_module("…")`."""
    return module.imports


def imports_in(module: Module) -> Iterator[Import]:
    """What `imports` gives, looked for anew."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, (), node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.package.split(".")
            prefix = above[: len(above) - node.level + 1] if node.level else []
            yield Import(".".join([*prefix, *filter(None, [node.module])]), tuple(a.name for a in node.names), node.lineno)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield Import(node.args[0].value, (), node.lineno)


def units(imported: Import, known: frozenset[str]) -> set[str]:
    """The units of `rung` that an import reaches; "" is the root package itself."""
    top, _, rest = imported.module.partition(".")
    if top != "rung":
        return set()
    if rest:
        return {rest.split(".")[0]}
    return {name if name in known else "" for name in imported.names} or {""}


@cache
def functions(tree: ast.AST) -> tuple[Function, ...]:
    """Functions and methods, nested ones too."""
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def classes(tree: ast.AST) -> tuple[ast.ClassDef, ...]:
    """Classes, nested ones too."""
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def place(module: Module, line: int) -> str:
    """ "models/local.py:12", for messages."""
    return f"{'/'.join(module.name.split('.')[1:]) or 'rung'}:{line}"


def write(folder: Path, files: dict[str, str]) -> Path:
    """A package of the given files, for the checks of the checks."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
