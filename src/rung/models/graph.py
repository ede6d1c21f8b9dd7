"""A llama GGUF as an OpenVINO graph whose layers have their Hugging Face names.

OpenVINO names the MatMuls of a GGUF "MatMul_46", so that a LoRA adapter matches nothing and is ignored with a mere
warning. Here every projection is recognised by its place in the graph, named, and saved once; the weights can be read back
as the graph computes them, which makes the served and the trained base the same numbers. Running it is left to `local`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import InternalError, ModelError, last_line
from rung.models.gguf import llama_config, read_metadata
from rung.models.sealed import made_once
from rung.models.tokens import lift_limit
from rung.records import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Weights = dict[str, NDArray[np.float32]]

_GRAPH = "openvino_model.xml"
_FORMAT = 2  # raise it when the way of naming changes: a cached graph of another format is made again
PROJECTIONS = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)


@dataclass(frozen=True, slots=True)
class Layers:
    """The recognised nodes: module name ("model.layers.0.self_attn.q_proj", "lm_head") -> MatMul; and the count."""

    matmuls: dict[str, Any]
    count: int


def prepared(gguf: Path, home: Path) -> Path:
    """Folder under `home` with the named graph, the tokenizer and `config.json`; made on first use, atomically.

    Raises:
        ModelError: the file is no llama GGUF that OpenVINO can read.
    """
    return made_for_runtime(home, lambda scratch: convert(gguf, scratch))


def made_for_runtime(home: Path, make: Callable[[Path], Path], *, mark: str = "") -> Path:
    """What `make` makes in a scratch folder, kept under `home` by the runtime's version; made once, and verified since."""
    folder = home / "-".join(["openvino", version("openvino"), str(_FORMAT), *filter(None, [mark])])
    return made_once(folder, make)


def convert(gguf: Path, scratch: Path) -> Path:
    """A folder in `scratch` with the named graph, the GGUF's tokenizer and `config.json`; raises as `prepared` does."""
    import openvino
    import openvino_genai

    metadata = read_metadata(gguf)
    llama_config(metadata, vocabulary=0, tied=True)  # refuses other architectures before the long work
    # the library writes its own copy beside the .gguf: keep it in the scratch folder
    beside = scratch / gguf.name
    if beside != gguf:
        beside.symlink_to(gguf.resolve())
    try:
        openvino_genai.LLMPipeline(beside, "CPU", {"enable_save_ov_model": True})
    except RuntimeError as error:
        # It saves first and compiles then. Compiling what lies in memory fails for some small models; read again, it works.
        if not (scratch / "openvino_model.bin").exists() or not list(scratch.glob("openvino_tokenizer.bin")):
            raise ModelError(f"OpenVINO cannot read {gguf}: {last_line(error)}") from error
    model = openvino.Core().read_model(scratch / _GRAPH)
    layers = recognise(model)
    for name, node in layers.matmuls.items():
        prefix = "" if name == "lm_head" else "__module."
        node.set_friendly_name(f"{prefix}{name}/ov_ext::linear/MatMul")
    config = llama_config(metadata, vocabulary=_vocabulary(layers), tied=_is_tied(layers, model))
    if layers.count != config["num_hidden_layers"]:
        raise InternalError(f"{layers.count} layers recognised in {gguf}, its metadata says {config['num_hidden_layers']}")
    converted = scratch / "made"
    converted.mkdir()
    openvino.save_model(model, converted / _GRAPH, compress_to_fp16=False)
    for file in scratch.glob("openvino_*tokenizer.*"):
        shutil.move(file, converted / file.name)
    lift_limit(converted)
    (converted / "config.json").write_text(json.dumps(config, indent=2))
    return converted


def read_config(folder: Path) -> dict[str, Json]:
    """`config.json` of a prepared folder."""
    value: dict[str, Json] = json.loads((folder / "config.json").read_text())
    return value


def projection_shapes(config: Mapping[str, Json]) -> dict[str, tuple[int, int]]:
    """Shape (out, in) of every projection that an adapter may change, by its Hugging Face name."""

    def size(key: str) -> int:
        return int(str(config[key]))

    hidden, inner, head = size("hidden_size"), size("intermediate_size"), size("head_dim")
    q, kv = size("num_attention_heads") * head, size("num_key_value_heads") * head
    shapes = [(q, hidden), (kv, hidden), (kv, hidden), (hidden, q), (inner, hidden), (inner, hidden), (hidden, inner)]
    named = dict(zip(PROJECTIONS, shapes, strict=True))
    return {f"model.layers.{i}.{p}": s for i in range(size("num_hidden_layers")) for p, s in named.items()}


def recognise(model: Any) -> Layers:
    """Name every projection of a llama graph by how it is wired.

    MatMuls with constant weights are grouped by the activation that they read: q, k and v read one, gate and up read one,
    o, down and lm_head read their own. Within a group what follows tells them apart: q and k are rotated, k joins the cache,
    gate goes through the activation function. Names and order of the nodes are not relied upon.

    Raises:
        ModelError: the graph is not wired like a llama.
    """
    groups: dict[str, list[Any]] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul" and _is_weight(node.input_value(1)):
            groups.setdefault(node.input_value(0).get_node().get_friendly_name(), []).append(node)
    matmuls: dict[str, Any] = {}
    layer = -1
    for group in groups.values():
        if len(group) == 3:
            layer += 1
        for role, node in _roles(group):
            name = role if role == "lm_head" else f"model.layers.{layer}.{role}"
            if name in matmuls:
                raise ModelError(f"two nodes of the graph look like {name}: this is not the graph of a llama")
            matmuls[name] = node
    expected = {f"model.layers.{i}.{p}" for i in range(layer + 1) for p in PROJECTIONS} | {"lm_head"}
    if layer < 0 or set(matmuls) != expected:
        raise ModelError(f"not wired like a llama: {sorted(expected ^ set(matmuls))[:3]} missing or left over")
    return Layers(matmuls, layer + 1)


def _roles(group: list[Any]) -> Iterator[tuple[str, Any]]:
    if len(group) == 3:
        for node in group:
            yield f"self_attn.{_attention_role(node)}_proj", node
    elif len(group) == 2:
        for node in group:
            gate = bool({"Swish", "Sigmoid"} & {n.get_type_name() for n in _readers(node)})
            yield f"mlp.{'gate' if gate else 'up'}_proj", node
    elif len(group) == 1:
        node = group[0]
        source = node.input_value(0).get_node()
        if any(n.get_type_name() == "Result" for n in _readers(node)):
            yield "lm_head", node
        elif source.get_type_name() == "Multiply":
            yield "mlp.down_proj", node
        else:
            yield "self_attn.o_proj", node


def _attention_role(node: Any) -> str:
    """q, k or v by what follows: Reshape and Transpose, then the rotation (Slice … Add) or not, then the cache (Concat)."""
    while len(readers := _readers(node)) == 1 and readers[0].get_type_name() in ("Reshape", "Transpose", "Convert"):
        node = readers[0]
    readers = _readers(node)
    if not any(n.get_type_name() in ("Slice", "Split", "VariadicSplit", "StridedSlice") for n in readers):
        return "v"
    turned = next(n for n in readers if n.get_type_name() == "Multiply")
    joined = next(n for n in _readers(turned) if n.get_type_name() == "Add")
    return "k" if any(n.get_type_name() == "Concat" for n in _readers(joined)) else "q"


def _readers(node: Any) -> list[Any]:
    return [target.get_node() for target in node.output(0).get_target_inputs()]


def _is_weight(value: Any) -> bool:
    """Whether a value is computed from constants only."""
    node = value.get_node()
    if node.get_type_name() == "Constant":
        return True
    if node.get_type_name() not in ("Convert", "Reshape", "Multiply", "Subtract", "Transpose"):
        return False
    return all(_is_weight(i.get_source_output()) for i in node.inputs())


def _vocabulary(layers: Layers) -> int:
    shape = layers.matmuls["lm_head"].input_value(1).get_partial_shape()
    return int(shape[0].get_length())


def _embedding(model: Any) -> Any:
    """The table that token ids look up."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Gather" and _is_weight(node.input_value(0)):
            table = node.input_value(0)
            if table.get_partial_shape().rank.get_length() == 2 and table.get_element_type().is_real():
                return table
    raise ModelError("the graph has no token embedding: this is not the graph of a llama")


def _is_tied(layers: Layers, model: Any) -> bool:
    table = layers.matmuls["lm_head"].input_value(1).get_node().get_friendly_name()
    return bool(_embedding(model).get_node().get_friendly_name() == table)


def read_weights(folder: Path) -> Weights:
    """The base model's weights as its served graph decompresses them: Hugging Face name -> float32 array.

    The conversion from GGUF rounds zero points, so these differ slightly from the .gguf: train on these. A tied output
    layer ("lm_head.weight") is left out, as in Hugging Face checkpoints. Shapes are those of `LlamaForCausalLM`.
    """
    import openvino

    model = openvino.Core().read_model(folder / _GRAPH)
    layers = recognise(model)
    weights = {"model.embed_tokens.weight": _evaluate(_embedding(model))}
    tied = _is_tied(layers, model)
    for name, node in layers.matmuls.items():
        if name == "lm_head":
            weights["model.norm.weight"] = _norm_before(node)
            if tied:
                continue
        weights[f"{name}.weight"] = _evaluate(node.input_value(1))
    for i in range(layers.count):
        layer = f"model.layers.{i}"
        first, second = layers.matmuls[f"{layer}.self_attn.q_proj"], layers.matmuls[f"{layer}.mlp.gate_proj"]
        weights[f"{layer}.input_layernorm.weight"] = _norm_before(first)
        weights[f"{layer}.post_attention_layernorm.weight"] = _norm_before(second)
    return weights


def _norm_before(node: Any) -> NDArray[np.float32]:
    product = node.input_value(0).get_node()
    sides = [i.get_source_output() for i in product.inputs()]
    scale = [s for s in sides if _is_weight(s)]
    if product.get_type_name() != "Multiply" or len(scale) != 1:
        raise ModelError("a projection does not read a scaled norm: this is not the graph of a llama")
    return _evaluate(scale[0]).reshape(-1)


def _evaluate(value: Any) -> NDArray[np.float32]:
    """A constant expression, in float32: the plugin decompresses (w - zero) * scale in float32 as well, not in float16."""
    import numpy as np

    node = value.get_node()
    kind = node.get_type_name()
    if kind == "Constant":
        return _numbers(node)
    inner = [_evaluate(i.get_source_output()) for i in node.inputs()]
    if kind == "Convert":
        return inner[0]
    if kind == "Subtract":
        return inner[0] - inner[1]
    if kind == "Multiply":
        return inner[0] * inner[1]
    if kind == "Reshape":
        return inner[0].reshape(inner[1].astype(np.int64))
    if kind == "Transpose":
        return inner[0].transpose(inner[1].astype(np.int64))
    raise InternalError(f"no way to evaluate {kind} in a weight")


def _numbers(constant: Any) -> NDArray[np.float32]:
    import numpy as np

    data = np.asarray(constant.data)
    kind = constant.get_element_type().to_string()
    if kind == "u4":  # two numbers a byte, the low half first
        packed = data.reshape(-1).view(np.uint8)
        data = np.stack([packed & 15, packed >> 4], axis=-1)
    elif constant.get_element_type().bitwidth < 8:
        raise ModelError(f"weights of type {kind} are not supported: use a Q4_0, Q4_1, Q8_0 or F16 GGUF")
    size = int(np.prod(constant.shape))
    return data.reshape(-1)[:size].reshape(tuple(constant.shape)).astype(np.float32)
