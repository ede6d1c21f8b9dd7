"""Tests stand where what they test stands: each folder of them is a unit of the house, or one of a few about all of it."""

from __future__ import annotations

from tests.architecture.source_tree import PACKAGE, ROOT

# folders that are about no one unit, and what each is about
ABOUT_ALL = {
    "architecture": "the source as a whole",
    "docs": "the pages",
    "examples": "the shipped projects",
    "golden": "what must not change",
    "plugin": "a package of somebody else",
    "torture": "kills, damage, full disks",
}


def test_every_folder_of_tests_is_a_unit_or_about_all() -> None:
    units = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    folders = {path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").is_file()}
    assert folders - units == set(ABOUT_ALL)
    assert not units & set(ABOUT_ALL)


def test_a_folder_of_tests_is_a_package_so_that_a_name_may_stand_in_two() -> None:
    held = {path.parent for path in (ROOT / "tests").glob("*/test_*.py")}
    assert not [folder.name for folder in held if not (folder / "__init__.py").is_file()]
