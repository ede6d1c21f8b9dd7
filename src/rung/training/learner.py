"""Adapters of the library's on a model of the library's, as a training sees them: flat numbers, their gradient, a loss.

What is computed for rows is left to `forward`, which rows come when to `learning`, how the model is opened to `bases`.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rung.errors import UserError, first_line
from rung.models.adapters import CONFIG, WEIGHTS
from rung.models.causal.network import Network
from rung.records import Json
from rung.training.examples import Row
from rung.training.forward import Forward
from rung.training.memory import Estimate
from rung.training.workers import Workers, shares

if TYPE_CHECKING:
    import torch

# of an adapter's settings; all versions of peft since .10 know these
_ALWAYS = frozenset(
    {"peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "bias", "fan_in_fan_out", "target_modules"}
)
_NUMBERED = re.compile(r"(?:.*?\.)?([^.]+)\.(\d+)\.")  # the list of layers in a name, and the layer's number
_IDLE = ("drop", "jitter")  # settings by which a library draws at random while it trains


class Learner:
    """Adapters of peft on a model of transformers. `values` and `gradient`: flat, float32, of one length.

    Args:
        network: the model, frozen here; its adapters are put into it.
        settings: peft's, of the adapters.
        seed: of what is drawn.
        products_in: the type of the products, for the manifest.
        narrow_to: as `low_rank.fuse`.

    Raises:
        UserError: a layer that is named is not there.
    """

    def __init__(
        self, network: Network, settings: Any, *, seed: int, products_in: str, narrow_to: torch.dtype | None = None
    ) -> None:
        import torch

        self.network, self.products_in, self._twice = network, products_in, False
        self.device = torch.device(network.device)
        _without_chance(network.model)
        self.model = adapted(network.model, settings, seed=seed)
        self.forward = Forward(network, narrow_to=narrow_to)
        self.most, self.notes = self.forward.most, list[str]()
        named = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        size = sum(p.numel() for p in named.values())
        self.values = torch.zeros(size, device=self.device)
        self.gradient = torch.zeros(size, device=self.device)
        self.learnt = list(named.values())
        rng = torch.Generator().manual_seed(seed)
        for (name, parameter), here in zip(named.items(), self.values.split([p.numel() for p in self.learnt]), strict=True):
            first = _drawn(name, parameter, rng)
            # one flat tensor behind all parameters: optimiser, clipping and checkpoints are `descent`'s own
            parameter.data = here.view(parameter.shape)
            parameter.data.copy_(first)
        alone = network.device != "cpu" or not _has_no_state(self.model) or bool(network.turns_at)
        count = 1 if alone else Workers.fitting()
        self.workers = Workers(count) if count > 1 else None
        self.beside = [torch.zeros_like(self.gradient) for _ in range(count - 1)]

    def parts(self, batch: Sequence[Row], *, most: int) -> list[list[Row]]:
        """A batch in parts that are each computed at once, none above `most` tokens but a row alone."""
        return self.forward.parts(batch, most=most)

    def learn(self, rows: Sequence[Row], *, weight: float, gradient: torch.Tensor | None = None) -> tuple[float, int]:
        """Add the gradient of `weight` times the summed loss of the answers' tokens; that sum, and the tokens computed.

        `gradient`: one beside the first, that is added to.
        """
        import torch

        with _repeatable(self.device), self.forward.computed(rows) as (losses, tokens):
            total = losses.sum()
            changes = torch.autograd.grad(total * weight, self.learnt, allow_unused=True)
        into = (self.gradient if gradient is None else gradient).split([p.numel() for p in self.learnt])
        for change, here in zip(changes, into, strict=True):
            if change is not None:  # of an expert that no token came to
                here.add_(change.flatten())
        return float(total.detach()), tokens

    def learn_parts(self, parts: Sequence[Sequence[Row]], *, weight: float) -> tuple[float, int]:
        """As `learn`, of all parts of a batch; side by side where there are several cores, of all together no more than
        `most` tokens."""
        count = Workers.fitting(self.most // max(len(row.ids) for part in parts for row in part))
        if self.workers is None or count == 1 or len(dealt := shares(parts, count)) == 1:
            return self._after_another(parts, weight, self.gradient)
        within = [[one for part in mine for one in self.parts(part, most=self.most // count)] for mine in dealt]
        gradients = [self.gradient, *self.beside[: count - 1]]
        work = [partial(self._after_another, mine, weight, own) for mine, own in zip(within, gradients, strict=True)]
        return _summed(self.workers.added(work, gradients))

    def _after_another(self, parts: Sequence[Sequence[Row]], weight: float, gradient: torch.Tensor) -> tuple[float, int]:
        return _summed([self.learn(part, weight=weight, gradient=gradient) for part in parts])

    def save_memory(self) -> str:
        """From now on compute in a way that takes less memory; what that is, in words, "" where there is no other: parts one
        after another, then layers computed a second time instead of being remembered."""
        if self.workers is not None:
            self.workers, self.beside = None, []
            return "one part of a step is computed after another"
        model = self.network.model
        if self._twice or not model.supports_gradient_checkpointing:
            return ""
        self._twice = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the name that later versions have is not in earlier ones
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train()
        return "layers are computed twice instead of being remembered"

    def begin_within(self, needed: Estimate, free: int) -> None:
        """Where less memory is free than is needed, save it from the first step on: a container that takes too much is
        killed, and raises nothing."""
        if free >= needed.peak:
            return
        saved = [self.save_memory()]
        if free < needed.peak - needed.threads:
            saved.append(self.save_memory())
            self.most = min(self.most, needed.tokens_in(free))
            saved.append(f"at most {self.most} tokens are computed at once")
        self.notes += [f"too little memory was free: from the beginning {how}" for how in saved if how]

    def loss(self, rows: Sequence[Row]) -> float:
        """Summed loss of the answers' tokens, in nats, computed at once."""
        import torch

        with torch.no_grad(), self.forward.computed(rows) as (losses, _):
            return float(losses.sum())

    def tensors(self) -> dict[str, torch.Tensor]:
        """Copies of the adapters by the names that peft uses."""
        from peft import get_peft_model_state_dict

        state = get_peft_model_state_dict(self.model, save_embedding_layers=False)
        return {name: value.detach().float().cpu().clone().contiguous() for name, value in state.items()}

    def files(self, *, base: dict[str, Json]) -> dict[str, bytes]:
        """The PEFT folder's files, of the values as they are: peft's own settings, with what the adapter was trained on."""
        from safetensors.torch import save

        config = self.model.peft_config["default"]
        usual = type(
            config
        )().to_dict()  # what is as usual is left out: earlier versions refuse a name that they do not know
        given = {k: v for k, v in config.to_dict().items() if k in _ALWAYS or k not in usual or v != usual[k]}
        settings = {key: sorted(value) if isinstance(value, (set, frozenset)) else value for key, value in given.items()}
        settings |= {
            "base_model_name_or_path": str(base.get("name", "")),
            "revision": str(base.get("identity", "")) or None,
            "inference_mode": True,
        }
        content = json.dumps(settings, indent=2, ensure_ascii=False, sort_keys=True, default=str).encode()
        return {WEIGHTS: save(self.tensors(), metadata={"format": "pt"}), CONFIG: content}


def adapted(model: Any, settings: Any, *, seed: int) -> Any:
    """The model with peft's adapters in it, all else frozen; what peft draws is drawn by the seed.

    Raises:
        UserError: a layer that the settings name is not there.
    """
    import torch
    from peft import get_peft_model

    names = settings.target_modules
    named = sorted(names) if isinstance(names, (set, list, tuple)) else []
    modules = [name for name, _ in model.named_modules()]
    lacking = [one for one in named if not any(name == one or name.endswith(f".{one}") for name in modules)]
    if lacking:
        raise UserError(
            f"target_modules names {', '.join(lacking)}, and the model has no such layer: take some of {_linear(model)}"
        )
    model.requires_grad_(False)
    model.config.use_cache = False
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of GPT-2's layers, whose weights lie the other way: peft then turns them itself
        torch.manual_seed(seed)
        try:
            tuned = get_peft_model(model, settings)
        except ValueError as error:
            why = f"adapters do not sit on the layers that target_modules names: {first_line(error)}"
            raise UserError(f"{why}: take some of {_linear(model)}") from error
    if settings.exclude_modules:
        _name_layers(tuned, modules)
    return tuned


def _linear(model: Any) -> str:
    """The ends of the names of a model's linear layers but its output: what all-linear would take."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    output = model.get_output_embeddings()
    linear = [name for name, one in model.named_modules() if isinstance(one, (Linear, Conv1D)) and one is not output]
    return ", ".join(sorted({name.rpartition(".")[2] for name in linear}))


def _name_layers(tuned: Any, modules: Sequence[str]) -> None:
    """Say which layers have adapters in settings that earlier versions of peft and other programs read alike: those do not
    know `exclude_modules`, and would look for adapters on every layer. The numbers of the layers where these say the same,
    else every layer's name."""
    from peft.tuners.tuners_utils import check_target_module_exists

    settings, names = tuned.peft_config["default"], set(tuned.base_model.targeted_module_names)
    if any(re.fullmatch(settings.exclude_modules, name) for name in tuned.base_model.targeted_parameter_names):
        raise UserError(
            "first_layer leaves layers out, and adapters sit on this model's blocks of experts in all layers or in none: "
            "leave first_layer out, or name target_modules that are no experts"
        )
    settings.exclude_modules = None
    numbered = [_NUMBERED.match(name) for name in names]
    lists = {match[1] if match else "" for match in numbered}
    if len(lists) == 1 and "" not in lists:
        settings.target_modules = {name.rpartition(".")[2] for name in names}
        settings.layers_to_transform = sorted({int(match[2]) for match in numbered if match})
        settings.layers_pattern = lists.pop()
        if {name for name in modules if check_target_module_exists(settings, name)} == names:
            return
        settings.layers_to_transform = settings.layers_pattern = None
    settings.target_modules = names


def _summed(learnt: Sequence[tuple[float, int]]) -> tuple[float, int]:
    """The summed loss and the tokens computed, of all parts."""
    return sum(loss for loss, _ in learnt), sum(tokens for _, tokens in learnt)


def _has_no_state(model: Any) -> bool:
    """Whether threads may compute at once: peft puts adapters into blocks of experts, and takes them out, in each pass."""
    from peft.tuners.lora.layer import ParamWrapper

    return not any(isinstance(module, ParamWrapper) for module in model.modules())


def _drawn(name: str, parameter: Any, rng: torch.Generator) -> Any:
    """A parameter as it begins: A of a linear layer uniform as peft draws it, on the CPU, so that a seed means the same
    everywhere; anything else as peft made it."""
    import torch

    if ".lora_A." not in name or parameter.ndim != 2:
        return parameter.detach().clone()
    bound = 1 / math.sqrt(parameter.shape[1])  # kaiming_uniform_(a=sqrt(5))
    return torch.empty(parameter.shape).uniform_(-bound, bound, generator=rng)


def _without_chance(model: Any) -> None:
    """Nothing is dropped at random: what is learnt is what is served, and the same seed gives the same bytes."""
    for module in model.modules():
        for key, value in list(vars(module).items()):
            if isinstance(value, float) and any(word in key for word in _IDLE):
                setattr(module, key, 0.0)
        if type(module).__name__.startswith("Dropout"):
            module.p = 0.0


@contextlib.contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """On a GPU by the library's kernels that add in one order, where it has them."""
    import torch

    if device.type != "cuda" or torch.are_deterministic_algorithms_enabled():
        yield
        return
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
