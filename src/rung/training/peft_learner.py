"""Adapters of the library's on a model of the library's, as a training sees them: `learner.Learner` for whatever
transformers opens.

Rows are packed where the model allows it (`packed_attention`), else padded behind their ends, sorted by length, so that no
row sees another's tokens or its own padding; only the answers' tokens are scored. How the model is opened is left to
`peft_base` and `quantized`.
"""

from __future__ import annotations

import contextlib
import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rung.errors import UserError
from rung.models.causal.network import Network
from rung.records import Json
from rung.training.batches import MAX_TOKENS, pieces
from rung.training.examples import Row
from rung.training.learner import ONE_AFTER_ANOTHER, summed
from rung.training.lora import CONFIG, WEIGHTS
from rung.training.low_rank import fuse
from rung.training.packed_attention import can_pack, computing, pack_attention
from rung.training.packing import Packed, pack
from rung.training.workers import Workers, shares

if TYPE_CHECKING:
    import torch

_ON_A_GPU = 8192  # tokens computed at once, where memory is read faster than on a CPU
_IDLE = ("drop", "jitter")  # settings by which a library draws at random while it trains


@dataclass(frozen=True, slots=True)
class Bounds:
    """The length past which positions are turned another way, so that lengths cannot share a pass; 0: there is none.

    `always`: past it by every length another way.
    """

    at: int = 0
    always: bool = False

    def side(self, row: Row) -> int:
        """Rows of one side may share a pass."""
        length = len(row.ids) - 1
        return 0 if not self.at or length <= self.at else length if self.always else 1


class PeftLearner:
    """A learner on a model of transformers, with adapters of peft.

    Args:
        network: the model, frozen here; its adapters are put into it.
        settings: peft's, of the adapters.
        seed: of what is drawn.
        products_in: the type of the products, for the manifest.

    Raises:
        UserError: a layer that is named is not there.
    """

    def __init__(self, network: Network, settings: Any, *, seed: int, products_in: str) -> None:
        import torch

        self.network, self.products_in, self._twice = network, products_in, False
        self.packs = can_pack(network)
        if self.packs:
            pack_attention(network.model)
        self.device = torch.device(network.device)
        self.most = MAX_TOKENS if network.device == "cpu" else _ON_A_GPU
        self.bounds = Bounds(network.turns_at, network.turns_always)
        _without_chance(network.model)
        self.model = adapted(network.model, settings, seed=seed)
        if network.device == "cpu":
            fuse(self.model)
        named = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        size = sum(p.numel() for p in named.values())
        self.values = torch.zeros(size, device=self.device)
        self.gradient = torch.zeros(size, device=self.device)
        self.learnt = list(named.values())
        rng = torch.Generator().manual_seed(seed)
        for (name, parameter), here in zip(named.items(), self.values.split([p.numel() for p in self.learnt]), strict=True):
            first = _drawn(name, parameter, rng)
            # one flat tensor behind all parameters: optimiser, clipping and checkpoints are `learning`'s own
            parameter.data = here.view(parameter.shape)
            parameter.data.copy_(first)
        count = Workers.fitting() if network.device == "cpu" and _has_no_state(self.model) and not self.bounds.at else 1
        self.workers = Workers(count) if count > 1 else None
        self.beside = [torch.zeros_like(self.gradient) for _ in range(count - 1)]

    def parts(self, batch: Sequence[Row], *, most: int) -> list[list[Row]]:
        """As `Learner` says; what rows share is computed once, or else padding counts."""
        return list(pieces(batch, most=most)) if self.packs else by_length(batch, most=most, bounds=self.bounds)

    def learn(self, rows: Sequence[Row], *, weight: float, gradient: torch.Tensor | None = None) -> tuple[float, int]:
        """As `Learner` says; `gradient`: one beside the first, that is added to."""
        import torch

        with _repeatable(self.device), self._computed(rows) as (losses, tokens):
            total = losses.sum()
            changes = torch.autograd.grad(total * weight, self.learnt, allow_unused=True)
        into = (self.gradient if gradient is None else gradient).split([p.numel() for p in self.learnt])
        for change, here in zip(changes, into, strict=True):
            if change is not None:  # of an expert that no token came to
                here.add_(change.flatten())
        return float(total.detach()), tokens

    def learn_parts(self, parts: Sequence[Sequence[Row]], *, weight: float) -> tuple[float, int]:
        """As `Learner` says; side by side where there are several cores, of all together no more than `most` tokens."""
        count = Workers.fitting(self.most // max(len(row.ids) for part in parts for row in part))
        if self.workers is None or count == 1 or len(dealt := shares(parts, count)) == 1:
            return summed([self.learn(part, weight=weight) for part in parts])
        within = [[one for part in mine for one in self.parts(part, most=self.most // count)] for mine in dealt]
        gradients = [self.gradient, *self.beside[: count - 1]]
        work = [partial(self._after_another, mine, weight, own) for mine, own in zip(within, gradients, strict=True)]
        return summed(self.workers.added(work, gradients))

    def _after_another(self, parts: Sequence[Sequence[Row]], weight: float, gradient: torch.Tensor) -> tuple[float, int]:
        return summed([self.learn(part, weight=weight, gradient=gradient) for part in parts])

    @contextlib.contextmanager
    def _computed(self, rows: Sequence[Row]) -> Iterator[tuple[torch.Tensor, int]]:
        """Cross entropy of the answers' tokens, and how many tokens were computed; as long as gradients are asked for."""
        if not self.packs:
            yield answer_losses(self.network.model, rows, self.network)
            return
        packed = pack(rows, device=self.device)
        with computing(packed):
            yield packed_losses(self.network.model, packed), packed.tokens

    def save_memory(self) -> str:
        """As `Learner` says: parts one after another, then layers computed a second time instead of being remembered."""
        if self.workers is not None:
            self.workers, self.beside = None, []
            return ONE_AFTER_ANOTHER
        model = self.network.model
        if self._twice or not model.supports_gradient_checkpointing:
            return ""
        self._twice = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the name that later versions have is not in earlier ones
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train()
        return "layers are computed twice instead of being remembered"

    def loss(self, rows: Sequence[Row]) -> float:
        """As `Learner` says."""
        import torch

        with torch.no_grad(), self._computed(rows) as (losses, _):
            return float(losses.sum())

    def free(self) -> None:
        """There are no buffers of ours."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """Copies of the adapters by the names that peft uses."""
        from peft import get_peft_model_state_dict

        state = get_peft_model_state_dict(self.model, save_embedding_layers=False)
        return {name: value.detach().float().cpu().clone().contiguous() for name, value in state.items()}

    def files(self, *, base: dict[str, Json]) -> dict[str, bytes]:
        """As `Learner` says; peft's own settings, with what the adapter was trained on."""
        from safetensors.torch import save

        given = self.model.peft_config["default"].to_dict()
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

    linear = sorted({name.rsplit(".", 1)[-1] for name, module in model.named_modules() if hasattr(module, "weight")})
    names = settings.target_modules
    named = sorted(names) if isinstance(names, (set, list, tuple)) else []
    modules = [name for name, _ in model.named_modules()]
    lacking = [one for one in named if not any(name == one or name.endswith(f".{one}") for name in modules)]
    if lacking:
        raise UserError(
            f"target_modules names {', '.join(lacking)}, and the model has no such layer: take some of {', '.join(linear)}"
        )
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.config.use_cache = False
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of GPT-2's layers, whose weights lie the other way: peft then turns them itself
        torch.manual_seed(seed)
        try:
            return get_peft_model(model, settings)
        except ValueError as error:
            raise UserError(f"adapters do not sit on the layers that target_modules names: {error}") from error


def _has_no_state(model: Any) -> bool:
    """Whether threads may compute at once: peft puts adapters into blocks of experts, and takes them out, in each pass."""
    from peft.tuners.lora.layer import ParamWrapper

    return not any(isinstance(module, ParamWrapper) for module in model.modules())


def _drawn(name: str, parameter: Any, rng: torch.Generator) -> Any:
    """A parameter as it begins: A of a linear layer uniform as peft draws it, on the CPU, so that a seed means the same
    everywhere and for Rung's own trainer; anything else as peft made it."""
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


def by_length(rows: Sequence[Row], *, most: int, bounds: Bounds) -> list[list[Row]]:
    """The rows sorted by length, in parts whose padded tokens are at most `most`; a longer row is alone."""
    parts: list[list[Row]] = []
    for row in sorted(rows, key=lambda one: len(one.ids)):
        length = len(row.ids) - 1
        if parts and (len(parts[-1]) + 1) * length <= most and bounds.side(parts[-1][0]) == bounds.side(row):
            parts[-1].append(row)
        else:
            parts.append([row])
    return parts


def answer_losses(compute: Callable[..., Any], rows: Sequence[Row], network: Network) -> tuple[torch.Tensor, int]:
    """Cross entropy of the answers' tokens [answers], float32, row after row; and how many tokens were computed.

    Args:
        compute: the model's forward pass.
        rows: whose padding stands behind them, where no token of theirs looks.
        network: what the model takes.
    """
    import torch

    first, longest = min(row.prompt for row in rows) - 1, max(len(row.ids) for row in rows) - 1
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    targets = torch.full((len(rows), longest - first), -1, dtype=torch.long)
    for n, row in enumerate(rows):
        ids[n, : len(row.ids) - 1] = torch.tensor(row.ids[:-1])
        targets[n, row.prompt - 1 - first : len(row.ids) - 1 - first] = torch.tensor(row.ids[row.prompt :])
    network.forget_lengths()
    named = {"logits_to_keep": longest - first} if network.takes("logits_to_keep") else {}
    logits = compute(input_ids=ids.to(network.device), use_cache=False, **named).logits[:, first - longest :]
    scored = (targets >= 0).to(network.device)
    expected = targets[targets >= 0].to(network.device)
    losses = torch.nn.functional.cross_entropy(logits[scored].float(), expected, reduction="none")
    return losses, ids.numel()


def packed_losses(compute: Callable[..., Any], packed: Packed) -> torch.Tensor:
    """Cross entropy of the answers' tokens [answers], float32, row after row; within `packed_attention.computing`."""
    import torch

    given = {"input_ids": packed.ids[None], "position_ids": packed.positions[None], "logits_to_keep": packed.scored}
    logits = compute(**given, use_cache=False).logits[0]
    return torch.nn.functional.cross_entropy(logits.float(), packed.targets, reduction="none")


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
