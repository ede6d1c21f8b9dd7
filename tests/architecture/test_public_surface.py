"""Is what `import rung` offers exactly what was promised? Adding or dropping a name is a decision: it is made here, too."""

from __future__ import annotations

import types

import rung

PUBLIC = [
    "Answer",
    "Asker",
    "Budget",
    "Case",
    "Document",
    "Estimate",
    "Example",
    "InputError",
    "Interrupted",
    "Message",
    "Passage",
    "Question",
    "RungError",
    "UserError",
    "Verdict",
    "decide",
    "function",
    "open",
    "project",
]


def test_the_public_names_are_these() -> None:
    assert sorted(getattr(rung, "__all__", [])) == sorted(PUBLIC)


def test_every_public_name_is_there_and_explained() -> None:
    for name in PUBLIC:
        value = getattr(rung, name)
        assert name.startswith("__") or (value.__doc__ or "").strip(), name


def test_nothing_else_is_offered() -> None:
    """Submodules appear in the namespace once they are imported; anything else is a leak."""
    offered = {n for n, v in vars(rung).items() if not n.startswith("_") and not isinstance(v, types.ModuleType)}
    assert offered - {"annotations", "TYPE_CHECKING"} <= set(PUBLIC)
