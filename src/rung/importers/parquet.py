"""The rows of a Parquet file, as data sets on model hubs are kept."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal

from rung.errors import InputError
from rung.records import Json

MAGIC = b"PAR1"
MAX_BYTES = 2**30  # of a file's columns, unpacked
_BATCH = 4096  # rows
Note = Callable[[int, str], None]  # says something of a line


def parquet_rows(content: bytes, shown: str, note: Note | None = None) -> Iterator[tuple[int, dict[str, Json]]]:
    """(number from 1, row) of each row. Without the columns that say nothing in a row, and bytes that are no text, which is
    noted.

    Raises:
        InputError: it is no Parquet file that can be read, or unpacks to more than `MAX_BYTES`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
        if (size := sum(group.total_byte_size for group in groups)) > MAX_BYTES:
            raise InputError(f"unpacks to {size / 2**30:.1f} GiB, and 1 GiB is the most: cut it", path=shown)
        number, raw = 0, dict[str, None]()
        for batch in file.iter_batches(_BATCH):
            for row in batch.to_pylist():
                number += 1
                if note is not None:
                    raw |= dict.fromkeys(str(key) for key, cell in row.items() if _is_raw(cell))
                yield number, {str(key): _value(cell) for key, cell in row.items() if _says(cell)}
        if raw and note is not None:
            note(0, f"bytes that are no text are not taken: {', '.join(raw)}")
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"is no Parquet that can be read: {error}", path=shown) from error


def _says(cell: object) -> bool:
    if isinstance(cell, bytes):
        return _text(cell) is not None
    return cell is not None and not (isinstance(cell, float) and not math.isfinite(cell))


def _is_raw(cell: object) -> bool:
    """Whether it is, or holds, bytes that are no text."""
    match cell:
        case bytes():
            return _text(cell) is None
        case Mapping():
            return any(map(_is_raw, cell.values()))
        case list():
            return any(map(_is_raw, cell))
    return False


def _text(cell: bytes) -> str | None:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _value(cell: object) -> Json:
    match cell:
        case bool() | int() | str() | None:
            return cell
        case float():
            return cell if math.isfinite(cell) else None
        case bytes():
            return _text(cell)
        case datetime() | date() | time():
            return cell.isoformat()
        case Decimal():
            return float(cell)
        case Mapping():
            return {str(key): _value(inner) for key, inner in cell.items()}
        case list() | tuple():
            return [_value(inner) for inner in cell]
    return str(cell)
