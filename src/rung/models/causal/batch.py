"""Requests of different lengths in one batch: jobs in, results out, step by step. A row that ends makes room for the next.

Safe for threads: whoever advances it moves everybody's jobs on. How tokens are computed is left to `caches`, what is asked
of this and when to `generator`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import first_line
from rung.models.causal.caches import Apart, Computing, Together, Track
from rung.models.causal.chat import Chat
from rung.models.causal.masks import Grammars
from rung.models.causal.network import Network
from rung.models.causal.spans import Unbatchable
from rung.models.grammar import Constraint, Unsupported, constraint
from rung.models.jobs import Anew, Job, closing, otherwise, whole
from rung.models.out_of_memory import OwnThread, is_out_of_memory
from rung.models.reasoning import spoken
from rung.models.streams import Streams
from rung.records import Failure, Usage
from rung.records.steps import GenerateResult

if TYPE_CHECKING:
    import torch

AT_ONCE = 64  # rows decoded together
_NO_NUMBERS = "the model computed no numbers: its weights are damaged, or too large for their type"
_CANNOT_SPELL = (
    "the model's tokenizer has no token by which the answer could go on in the form that is asked for: it cannot spell what "
    "the schema, the pattern or the labels say; write these in letters that it has, or take another model"
)
_TAIL = 16  # last tokens among which the end of thinking is looked for


@dataclass(eq=False)
class Row:
    """A job on its way. Where a grammar holds its answer and the model thinks first, `thought` are the tokens before."""

    job: Job
    track: Track
    matcher: Any = None
    closing: str = ""  # the mark that ends the thinking; "" where the answer has begun
    thought: list[int] = field(default_factory=list)
    rng: Any = None
    result: GenerateResult | Failure | None = None


class Batch:
    """One model's rows.

    Args:
        network: what computes.
        chat: its tokens.
        memory: bytes for keys and values.
        reasoning: tokens that a model may think beside those of its answer.
    """

    def __init__(self, network: Network, chat: Chat, *, memory: int, reasoning: int = 0) -> None:
        self._network = network
        self._chat = chat
        self._reasoning = reasoning
        self._grammars: Grammars | None = None
        self._apart: Computing = Apart(network)
        self._memory = memory
        self._most = AT_ONCE
        self._together = self._block()
        self._waiting: list[Row] = []
        self._running: list[Row] = []
        self._stepping = threading.Lock()
        self._streams = Streams(chat.decode_all)
        self._thread = OwnThread("tokens")
        self.at_once = AT_ONCE
        self.is_broken = False

    def _block(self) -> Computing:
        try:
            return Together(self._network, most=self._most, memory=self._memory)
        except Unbatchable:
            return self._apart

    def load(self, adapter: str, folder: Path) -> None:
        """Make an adapter's rows computable; raises as `Adapters.load` does."""
        with self._stepping:
            self._network.adapters.load(adapter, folder)

    def add(self, job: Job) -> Failure | None:
        """Let a job into the batch; or say why it cannot be."""
        try:
            job.held = constraint(job.step)
            matcher = self._matcher(job.held)
        except Unsupported as error:
            return Failure(str(error), step="generate")
        track = Track(list(job.ids), len(job.ids), job.step.max_tokens + self._reasoning, job.step.adapter)
        row = Row(job, track, matcher)
        if job.step.temperature > 0:
            import torch

            row.rng = torch.Generator().manual_seed(job.step.seed)
        if job.held is not None and self._reasoning and self._chat.thinks:
            self._let_think(row)
        job.handle = row
        with self._stepping:
            self._waiting.append(row)
        return None

    def _let_think(self, row: Row) -> None:
        """Open the thinking where the prompt does not; the grammar begins behind its end."""
        prompt = self._chat.decode(row.job.ids[-_TAIL:])
        opened = self._chat.opened(prompt)
        if opened is None:
            opened = self._chat.thinking_marks()
            if opened is None:
                return  # it thinks in channels: a held answer comes at once
            row.track.ids += self._chat.encode([f"{opened[0]}\n"])[0]
        row.closing = opened[1]

    def _matcher(self, held: Constraint | None) -> Any:
        if held is None:
            return None
        with self._stepping:
            if self._grammars is None:
                self._grammars = Grammars(self._chat.tokenizer, vocabulary=self._network.vocabulary, ends=self._chat.ends)
            return self._grammars.matcher(held)

    def follow(self, job: Job, on_text: Callable[[str], None], hear: Callable[[str], str] = str) -> GenerateResult | Failure:
        """See `Streams`."""
        return self._streams.follow(self, job, on_text, hear)

    def advance(self, jobs: Collection[Job]) -> None:
        """Compute one step of the whole batch, whosever jobs are in it."""
        del jobs
        with self._stepping:
            if self.is_broken:
                raise RuntimeError("the batch broke down while another thread advanced it")
            if not self._waiting and not self._running:
                return
            try:
                self._thread.run(self._step)
            except BaseException as error:
                if not is_out_of_memory(error):
                    self.is_broken = True
                    raise
                self._shrink(error)

    def look_again(self) -> None:
        """Nothing waits here."""

    def read(self, job: Job) -> GenerateResult | Failure | None:
        """What came of a job: its result, once it has ended."""
        result: GenerateResult | Failure | None = job.handle.result
        job.ended = job.ended or result is not None
        return result

    def cancel(self, jobs: Sequence[Job]) -> None:
        """Take jobs out of the batch that will not be read any more."""
        with self._stepping:
            for job in jobs:
                if not job.ended and isinstance(job.handle, Row) and job.handle.result is None:
                    job.ended = True
                    self._end(job.handle, Failure("cancelled", step="generate"))

    def _way(self, row: Row) -> Computing:
        """Rows whose positions will turn, or whose adapter cannot be mixed, are computed apart."""
        turn = self._network.turns_at
        longest = row.track.prompt + row.job.step.max_tokens + self._reasoning
        if (turn and longest > turn) or not self._network.adapters.can_mix(row.track.adapter):
            return self._apart
        return self._together

    def _step(self) -> None:
        """Begin some of those that wait, where there is room; else compute the next token of every row."""
        for way in (self._together, self._apart):
            mine = [row for row in self._waiting if self._way(row) is way]
            tracks = {id(row.track): row for row in mine}
            chosen = way.group([row.track for row in mine], self._most - len(self._running))
            if chosen:
                rows = [tracks[id(track)] for track in chosen]
                self._waiting = [row for row in self._waiting if row not in rows]
                self._running += rows
                self._say(rows, way.begin(chosen))
                return
        for way in {id(way): way for way in (self._together, self._apart)}.values():
            rows = [row for row in self._running if self._way(row) is way]
            if rows:
                self._say(rows, way.go_on([row.track for row in rows]))

    def _say(self, rows: list[Row], logits: torch.Tensor) -> None:
        """Choose each row's next token [rows, vocabulary], and end the rows that it ends."""
        import torch

        matchers = [None if row.closing else row.matcher for row in rows]
        computed = logits.max(dim=-1).values.tolist()  # of all tokens, those that no form allows too
        if any(matcher is not None for matcher in matchers):
            assert self._grammars is not None
            logits = self._grammars.forbid(logits, matchers)
        best = logits.max(dim=-1)
        values, tokens = best.values.tolist(), best.indices.tolist()
        for number, row in enumerate(rows):
            token = tokens[number]
            if not math.isfinite(values[number]):
                why = _CANNOT_SPELL if math.isfinite(computed[number]) else _NO_NUMBERS
                self._end(row, Failure(why, step="generate"))
                continue
            if row.rng is not None:
                chances = torch.softmax(logits[number].cpu() / row.job.step.temperature, dim=-1)
                token = int(torch.multinomial(chances, 1, generator=row.rng))
            self._take(row, token)

    def _take(self, row: Row, token: int) -> None:
        job = row.job
        row.track.ids.append(token)
        row.track.room -= 1
        if row.closing:
            self._think(row, token)
            return
        job.generated.append(token)
        if row.matcher is not None and not row.matcher.accept_token(token):
            self._end(row, Failure(f"the engine chose a token ({token}) that its grammar does not allow", step="generate"))
        elif self._asks_anew(row, otherwise(job, [token], self._chat.decode)):
            return
        elif token in self._chat.ends or (row.matcher is not None and row.matcher.is_terminated()):
            self._end(row, self._result(job, row))
        elif len(job.generated) >= self._room(job):
            if self._asks_anew(row, closing(job, self._chat.decode)):
                job.cut_at = len(job.generated)
            else:
                self._end(row, self._result(job, row, cut=True))

    def _room(self, job: Job) -> int:
        return job.step.max_tokens + (self._reasoning if job.held is None else 0)

    def _think(self, row: Row, token: int) -> None:
        """A token before the answer of a row that is held to a form."""
        row.thought.append(token)
        if row.closing in self._chat.decode(row.thought[-_TAIL:]):
            row.closing = ""
        elif token in self._chat.ends or len(row.thought) >= self._reasoning:
            self._end(row, self._none(row.job, row, _used_up(self._reasoning)))

    def _asks_anew(self, row: Row, anew: Anew | None) -> bool:
        """Let the model go on from the tokens that stay; False where there is nothing to ask, or the engine refuses it."""
        if anew is None or self._grammars is None:
            return False
        try:
            row.matcher = self._grammars.matcher(anew.held)
        except Unsupported:
            return False
        job = row.job
        self._way(row).drop(row.track)
        self._running.remove(row)
        before = len(row.track.ids) - len(job.generated)
        row.track.ids = [*row.track.ids[:before], *anew.ids]
        row.track.room = job.step.max_tokens - len(anew.ids)
        job.generated = anew.ids
        self._waiting.insert(0, row)
        return True

    def _result(self, job: Job, row: Row, *, cut: bool = False) -> GenerateResult | Failure:
        completion = len(row.thought) + len(job.generated)
        ids = job.generated[:-1] if job.generated and job.generated[-1] in self._chat.ends else job.generated
        text, cut = self._chat.decode(ids), cut or job.cut_at is not None
        if job.held is not None:
            text = whole(job, text, cut=cut)
        elif self._chat.thinks:
            answer = spoken(self.opened(job) + text)
            if answer.reasoned and not answer.text:
                return self._none(job, row, _used_up(self._room(job)) if cut else _only_thought(text))
            text = answer.text
        return GenerateResult(text, len(job.ids), completion, truncated=cut)

    @staticmethod
    def _none(job: Job, row: Row, why: str) -> Failure:
        """No answer, with what was read and written all the same."""
        written = len(row.thought) + len(job.generated)
        return Failure(why, step="generate", usage=Usage(len(job.ids), written, steps=1))

    def opened(self, job: Job) -> str:
        """The mark of the thinking that the prompt opens, "" where it opens none: the answer's text lacks it."""
        opened = self._chat.opened(self._chat.decode(job.ids[-_TAIL:]))
        return opened[0] if opened else ""

    def _end(self, row: Row, result: GenerateResult | Failure) -> None:
        row.result = result
        if row in self._running:
            self._running.remove(row)
            self._way(row).drop(row.track)
        if row in self._waiting:
            self._waiting.remove(row)

    def _shrink(self, error: BaseException) -> None:
        """Begin anew with half as many rows; what was said stays said. One row that is too much alone fails; how many others
        there is room for, it does not tell.
        """
        rows, self._running = self._running, []
        if len(rows) > 1:
            self._most = min(self._most, len(rows)) // 2
        else:
            for row in rows:
                row.result = Failure(
                    f"there is too little memory for {len(row.track.ids):,} tokens: {first_line(error)}", step="generate"
                )
            rows = []
        self._waiting = [*rows, *self._waiting]
        for row in rows:
            row.track.slot, row.track.cache = -1, None
        self._together = self._block()


def _used_up(room: int) -> str:
    return (
        f"reasoning used up all {room:,} tokens before an answer began: give reasoning room of its own "
        "(server.reasoning_tokens in rung.yaml)"
    )


def _only_thought(text: str) -> str:
    return f"the model reasoned and gave no answer: {text[:120]!r}"
