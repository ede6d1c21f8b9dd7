"""Do modules, functions and classes keep to the caps of the house?

400 lines a module, 60 a function body (docstring aside), 7 parameters (`self` and `cls` aside), class depth 2 (exceptions
exempt), no module called utils or the like, `print` only in `cli`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, Function, Module, classes, functions, imports, modules, place, write

MODULE_LINES, BODY_LINES, PARAMETERS, CLASS_DEPTH = 400, 60, 7, 2
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}


def long_modules(found: list[Module]) -> list[str]:
    return [f"{m.name}: {n} lines" for m in found if (n := len(m.text.splitlines())) > MODULE_LINES]


def banned_names(found: list[Module]) -> list[str]:
    return [m.name for m in found if {part.strip("_") for part in m.name.split(".")} & BANNED]


def body_lines(function: Function) -> int:
    """Lines from the first statement that is no docstring to the end."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (function.end_lineno or function.lineno) - body[0].lineno + 1 if body else 0


def long_functions(found: list[Module]) -> list[str]:
    return [
        f"{place(m, f.lineno)} {f.name}: {n}" for m in found for f in functions(m.tree) if (n := body_lines(f)) > BODY_LINES
    ]


def parameters(function: Function) -> int:
    arguments = function.args
    named = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    own = 1 if named[:1] in (["self"], ["cls"]) else 0
    return len(named) - own + len(arguments.kwonlyargs) + sum(a is not None for a in (arguments.vararg, arguments.kwarg))


def wide_functions(found: list[Module]) -> list[str]:
    """A verb's parameters are its options, as many as users need: those do not count."""
    return [
        f"{place(m, f.lineno)} {f.name}: {n}"
        for m in found
        for f in functions(m.tree)
        if (n := parameters(f)) > PARAMETERS and not is_verb(m, f)
    ]


def is_verb(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is the function of a verb, or of a sub-verb, as `@examples.command()`."""
    calls = (d.func for d in function.decorator_list if isinstance(d, ast.Call))
    sub_verb = module.unit == "cli" and any(isinstance(call, ast.Attribute) and call.attr == "command" for call in calls)
    return sub_verb or module.name == f"rung.cli.{function.name}"


def base_name(node: ast.expr) -> str:
    """The last word of a base class: `Section`, `models.Section` and `Section[int]` are all "Section"."""
    if isinstance(node, ast.Subscript):
        return base_name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def deep_classes(found: list[Module]) -> list[str]:
    """Classes with more than one of our classes above them; a base is looked up in its own module, then where it is from."""
    own = {(m.name, c.name): c for m in found for c in classes(m.tree)}
    taken = {(m.name, name): i.module for m in found for i in imports(m) for name in i.names}

    def line(module: str, name: str) -> list[str]:
        """The class and its bases, longest way up; outside classes by name only."""
        home = module if (module, name) in own else taken.get((module, name), module)
        if (home, name) not in own:
            return [name]
        ways = [line(home, base_name(b)) for b in own[home, name].bases if base_name(b) != name]
        return [f"{home}.{name}", *max(ways, key=len, default=[])]

    deep = []
    for module, name in own:
        ours = [step for step in line(module, name) if step.startswith("rung.")]
        error = line(module, name)[-1].endswith(("Exception", "Error", "Warning"))
        if len(ours) > CLASS_DEPTH and not error:
            deep.append(" < ".join(ours))
    return deep


def prints(found: list[Module]) -> list[str]:
    calls = [(m, n) for m in found if m.unit != "cli" for n in ast.walk(m.tree) if isinstance(n, ast.Call)]
    return [place(m, n.lineno) for m, n in calls if isinstance(n.func, ast.Name) and n.func.id in ("print", "pprint")]


CHECKS = (long_modules, banned_names, long_functions, wide_functions, deep_classes, prints)


@pytest.mark.parametrize("check", CHECKS)
def test_the_caps_are_kept(check) -> None:  # type: ignore[no-untyped-def]
    assert check(modules(PACKAGE)) == []


BROKEN = {
    "long_modules": {"records.py": "x = 1\n" * 401},
    "banned_names": {"models/utils.py": ""},
    "long_functions": {"records.py": 'def f() -> None:\n    """Doc."""\n' + "    x = 1\n" * 61},
    "wide_functions": {"records.py": "class A:\n    def f(self, a, b, c, d, *, e, f, g, h): ...\n"},
    "deep_classes": {
        "records.py": "class A: ...\nclass B(A): ...\n",
        "steps.py": "from rung.records import B\nclass C(B): ...\n",
    },
    "prints": {"loop.py": "def f():\n    print(1)\n"},
}
KEPT = {
    "long_modules": {"records.py": "x = 1\n" * 400},
    "banned_names": {"models/database.py": ""},
    "long_functions": {"records.py": 'def f() -> None:\n    """Doc.\n\n    More.\n    """\n' + "    x = 1\n" * 60},
    "wide_functions": {
        "records.py": "class A:\n    def f(self, a, b, c, d, *, e, f, g): ...\n",
        "cli/ask.py": "def ask(a, b, c, d, e, f, g, h): ...\n",
        "cli/cases.py": "@cases.command(cls=Wide)\ndef draft(a, b, c, d, e, f, g, h): ...\n",
    },
    "deep_classes": {
        "errors.py": "class A(Exception): ...\nclass B(A): ...\nclass C(B): ...\nclass D: ...\nclass E(D): ...\n"
    },
    "prints": {"cli/ask.py": "print(1)\n"},
}


@pytest.mark.parametrize("check", CHECKS)
def test_a_broken_cap_is_caught_and_a_kept_one_is_not(check, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert len(check(modules(write(tmp_path / "broken", BROKEN[check.__name__])))) == 1
    assert check(modules(write(tmp_path / "kept", KEPT[check.__name__]))) == []
