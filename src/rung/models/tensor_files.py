"""Writes tensors as a safetensors file that others may read as the umask says: the library makes it its owner's alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]


def write_tensors(path: Path, tensors: Tensors, *, metadata: dict[str, str] | None = None) -> None:
    """Write tensors by name; a file that is there already keeps its permissions.

    Raises:
        OSError, SafetensorError: it cannot be written.
    """
    from safetensors.numpy import save_file

    path.touch()
    mode = path.stat().st_mode & 0o777
    save_file(dict(tensors), path, metadata=metadata)
    path.chmod(mode)
