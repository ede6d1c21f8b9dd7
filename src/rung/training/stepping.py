"""Step by step down a gradient, with checkpoints: the loop that the retriever and the reranker are trained by.

What a step computes is left to those who train (`retriever`, `reranker`). An interrupted run, started again, goes on as if
nothing had been; the generator's own loop is `learning`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rung.errors import BudgetEnded, Interrupted, UserError, first_line
from rung.models.out_of_memory import OwnThread, give_back, is_out_of_memory
from rung.progress import Tick, working_time
from rung.training import checkpoint
from rung.training.checkpoint import Progressed
from rung.training.learning import Source
from rung.training.optimiser import Adam, rate_at

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
_MIN_TOKENS = 256  # a part this small that does not fit into memory never will


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


@dataclass
class Stepping:
    """Flat `values` moved against the flat `gradient`, which `learn` fills.

    `learn(step, tokens)` computes one batch in parts of at most `tokens` tokens, whose number does not change the result,
    and returns its loss; `validate` returns the loss of what was held out, None where nothing was. It is asked after each
    `a_pass` steps, and the values of the best pass are what is left at the end.
    """

    values: torch.Tensor
    gradient: torch.Tensor
    learn: Callable[[int, int], float]
    validate: Callable[[], float | None]
    steps: int
    a_pass: int
    pace: Pace
    source: Source
    most_tokens: int
    now: Progressed = field(default_factory=Progressed)
    _thread: OwnThread = field(default_factory=lambda: OwnThread("training"), init=False)

    def run(self, progress: Tick) -> Progressed:
        """All steps that are left.

        Raises:
            UserError: the loss is no number, memory is too small, or a checkpoint cannot be written.
            Interrupted: Ctrl-C; the checkpoint is written.
            BudgetEnded: `progress` raised it; the checkpoint is written.
        """
        adam, best = Adam(self.values, self.gradient), self.values.clone()
        best = self._restored(adam, best)
        began, before, saved = working_time(), self.now.seconds, working_time()
        whole = True
        try:
            while self.now.step < self.steps:
                loss = self._learnt()
                whole = False  # an interrupt from here on would find half a step
                self._move(adam, loss)
                if self.now.step % self.a_pass == 0 or self.now.step == self.steps:
                    self._validated(best)
                self.now.seconds = before + working_time() - began
                whole = True
                progress(self.now.step, self.steps, self._note(loss))
                if working_time() - saved >= self.pace.checkpoint_seconds and self.now.step < self.steps:
                    self._save(adam, best)
                    saved = working_time()
        except BudgetEnded:
            self._save(adam, best)
            raise
        except KeyboardInterrupt:
            if whole:
                self._save(adam, best)
            where = "from there" if whole else "from its last checkpoint"
            raise Interrupted(
                f"training stopped at step {self.now.step} of {self.steps}: the same command goes on {where}"
            ) from None
        if self.now.validation:
            self.values.copy_(best)
        return self.now

    def _learnt(self) -> float:
        while True:
            try:
                self.gradient.zero_()
                return self._thread.run(lambda: self.learn(self.now.step, self.most_tokens))
            except (RuntimeError, MemoryError, OSError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.most_tokens <= _MIN_TOKENS:
                    raise UserError(
                        f"memory is too small to train with parts of {self.most_tokens} tokens: close other programs, or "
                        f"use a machine with more ({first_line(error)})"
                    ) from error
                give_back()
                self.most_tokens //= 2
                log.warning("out of memory: parts of %d tokens from here on, with the same result", self.most_tokens)

    def _move(self, adam: Adam, loss: float) -> None:
        now, pace = self.now, self.pace
        rate = rate_at(now.step, steps=self.steps, peak=pace.learning_rate, warmup=pace.warmup)
        norm = adam.step(now.step + 1, rate=rate, clip=pace.clip)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise UserError(
                f"the loss is no number at step {now.step + 1} of {self.steps}: "
                f"lower learning_rate (now {pace.learning_rate:g})"
            )
        now.moved(loss, self.steps)

    def _validated(self, best: torch.Tensor) -> None:
        loss = self._thread.run(self.validate)
        if loss is None:
            return
        self.now.validation.append((self.now.step, loss))
        if loss < self.now.best:
            self.now.best = loss
            best.copy_(self.values)

    def _note(self, loss: float) -> str:
        left = int(self.now.seconds / self.now.step * (self.steps - self.now.step))
        return f"loss {loss:.3f}, {left // 60}:{left % 60:02d} left"

    def _save(self, adam: Adam, best: torch.Tensor) -> None:
        tensors = {"values": self.values, "mean": adam.mean, "square": adam.square, "best": best}
        checkpoint.save(self.source.folder, tensors, self.now, of=self.source.of)

    def _restored(self, adam: Adam, best: torch.Tensor) -> torch.Tensor:
        saved = checkpoint.load(self.source.folder, of=self.source.of)
        if saved is None:
            return best
        tensors, self.now = saved
        self.values.copy_(tensors["values"])
        adam.mean.copy_(tensors["mean"])
        adam.square.copy_(tensors["square"])
        return tensors["best"]
