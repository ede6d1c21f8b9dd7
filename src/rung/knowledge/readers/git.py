"""The tracked files of a Git working tree. Asked of git itself, which runs none of the repository's programs.

Reading them is left to the readers: what counts is what stands in the working tree now.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from rung.knowledge.readers.source import Unusable

PREFIX = "git:"
_SECONDS = 60
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def tracked(root: Path, pattern: str) -> tuple[Path, list[Path]]:
    """The tracked files that `pattern` names, and the folder that they are in: all in a folder, a file, or those of a glob.

    In git's order; links among them, whatever they lead to.

    Raises:
        Unusable: git is not installed, or this is no working tree.
    """
    parts = Path(pattern or ".").parts
    fixed = next((n for n, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    folder = root.joinpath(*parts[:fixed])
    rest = "/".join(parts[fixed:])
    if not rest and folder.is_file():
        folder, rest = folder.parent, folder.name
    if not folder.is_dir():
        raise Unusable(f"there is no folder {folder}")
    named = [f":(glob){rest}"] if rest else ["."]
    command = ["git", *_QUIET, "-C", str(folder), "ls-files", "-z", "--deduplicate", "--", *named]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False, env=environment)
    except FileNotFoundError as error:
        raise Unusable("git is not installed; name the files by a pattern instead") from error
    except subprocess.TimeoutExpired as error:
        raise Unusable(f"git did not answer within {_SECONDS} seconds") from error
    if done.returncode:
        errors = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unusable(f"git cannot list its files: {errors[0] if errors else f'exit code {done.returncode}'}")
    files = [folder / os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    # A file that was deleted and not yet committed is still listed.
    return folder, [file for file in files if file.is_file() or file.is_symlink()]
