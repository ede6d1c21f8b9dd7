"""Do the constraints name a version for everything that is depended on?"""

from __future__ import annotations

import re
import tomllib

from tests.architecture.source_tree import ROOT

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


PINNED = {
    canonical(name): pin
    for name, _, pin in (line.partition("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines())
    if pin
}


def depended_on() -> set[str]:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*said["dependencies"], *(one for extra in said["optional-dependencies"].values() for one in extra)]
    names = (_NAME.match(line) for line in lines)
    return {canonical(name[0]) for name in names if name} - {"rung"}


def test_everything_that_is_depended_on_has_a_version() -> None:
    assert depended_on() - set(PINNED) == set()
