"""The tensors of a safetensors file in float32, bfloat16 included, which numpy does not know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Name -> float32 array; tables of positions, which old checkpoints hold as whole numbers, are left out.

    Raises:
        ModelError: the file cannot be read, or a tensor is of another type (quantised weights).
    """
    import numpy as np
    from safetensors import SafetensorError, deserialize

    kinds: dict[str, Any] = {"F32": np.float32, "F16": np.float16, "F64": np.float64}
    try:
        tensors = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read ({error}): copy the model again") from error
    read: dict[str, NDArray[np.float32]] = {}
    for name, tensor in sorted(tensors, key=lambda pair: str(pair[0])):  # the library gives them in another order each time
        if name.endswith("position_ids"):
            continue
        if tensor["dtype"] == "BF16":  # its two bytes are the upper half of float32
            flat = (np.frombuffer(tensor["data"], np.uint16).astype(np.uint32) << 16).view(np.float32)
        elif tensor["dtype"] in kinds:
            flat = np.frombuffer(tensor["data"], kinds[tensor["dtype"]]).astype(np.float32)
        else:
            raise ModelError(f"{path}: {name} is of type {tensor['dtype']}: use a checkpoint in BF16, F16 or F32")
        read[name] = flat.reshape(tensor["shape"])
    return read
