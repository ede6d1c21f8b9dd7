"""What is damaged in a project's state, file by file, and how each damage is mended.

What can be made again from the project's own files is removed or set aside; what was paid for (answers, artifacts, verdicts)
is kept as far as it can be read, and the damaged file stays in `.rung/damaged` until someone deletes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from rung.artifacts.registry import Registry
from rung.artifacts.store import ARTIFACTS, CHUNKED_INDEXES, MANIFEST, Built
from rung.config.project import Project, load_project
from rung.config.schema import Settings
from rung.errors import Damaged, UserError
from rung.files.durable import SEAL, Damage, alone, altered, altered_file, set_aside, unseal, write_whole
from rung.models.batch_notes import FOLDER as BATCHES
from rung.models.batch_notes import BatchNotes
from rung.pipeline.publishing import (
    LATEST,
    LINE,
    LIST,
    RECORD,
    TABLE,
    Line,
    latest_folder,
    list_lines,
    verdicts_of,
    write_list,
)
from rung.runtime.cache import FILE
from rung.runtime.leases import User
from rung.runtime.recovery import is_whole, recover


def damages(project: Project) -> Iterator[Damage]:
    """Everything that is damaged, in the order in which it is to be mended. Reads every file."""
    state = project.state
    if state.exists() and not state.is_dir():
        yield Damage(state, "it is no folder", lambda: f"set aside as {_beside(state)}")
        return
    if (state / FILE).exists() and (why := is_whole(state / FILE)):
        yield Damage(state / FILE, why, partial(_recovered, state / FILE))
    if (memory := state / "reading.db").is_dir():
        yield Damage(memory, "it is a folder", lambda: f"it is set aside as {set_aside(memory)}; files are read anew")
    for note, why in BatchNotes(state / BATCHES).damages():
        yield Damage(note, why, partial(_note_aside, note))
    yield from _list(project)
    yield from _verdicts(project)
    yield from _log(Registry(state))
    yield from _artifacts(state)
    yield from _indexes(state, project.settings.knowledge.store)


def state_of(folder: Path) -> Project:
    """A project of which only the state is looked at, whatever its `rung.yaml` says."""
    return Project(folder, Settings.model_construct(), {})


def project_of(folder: Path) -> Project:
    """The project, whose index may be in object storage; its state alone where its `rung.yaml` cannot be read."""
    try:
        return load_project(folder)
    except UserError:
        return state_of(folder)


def _recovered(path: Path) -> str:
    if User(path.parent).others():
        raise UserError(f"{path} is in use by another process: stop it, and run this again")
    with alone(path.with_name(f"{path.name}.lock")):
        pass
    return recover(path)


def _note_aside(path: Path) -> str:
    return f"it is set aside as {set_aside(path)}; what that batch was asked is asked again"


def _beside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    return aside


# --- verdicts -----------------------------------------------------------------------------------------------------------


def _list(project: Project) -> Iterator[Damage]:
    folder = verdicts_of(project)
    path = folder / LIST
    try:
        lines, lost = _readable(project)
    except UserError as error:
        yield Damage(path, str(error), lambda: f"set aside as {set_aside(path)}")
        return
    if lost or (not lines and any((at / SEAL).exists() for at in _unlisted(folder, lines))):
        why = f"{lost} lines are no entries" if lost else "it is empty or missing, and there are verdicts"
        yield Damage(path, why, partial(_relisted, project))
    try:
        latest_folder(project)
    except Damaged as error:
        if Path(error.path).name == LATEST:
            yield Damage(error.path, error.why, partial(_pointed, project))


def _readable(project: Project) -> tuple[list[Line], int]:
    """The lines of the list that can be read, and how many cannot."""
    lines, lost = list[Line](), 0
    for line in list_lines(project):
        try:
            lines.append(Line.read(line))
        except ValueError:
            lost += 1
    return lines, lost


def _unlisted(folder: Path, lines: Sequence[Line]) -> list[Path]:
    listed = {line.verdict for line in lines}
    return [at for at in folder.glob("*") if (at / LINE).is_file() and at.name not in listed]


def _relisted(project: Project) -> str:
    """The lines that can be read, and one for each verdict without: under the numbers that are free, oldest first."""
    folder = verdicts_of(project)
    with alone(folder / f"{LIST}.lock"):
        lines, _ = _readable(project)
        left, listed = _unlisted(folder, lines), {line.verdict for line in lines}
        taken = {line.number for line in lines}
        free = (n for n in range(1, len(taken) + len(left) + 1) if n not in taken)
        for at in sorted(left, key=lambda at: (at / LINE).stat().st_mtime):
            lines.append(Line(next(free), at.name))
        if (folder / LIST).exists():
            set_aside(folder / LIST)
        write_list(project, sorted(lines, key=lambda line: line.number))
    return (
        f"{len(listed)} lines were read, {len(left)} made anew from the verdicts that are there (as if none was a trial run)"
    )


def _pointed(project: Project) -> str:
    folder = verdicts_of(project)
    with alone(folder / f"{LIST}.lock"):
        lines = [Line.read(line) for line in list_lines(project)]
        real = [line for line in lines if not line.trial and (folder / line.verdict / LINE).is_file()]
        if (folder / LATEST).exists():
            set_aside(folder / LATEST)
        if not real:
            return "there is no verdict that it could name"
        write_whole(folder / LATEST, f"{real[-1].verdict}\n")
    return f"it names the last of the list, number {real[-1].number}"


def _verdicts(project: Project) -> Iterator[Damage]:
    for folder in sorted(path for path in verdicts_of(project).glob("*") if path.is_dir()):
        if (folder / SEAL).exists() and (why := altered(folder, others=True, thoroughly=True)):
            yield Damage(folder, why, partial(_mended_verdict, project, folder))


def _mended_verdict(project: Project, folder: Path) -> str:
    """Set its damaged files aside; all of it where what it says or is compared by is among them."""
    gone: list[str] = []
    while broken := altered_file(folder, others=True, thoroughly=True):
        path, name = broken[0], broken[0].name
        if name in (SEAL, LINE, TABLE, RECORD) or name in gone:
            aside = set_aside(folder)
            again = "'rung compare' makes it again; its answers are known"
            return f"it is set aside as {aside}, {again}{_repointed(project, folder)}"
        if path.exists():
            set_aside(path)
        unseal(folder, (name,))
        gone.append(name)
    return f"{', '.join(gone)} went; 'rung compare' makes it again, its answers are known"


def _repointed(project: Project, folder: Path) -> str:
    latest = verdicts_of(project) / LATEST
    if latest.is_file() and latest.read_bytes().strip() == folder.name.encode():
        return f"; latest: {_pointed(project)}"
    return ""


# --- artifacts ----------------------------------------------------------------------------------------------------------


def _log(registry: Registry) -> Iterator[Damage]:
    try:
        wrong = [line.number for line in registry.lines() if line.damaged]
    except UserError as error:
        yield Damage(registry.log, str(error), lambda: f"set aside as {set_aside(registry.log)}")
        return
    if wrong:
        yield Damage(registry.log, f"line {wrong[0]} is no entry of the log", partial(_relogged, registry))


def _relogged(registry: Registry) -> str:
    with alone(registry.log.with_name(f"{registry.log.name}.lock")):
        lines = list(registry.lines())
        aside = set_aside(registry.log)
        intact = [line.text for line in lines if not line.damaged]
        write_whole(registry.log, b"".join(line + b"\n" for line in intact))
    return (
        f"{len(lines) - len(intact)} of {len(lines)} deeds could not be read: see with 'rung artifacts list' that what you "
        f"promoted is promoted; the damaged file is {aside}"
    )


def _artifacts(state: Path) -> Iterator[Damage]:
    for folder in sorted(path for path in (state / ARTIFACTS).glob("*/*") if path.is_dir()):
        why = ""
        if (folder / MANIFEST).exists():
            if (folder / SEAL).exists():
                why = altered(folder, others=True, thoroughly=True)
            try:
                _ = Built(folder.name, folder).manifest
            except Damaged as error:
                why = why or error.why
        if why:
            yield Damage(folder, why, partial(_artifact_aside, folder))


def _artifact_aside(folder: Path) -> str:
    return f"it is set aside as {set_aside(folder)}; the command that built it builds it again"


# --- indexes ------------------------------------------------------------------------------------------------------------


def _indexes(state: Path, store: str) -> Iterator[Damage]:
    from rung.knowledge.store.index_location import keeping
    from rung.knowledge.store.repair import mend, wrong

    index = state / "index"
    if store or index.is_dir():
        location = keeping(store or index, index)
        if fault := next(wrong(location), None):
            yield Damage(location.address(fault.name), fault.why, partial(mend, location))
    for folder in sorted(path for path in (state / CHUNKED_INDEXES).glob("*") if (path / "index").is_dir()):
        location = keeping(folder / "index")
        if fault := next(wrong(location), None):
            yield Damage(location.address(fault.name), fault.why, partial(_uncut, folder))


def _uncut(folder: Path) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    return "documents cut in another way; they are cut again when they are needed"
