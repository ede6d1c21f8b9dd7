"""A model's batch, for the base model or for one adapter: jobs in, results out, step by step.

Safe for threads: all jobs of all threads are in one batch. What is asked of it, and when, is left to `local`; what computes
its tokens, to `decoding`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from rung.errors import last_line
from rung.models.adapters import Lora
from rung.models.decoding import AT_ONCE, Asked, Decoder, DecoderHere, Handle, Network
from rung.models.grammar import Constraint, Unsupported, constraint
from rung.models.jobs import Anew, Job, closing, otherwise, whole
from rung.models.precision import Precision
from rung.models.streams import Streams
from rung.models.tokens import Tokens
from rung.records import Failure
from rung.records.steps import GenerateResult


def decoder_of(
    folder: Path,
    tokens: Tokens,
    *,
    lora: Lora | None,
    precision: Precision,
    cache_bytes: int | None = None,
    apart: bool = False,
) -> Decoder:
    """What decodes a prepared model, with an adapter or without; `apart`: in a process of its own."""
    from safetensors.numpy import save

    adapter = b"" if lora is None else save(lora.tensors())
    network = Network(folder, precision, tokens.end_id, adapter, cache_bytes)
    if not apart:
        return DecoderHere(network)
    from rung.models.decoding_apart import DecoderApart

    return DecoderApart(network)


class _Handles:
    """Of jobs that may become more, in another thread, while they are waited for."""

    def __init__(self, jobs: Collection[Job]) -> None:
        self._jobs = jobs

    def __iter__(self) -> Iterator[Handle]:
        return iter([job.handle for job in list(self._jobs)])


class Pipeline:
    """A decoder and what its tokens mean. `is_broken` after the engine raised: throw it away."""

    def __init__(self, decoder: Decoder, tokens: Tokens) -> None:
        self._decoder, self._tokens = decoder, tokens
        self._streams = Streams(tokens.decode_all)
        self.at_once = AT_ONCE
        self.is_broken = False

    def add(self, job: Job) -> Failure | None:
        """Let a job into the batch; or say why it cannot be."""
        try:
            job.held = constraint(job.step)
        except Unsupported as error:
            return Failure(str(error), step="generate")
        return self._ask(job, job.ids, job.held, job.step.max_tokens)

    def _ask(self, job: Job, ids: list[int], held: Constraint | None, room: int) -> Failure | None:
        kind, text = ("", "") if held is None else (held.kind, held.text)
        try:
            job.handle = self._decoder.ask(Asked(ids, room, job.step.temperature, job.step.seed, kind, text))
        except ValueError as error:
            return Failure(f"the engine refused the request: {last_line(error)}", step="generate")
        except RuntimeError:
            self.is_broken = True
            raise
        return None

    def follow(self, job: Job, on_text: Callable[[str], None]) -> GenerateResult | Failure:
        """See `Streams`."""
        return self._streams.follow(self, job, on_text)

    def advance(self, jobs: Collection[Job]) -> None:
        """Return when a step has been computed in which these may have got on. They may become more meanwhile."""
        try:
            self._decoder.advance(_Handles(jobs))
        except RuntimeError:
            self.is_broken = True
            raise

    def look_again(self) -> None:
        """Where `advance` waits in another thread for jobs that became more."""
        self._decoder.look_again()

    def cancel(self, jobs: Sequence[Job]) -> None:
        """Take jobs out of the batch that will not be read any more."""
        for job in jobs:
            if job.handle is not None and not job.ended:
                job.ended = True
                job.handle.cancel()

    def read(self, job: Job) -> GenerateResult | Failure | None:
        """What came of a job: its result, once it has ended."""
        output = job.handle.take()
        job.generated.extend(output.ids)
        if output.ids and self._asks_anew(job, otherwise(job, output.ids, self._tokens.decode)):
            return None
        if not output.end:
            return None
        if output.end not in ("stop", "length"):
            job.ended = True
            why = f"the engine gave up ({output.end}): the model's cache is too small for this request"
            return Failure(why, step="generate")
        cut = output.end == "length"
        if cut and self._asks_anew(job, closing(job, self._tokens.decode)):
            job.cut_at = len(job.generated)
            return None
        job.ended = True
        ids = job.generated[:-1] if job.generated and job.generated[-1] == self._tokens.end_id else job.generated
        cut = cut or job.cut_at is not None
        text = whole(job, self._tokens.decode(ids), cut=cut)
        return GenerateResult(text, len(job.ids), len(job.generated), truncated=cut)

    def _asks_anew(self, job: Job, anew: Anew | None) -> bool:
        """Let the model go on from the tokens that stay; False where there is nothing to ask, or the engine refuses it."""
        if anew is None:
            return False
        former = job.handle
        if self._ask(job, [*job.ids, *anew.ids], anew.held, job.step.max_tokens - len(anew.ids)) is not None:
            return False
        former.cancel()
        job.generated = anew.ids
        return True
