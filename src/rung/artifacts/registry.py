"""The artifacts of a project, and who promoted or retired which: folders, and a log that only grows.

What they were made from and how two differ is told by `training.registry`; building them is left to the files beside this
one. Retiring keeps the manifest (as `retired.json`) and the list of rows, so that what was made stays known.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from rung.artifacts.store import ARTIFACTS, MANIFEST, RETIRED, ROWS, is_finished
from rung.errors import UserError
from rung.files.durable import SEAL, alone, altered, damaged, fsync_folder, short_sum
from rung.records import Json, Problem, canonical, plain
from rung.training.registry import SHOWN, Act, Artifact, Deed, LearntRow, described, forgot_as_trained, promotions

LOG = "log.jsonl"
KEPT = (RETIRED, ROWS)  # of a retired artifact
MIN_CHARACTERS = 4  # characters of a digest that may stand for it


@dataclass(frozen=True, slots=True)
class GoneBack:
    """What a rollback came to: the promoted artifact now, the one before it, and those that were passed over as not here."""

    now: Artifact
    before: str
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log as it stands there. `act` None: it is none, and `why` says so."""

    number: int
    text: bytes
    act: Act | None
    why: str = ""
    damaged: bool = False


class Registry:
    """The artifacts of one project, given the folder of its state. Reads afresh on every call.

    `forgot` says in what an artifact forgot too much, from what its manifest says under `forgetting`.
    """

    def __init__(self, state: Path, *, forgot: Callable[[Mapping[str, Json]], tuple[str, ...]] = forgot_as_trained) -> None:
        self._forgot = forgot
        self.folder = state / ARTIFACTS
        self.log = self.folder / LOG

    def artifacts(self) -> tuple[Artifact, ...]:
        """All of them, by kind and then by time; also those that are broken, half-written, or promoted and gone."""
        acts, _ = self.acts()
        promoted = {(kind, line[-1]) for kind, line in promotions(acts).items()}
        folders = [path for path in self.folder.glob("*/*") if path.is_dir()]
        by_name = {(path.parent.name, path.name): _read(path) for path in folders}
        for kind, named in promoted:
            current = by_name.get((kind, named))
            if current and current.state == "built":
                by_name[kind, named] = replace(current, state="promoted")
            else:
                what = f"is {current.state}" if current else "is not on the disk"
                why = f"it is promoted, but {what}: run the command that built it again, roll back, or promote another"
                why = current.why if current and current.state == "broken" else why
                by_name[kind, named] = replace(current or Artifact(kind, named, "gone"), state="gone", why=why)
        artifacts = [_with_deed(artifact, acts) for artifact in by_name.values()]
        artifacts = [replace(artifact, forgot=self._forgot(artifact.forgetting)) for artifact in artifacts]
        return tuple(sorted(artifacts, key=lambda one: (one.kind, one.created, one.digest)))

    def find(self, beginning: str) -> Artifact:
        """The artifact whose digest begins so.

        Raises:
            UserError: none does, or several do; names them.
        """
        everything = self.artifacts()
        prefix = beginning.strip().lower()
        exact = [a for a in everything if a.digest == prefix]
        matches = exact or [a for a in everything if len(prefix) >= MIN_CHARACTERS and a.digest.startswith(prefix)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UserError(f"'{beginning}' begins several digests; say more of it:{_listed(matches)}")
        short = f" (at least {MIN_CHARACTERS} characters of it)" if len(prefix) < MIN_CHARACTERS else ""
        listed = f"; there are:{_listed(everything)}" if everything else ": nothing was built yet"
        raise UserError(f"no artifact's digest begins with '{beginning}'{short}{listed}")

    def promoted_folder(self, kind: str) -> Path | None:
        """The folder of the promoted artifact of a kind; None where none is, or it is not here.

        Raises:
            Damaged: the log, or the artifact.
        """
        named = self.promoted(kind)
        folder = self.folder / kind / named
        return folder if named and is_finished(folder) else None

    def promoted(self, kind: str) -> str:
        """The digest of the promoted artifact of a kind; "" where none is.

        Raises:
            Damaged: a line of the log cannot be read, so that nobody knows.
        """
        return promotions(self._whole()).get(kind, ("",))[-1]

    def rows(self, artifact: Artifact) -> tuple[LearntRow, ...] | None:
        """The rows that taught it; None where it does not say, or cannot be read."""
        try:
            lines = (self._folder_of(artifact) / ROWS).read_text(encoding="utf-8").split("\n")
            parsed = [json.loads(line) for line in lines if line]
            return tuple(LearntRow(str(row["digest"]), str(row["id"]), str(row.get("place", ""))) for row in parsed)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def promote(self, artifact: Artifact, *, by: str, force: bool = False) -> Artifact:
        """Make it the promoted one of its kind. One that is promoted already stays so, and nothing is written.

        Raises:
            UserError: it is not whole, or forgot more than is allowed and `force` is not given.
        """
        with self._alone():
            now = self.find(artifact.digest)
            if now.state == "promoted":
                return now
            if now.state != "built":
                raise UserError(f"{now.name} is {now.state} and cannot be promoted{': ' + now.why if now.why else ''}")
            if now.forgot and not force:
                what = "; ".join(now.forgot)
                raise UserError(
                    f"{now.name} forgot too much to be promoted ({what}): train it with replay rows, or say --force"
                )
            self._write(now, "promote", by, forced=bool(now.forgot))
            return self.find(now.digest)

    def rollback(self, kind: str, *, by: str) -> GoneBack:
        """Promote again what was promoted before; what is no longer here is passed over.

        Raises:
            UserError: nothing of this kind is promoted, or nothing was before it that is still here.
        """
        with self._alone():
            line = self._promotions(kind)
            usable = {a.digest: a for a in self.artifacts() if a.kind == kind and a.state == "built"}
            earlier = list(reversed(line[:-1]))
            back = next((usable[named] for named in earlier if named in usable and named != line[-1]), None)
            if back is None:
                gone = f"; {', '.join(n[:SHOWN] for n in earlier)} was, and is no longer here" if earlier else ""
                none = f"'rung artifacts withdraw {kind}' promotes none"
                raise UserError(f"nothing of kind '{kind}' was promoted before {line[-1][:SHOWN]}{gone}; {none}")
            self._write(back, "rollback", by)
            return GoneBack(self.find(back.digest), line[-1], tuple(earlier[: earlier.index(back.digest)]))

    def withdraw(self, kind: str, *, by: str) -> str:
        """Promote none of this kind from now on. Returns the digest of the one that was.

        Raises:
            UserError: none is.
        """
        with self._alone():
            named = self._promotions(kind)[-1]
            self._write(Artifact(kind, named, "built"), "withdraw", by)
            return named

    def _promotions(self, kind: str) -> tuple[str, ...]:
        """What was promoted of a kind, the promoted one last; refused where none is."""
        line = promotions(self._whole()).get(kind, ())
        if not line:
            kinds = ", ".join(sorted({a.kind for a in self.artifacts()})) or "none yet"
            raise UserError(f"no artifact of kind '{kind}' is promoted, so there is none to go back from (kinds: {kinds})")
        return line

    def retire(self, artifact: Artifact, *, by: str, force: bool = False) -> int:
        """Free its place on the disk, and keep its manifest and its list of rows. Returns the bytes that were freed.

        Retiring again finishes a retirement that was cut short.

        Raises:
            UserError: it is promoted; or it is not finished, so that it may be under way, and `force` is not given.
        """
        with self._alone():
            now = self.find(artifact.digest)
            if now.state in ("promoted", "gone"):
                raise UserError(f"{now.name} is promoted: promote another first, or roll back, and then retire it")
            if now.state == "unfinished" and not force:
                raise UserError(f"{now.name} is not finished, and may be under way in another process; --force removes it")
            folder, whole = self._folder_of(now), now.state in ("built", "retired")
            if now.state != "retired":
                self._write(now, "retire", by, forced=now.state == "unfinished")
            try:
                if whole and (folder / MANIFEST).exists():
                    (folder / MANIFEST).replace(folder / RETIRED)  # from here on it counts as not built
                return _cleared(folder, retained=KEPT if whole else ())
            except OSError as error:
                raise UserError(f"{folder} cannot be removed ({error.strerror}); mend that and retire it again") from error

    def acts(self) -> tuple[tuple[Act, ...], tuple[Problem, ...]]:
        """Who did what, oldest first; a line that a crash cut, or that is damaged, is left out and told of."""
        read = tuple(self.lines())
        problems = tuple(Problem(str(self.log), line.number, line.why) for line in read if line.act is None)
        return tuple(line.act for line in read if line.act is not None), problems

    def lines(self) -> Iterator[Line]:
        """The log, line by line; what a crash cut has no end, was never confirmed, and is dropped with the next act."""
        try:
            whole, _, cut = self.log.read_bytes().rpartition(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise damaged(self.log, error.strerror or str(error)) from error
        for number, line in enumerate([*whole.split(b"\n"), cut], 1):
            if line.strip():
                why = "was cut short by a crash and is left out" if line is cut else "is no entry of the log and is left out"
                try:
                    yield Line(number, line, _act(json.loads(line)))
                except (ValueError, KeyError, TypeError, RecursionError):
                    yield Line(number, line, None, why, damaged=line is not cut)

    def _whole(self) -> tuple[Act, ...]:
        """The acts, where every line can be read."""
        read = tuple(self.lines())
        if wrong := next((line for line in read if line.damaged), None):
            raise damaged(self.log, f"line {wrong.number} {wrong.why}")
        return tuple(line.act for line in read if line.act is not None)

    def _folder_of(self, artifact: Artifact) -> Path:
        return self.folder / artifact.kind / artifact.digest

    def _write(self, artifact: Artifact, deed: Deed, by: str, *, forced: bool = False) -> None:
        """One line at the end, on the disk when this returns; a line that a crash cut goes."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        act = plain(Act(at, by, deed, artifact.kind, artifact.digest, forced))
        line = json.dumps({**act, "sum": short_sum(canonical(act))} if isinstance(act, dict) else act, ensure_ascii=False)
        try:
            with self.log.open("a+b") as file:
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
                file.write(f"{line}\n".encode())
                file.flush()
                os.fsync(file.fileno())
            fsync_folder(self.folder)
        except OSError as error:
            raise UserError(f"{self.log} cannot be written: {error.strerror}") from error

    def _alone(self) -> AbstractContextManager[None]:
        """One process at a time decides what is promoted and what is removed."""
        return alone(self.folder / f"{LOG}.lock")


def _read(folder: Path) -> Artifact:
    """What a folder holds."""
    kind, named, size = folder.parent.name, folder.name, _size(folder)
    manifest = next((folder / name for name in (MANIFEST, RETIRED) if (folder / name).exists()), None)
    try:
        content = _content(manifest) if manifest else {}
    except ValueError as error:
        why = f"{error}: retire it (nothing of it is kept then), and run the command that built it again"
        return Artifact(kind, named, "broken", size=size, why=why)
    if manifest is None:
        why = "it is not finished; the command that builds it, run again, goes on from where it was"
        return Artifact(kind, named, "unfinished", size=size, why=why)
    if manifest.name == MANIFEST and (folder / SEAL).exists() and (altered_how := altered(folder, others=True)):
        return Artifact(kind, named, "broken", size=size, why=str(damaged(folder, altered_how)))
    if not isinstance(content.get("created"), str):  # of an older format
        content["created"] = datetime.fromtimestamp(manifest.stat().st_mtime, UTC).isoformat(timespec="seconds")
    if manifest.name == MANIFEST:
        return described(kind, named, content, state="built", size=size)
    left = size - sum(_size(folder / name) for name in KEPT)
    why = f"{left:,} bytes are left of it: retire it once more" if left else ""
    return replace(described(kind, named, content, state="retired", size=size), why=why)


def _content(manifest: Path) -> dict[str, Json]:
    """What a manifest says.

    Raises:
        ValueError: it cannot be read, or is no object; says so.
    """
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{manifest} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ValueError(f"{manifest} is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{manifest} is no object {{…}}")
    return content


def _size(path: Path) -> int:
    """Bytes of a file or a folder; what another process just removed takes none."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    total = 0
    for file in files:
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def _cleared(folder: Path, *, retained: tuple[str, ...]) -> int:
    """Remove all but these files. Returns the bytes that were freed."""
    before = _size(folder)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in retained:
            path.unlink()
    left = _size(folder)
    if not retained:
        folder.rmdir()
    return before - left


def _with_deed(artifact: Artifact, acts: tuple[Act, ...]) -> Artifact:
    """Who made it what it is, where the log says so."""
    if artifact.state not in ("promoted", "retired", "gone"):
        return artifact
    last = next((act for act in reversed(acts) if (act.kind, act.digest) == (artifact.kind, artifact.digest)), None)
    return replace(artifact, by=last.by, at=last.at) if last else artifact


def _act(entry: Mapping[str, Json]) -> Act:
    if entry["deed"] not in get_args(Deed):
        raise ValueError(entry["deed"])
    written = {key: value for key, value in entry.items() if key != "sum"}
    if "sum" in entry and entry["sum"] != short_sum(canonical(written)):
        raise ValueError("sum")
    return Act(
        at=str(entry["at"]),
        by=str(entry["by"]),
        deed=entry["deed"],  # type: ignore[arg-type]  # checked above
        kind=str(entry["kind"]),
        digest=str(entry["digest"]),
        forced=entry.get("forced") is True,
    )


def _listed(artifacts: tuple[Artifact, ...] | list[Artifact]) -> str:
    return "".join(f"\n  {a.kind} {a.digest} ({a.state})" for a in artifacts[:20])
