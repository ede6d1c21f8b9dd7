"""The gallery: projects that `rung init --from NAME` copies, each a whole one with documents, cases and a verdict.

In an installed Rung they are `rung/gallery`; in a checkout they are the folder `examples`, from which that is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rung.commands.agents_page import NAME, agents_page
from rung.errors import UserError
from rung.files.outputs import check_free, whole_or_not, write_output
from rung.plugins import hint

IN_THE_REPOSITORY = ("handbook", "helpdesk")  # examples that are larger than all the others together, and no part of it


@dataclass(frozen=True)
class GalleryProject:
    """A project to start from. `about`: one line, the title of its README behind the name."""

    name: str
    about: str
    folder: Path

    def files(self) -> Iterator[Path]:
        """What is copied, relative to the project: all but hidden files and folders, and what Python leaves."""
        for path in sorted(self.folder.rglob("*")):
            within = path.relative_to(self.folder)
            if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in within.parts):
                yield within


def gallery() -> list[GalleryProject]:
    """Every project there is to start from, by name.

    Raises:
        UserError: this Rung came without them.
    """
    package = Path(str(files("rung")))
    folders = (package / "gallery", package.parents[1] / "examples")
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        raise UserError("this Rung came without its gallery: install it anew, or name a folder of documents by --docs")
    whole = (path for path in sorted(folder.iterdir()) if (path / "rung.yaml").is_file() and (path / "README.md").is_file())
    return [GalleryProject(path.name, _about(path), path) for path in whole if path.name not in IN_THE_REPOSITORY]


def gallery_project(name: str) -> GalleryProject:
    """The project of this name.

    Raises:
        UserError: there is none.
    """
    there = {project.name: project for project in gallery()}
    if name not in there:
        raise UserError(f"there is no '{name}' in the gallery; {hint(name, there)} (rung init --list says what each is)")
    return there[name]


def copy_project(project: GalleryProject, folder: Path, *, dry_run: bool = False) -> list[Path]:
    """Write a project's files into a folder that is not there or has nothing in it; returns them, an AGENTS.md too.

    Raises:
        UserError: something stands in the folder, or it cannot be written. Nothing is left behind then.
    """
    check_free(folder, instead="name a new folder")
    texts = {within: (project.folder / within).read_text("utf-8") for within in project.files()}
    texts.setdefault(Path(NAME), agents_page(project.name))
    targets = [folder / within for within in texts]
    if not dry_run:
        with whole_or_not(targets):
            for target, text in zip(targets, texts.values(), strict=True):
                write_output(target, text)
    return targets


def _about(folder: Path) -> str:
    title = (folder / "README.md").read_text("utf-8").partition("\n")[0]
    return title.removeprefix("#").strip().removeprefix(f"{folder.name}:").strip()
