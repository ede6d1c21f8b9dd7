"""Step by step down a gradient: the one loop with checkpoints, interrupts, budgets, and an answer to memory that ends.

What a step computes, when one looks at what was held out, and how less is computed at once is left to who trains: `learning`
(adapters of a language model), `stepping` (encoders). An interrupted run, started again, goes on as if nothing had been.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from rung.errors import BudgetEnded, Interrupted, UserError, first_line
from rung.models.out_of_memory import OwnThread, give_back, is_out_of_memory
from rung.progress import Tick, working_time
from rung.training import checkpoint
from rung.training.checkpoint import Progressed, Source
from rung.training.optimiser import Adam, rate_at

if TYPE_CHECKING:
    import torch

R = TypeVar("R")


class NoNumber(UserError):
    """The loss, or its gradient, is no number."""


class Pace(Protocol):
    """What the loop needs of a recipe."""

    @property
    def learning_rate(self) -> float: ...

    @property
    def warmup(self) -> float: ...

    @property
    def clip(self) -> float: ...

    @property
    def checkpoint_seconds(self) -> float: ...


class Descent(ABC):
    """One training, from its checkpoint or its beginning to its last step: `values` moved against `gradient`.

    Args:
        values: what is learnt, flat, float32.
        gradient: of one length with it, filled by `_gradient`.
        steps: how many there are.
        pace: of the recipe.
        source: of the checkpoint.
        keeps_best: the values of the lowest loss of what was held out are what is left at the end, else the last.
    """

    def __init__(
        self,
        values: torch.Tensor,
        gradient: torch.Tensor,
        *,
        steps: int,
        pace: Pace,
        source: Source,
        keeps_best: bool,
    ) -> None:
        import torch

        self.values, self.gradient, self.steps, self.pace, self.source = values, gradient, steps, pace, source
        self.adam, self.notes = Adam(values, gradient), list[str]()
        self.best = torch.empty(0)
        self.now = Progressed()
        self._keeps_best = keeps_best
        self._thread = OwnThread("training")
        self._restore()

    @abstractmethod
    def _gradient(self) -> float:
        """Fill the gradient of step `now.step`, whose loss is returned."""

    @abstractmethod
    def _look(self) -> float | None:
        """The loss of what was held out, by the values as they are; None where none is, or this is no step to look after."""

    def _given_up(self) -> bool:
        """Whether the steps that are left are not worth taking."""
        return False

    def run(self, progress: Tick) -> Progressed:
        """All steps that are left.

        Raises:
            UserError: the loss is no number, memory is too small, or a checkpoint cannot be written.
            Interrupted: Ctrl-C; the checkpoint is written.
            BudgetEnded: `progress` raised it; the checkpoint is written.
        """
        began, before, saved = working_time(), (self.now.seconds, self.now.consumed), working_time()
        whole = True
        try:
            while self.now.step < self.steps and not self._given_up():
                loss = self._gradient()
                whole = False  # an interrupt from here on would find half a step
                self._move(loss)
                self.now.seconds = before[0] + working_time() - began
                whole = True
                speed = (self.now.consumed - before[1]) / (working_time() - began)
                progress(self.now.step, self.steps, self._note(loss, speed))
                if working_time() - saved >= self.pace.checkpoint_seconds and self.now.step < self.steps:
                    self._save()
                    saved = working_time()
        except BudgetEnded:
            self._save()
            raise
        except KeyboardInterrupt:
            if whole:
                self._save()
            where = "from there" if whole else "from its last checkpoint"
            raise Interrupted(
                f"training stopped at step {self.now.step} of {self.steps}: the same command goes on {where}"
            ) from None
        if self.best.numel() and self.now.validation:
            self.values.copy_(self.best)
        return self.now

    def _within_memory(self, work: Callable[[], R], less: Callable[[str], None]) -> R:
        """The work; where memory runs out, done again from its beginning after `less`, which is given the library's words
        and raises where nothing less can be computed."""
        while True:
            try:
                return self._thread.run(work)
            except (RuntimeError, MemoryError, OSError) as error:
                if not is_out_of_memory(error):
                    raise
                words = first_line(error)
            give_back()  # the error is gone, and with it the frames that held what was computed
            less(words)

    def _move(self, loss: float) -> None:
        now, pace = self.now, self.pace
        rate = rate_at(now.step, steps=self.steps, peak=pace.learning_rate, warmup=pace.warmup)
        norm = self.adam.step(now.step + 1, rate=rate, clip=pace.clip)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise NoNumber(
                f"the loss is no number at step {now.step + 1} of {self.steps}: "
                f"lower learning_rate (now {pace.learning_rate:g})"
            )
        now.moved(loss, self.steps)
        if (held := self._look()) is not None:
            self._looked(held)

    def _looked(self, loss: float) -> None:
        now = self.now
        now.validation.append((now.step, loss))
        if not self._keeps_best:
            return
        if loss < now.best:
            now.best, now.stale = loss, 0
            self.best = self.best.copy_(self.values) if self.best.numel() else self.values.clone()
        else:
            now.stale += 1

    def _note(self, loss: float, speed: float) -> str:
        tokens = f"{speed:.0f} tokens/s, " if self.now.consumed else ""
        left = int(self.now.seconds / self.now.step * (self.steps - self.now.step))
        return f"loss {loss:.3f}, {tokens}{self.notes[-1] if self.notes else f'{left // 60}:{left % 60:02d} left'}"

    def _save(self) -> None:
        tensors = {"values": self.values, "mean": self.adam.mean, "square": self.adam.square}
        if self.best.numel():
            tensors["best"] = self.best
        checkpoint.save(self.source.folder, tensors, self.now, of=self.source.of)

    def _restore(self) -> None:
        saved = checkpoint.load(self.source.folder, of=self.source.of)
        if saved is None:
            return
        tensors, self.now = saved
        self.values.copy_(tensors["values"])
        self.adam.mean.copy_(tensors["mean"])
        self.adam.square.copy_(tensors["square"])
        self.best = tensors.get("best", self.best).to(self.values.device)
