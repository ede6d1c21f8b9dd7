"""Answers `Generate` steps through a host's batch interface: handed over together, waited for, read.

Its identity is the model's: what it answers is remembered as if the model had been asked one by one. What is under way
stands in `batch_notes`, and is taken up by the next process. How a host is spoken to is left to `wire.batch_apis`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rung.errors import BudgetEnded, InternalError, ServerError
from rung.models.batch_notes import BatchNote, BatchNotes
from rung.models.http import HttpGenerator
from rung.models.http_batches import BatchClient
from rung.models.http_retries import RequestFailed, Unreachable
from rung.models.wire import Call
from rung.models.wire.batch_apis import BatchApi, BatchRow, BatchState, NotTold, Sending
from rung.progress import phase, rest, say
from rung.records import Failure
from rung.records.steps import Request, Result, request_digest

T = TypeVar("T")
LONGEST_PAUSE = 300.0  # seconds between two looks at a batch, at most; the first pause is the client's, each twice the last
TRIES = 2  # batches that a request is sent in, where it failed in a way that may pass
_TOO_LARGE = 413
_NO_FILE = (404, 410)  # what a host answers whose files have expired
_NO_INTERFACE = "has no batch interface at this address"
_ABSENT = "the key and the address that sent it reach its answers; 'rung batches cancel' gives it up, to be asked again"


@dataclass
class BatchedGenerator:
    """A hosted model, asked through its batch interface. `name`: as `rung.yaml` has it.

    `waits`: whether `run` waits for batches to end; else it raises `StillRunning` once all is handed over, and what has
    ended is yielded.
    """

    model: HttpGenerator
    name: str
    notes: BatchNotes
    waits: bool = True
    _failed: dict[str, Failure] = field(default_factory=dict)  # of this command: the next one asks these again
    _tries: Counter[str] = field(default_factory=Counter)
    _at_once: int = 0  # requests that the host lets wait together; 0: as many as a batch may have

    @property
    def identity(self) -> str:
        """The model's."""
        return self.model.identity

    @property
    def is_deferred(self) -> bool:
        """It takes hours."""
        return True

    @property
    def api(self) -> BatchApi:
        """How its host takes batches."""
        if self.model.batches is None:
            raise InternalError(f"{self.name} has no batch interface")
        return self.model.batches

    @property
    def _client(self) -> BatchClient:
        return BatchClient(self.model.client)

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (index, result) as batches end; no two requests are equal.

        Raises:
            ServerError: nobody listens there, the key, the quota or the model is refused, or a batch came to nothing. What
                was answered was yielded before.
            StillRunning: it does not wait.
        """
        by_digest = {request_digest(request, self.identity): index for index, request in enumerate(requests)}
        for digest in [digest for digest in by_digest if digest in self._failed]:
            yield by_digest.pop(digest), self._failed[digest]
        left = {digest: requests[index] for digest, index in by_digest.items()}
        while left:
            with self.notes.alone():  # what another process is sending is under way
                under_way, unsure = self._under_way(left)
                sent = {digest for note in under_way for digest in note.holds}
                under_way += self._send({d: one for d, one in left.items() if d not in sent}, after=under_way)
            calls = {digest: self.model.call(request) for digest, request in left.items()}
            running, lost = list[BatchNote](), list[str]()
            for note in under_way:
                state = BatchState("running") if note in unsure else self.state(note)
                if state.phase == "running":
                    running.append(note)
                    continue
                if state.phase == "absent":
                    lost.append(f"{self.name}: the host has no batch {note.name} for this key ({state.why}); {_ABSENT}")
                    continue
                taken = set[str]()
                for digest, result in self._read(note, state, calls, lost):
                    taken.add(digest)
                    if result is not None:
                        del left[digest]
                        yield by_digest[digest], result
                lost += self._leave(note, state, taken, left)
            if lost:
                raise ServerError("; ".join(lost))
            if running and not self.waits:
                raise StillRunning(self, running)
            if running:
                wait_for([StillRunning(self, running)])

    def state(self, note: BatchNote) -> BatchState:
        """How far a batch is; one that cannot be asked after now is taken to be running."""
        try:
            return self.api.state(self._client, note.name)
        except (Unreachable, RequestFailed) as error:
            if isinstance(error, RequestFailed) and error.complaint is not None and error.complaint.status == 404:
                return BatchState("absent", why=str(error))
            say(f"! {self.name}: {note.name} cannot be asked after now ({error}); later again")
        return BatchState("running")

    @property
    def first_pause(self) -> float:
        """Seconds before the second look at a batch."""
        return self.model.client.first_wait

    def _under_way(self, left: Mapping[str, Request]) -> tuple[list[BatchNote], list[BatchNote]]:
        """The batches that hold some of these steps, and those of them that may be somebody else's: it is not known yet."""
        notes = list(self.notes)
        holding = [note for note in notes if note.engine == self.identity and not left.keys().isdisjoint(note.holds)]
        named = {note.name for note in notes if note.name}
        sure, unsure = [note for note in holding if note.name], list[BatchNote]()
        for note in holding:
            if note.name:
                continue
            name, is_ours = self._recovered(note, named)
            if is_ours:
                named |= {name}
                sure.append(replace(note, name=name))
                self.notes.write(sure[-1])
            elif name:
                unsure.append(replace(note, name=name))
            else:
                self.notes.drop(note)
        return sure + unsure, unsure

    def _recovered(self, note: BatchNote, named: Collection[str]) -> tuple[str, bool]:
        """(the name of the batch that was being sent when a process died, whether it surely is that one); "" where it never
        came to the host. `named`: those that surely are other notes', of any model. Where batches bear no mark, the rows of
        one that has ended tell; until then two notes may share a guess."""
        unsure = ""
        for name in self._asked(lambda: self.api.sent(self._client, _sending(note))):
            if name in named:
                continue
            if self.api.bears_marks:
                return name, True
            state = self.state(replace(note, name=name))
            if state.phase == "running":
                unsure = unsure or name
            elif self._holds(state, note.holds):
                return name, True
        return unsure, False

    def _holds(self, state: BatchState, digests: Collection[str]) -> bool:
        """Whether a batch that has ended has a row of one of these."""
        return any(row.id in digests for row in self._rows(state))

    def _send(self, requests: Mapping[str, Request], *, after: Sequence[BatchNote]) -> list[BatchNote]:
        """Hand these over, in as few batches as the host takes; what is sent once more, when nothing is under way. Where it
        was too much for the host's queue, one batch at a time."""
        if after:
            requests = {} if self._at_once else {d: one for d, one in requests.items() if not self._tries[d]}
        todo = list(self._portions(requests))[: 1 if self._at_once else None]
        sent = []
        while todo:
            path, lines = todo.pop(0)
            newest = self._asked(lambda: self.api.newest(self._client))
            note = self.notes.add(self.name, self.identity, lines, after=newest)
            try:
                name = self.api.send(self._client, [*lines.values()], path, _sending(note))
            except NotTold:  # the next look shows whether it is there
                continue
            except RequestFailed as error:
                status = 0 if error.complaint is None else error.complaint.status
                if 400 <= status < 500:  # else it may have come there
                    self.notes.drop(note)
                if status != _TOO_LARGE or len(lines) == 1:
                    raise ServerError(self._not_taken(error, status)) from error
                items, half = list(lines.items()), len(lines) // 2
                todo = [(path, dict(items[:half])), (path, dict(items[half:])), *todo]
                continue
            if not name:
                self.notes.drop(note)
                raise ServerError(f"{self.name}: the host {_NO_INTERFACE}; take 'batch: true' out of server in rung.yaml")
            note = replace(note, name=name)
            self.notes.write(note)
            self._tries.update(lines.keys())
            sent.append(note)
            takes = f"it may take up to {self.api.hours} hours"
            many = f"{len(lines):,} requests are" if len(lines) != 1 else "1 request is"
            say(f"{self.name}: {many} handed over as the batch {name}; {takes}")
        return sent

    def _portions(self, requests: Mapping[str, Request]) -> Iterator[tuple[str, dict[str, bytes]]]:
        """(the path, the lines by digest) of each batch."""
        most = min(self._at_once or self.api.max_requests, self.api.max_requests)
        lines, size, path = dict[str, bytes](), 0, ""
        for digest, request in requests.items():
            where, body = self.model.written(self.model.call(request))
            line = self.api.line(digest, where, body)
            if lines and (where != path or len(lines) == most or size + len(line) > self.api.max_bytes):
                yield path, lines
                lines, size = {}, 0
            lines[digest], size, path = line, size + len(line), where
        if lines:
            yield path, lines

    def _not_taken(self, error: RequestFailed, status: int) -> str:
        """What to say of requests that could not be handed over."""
        if not 400 <= status < 500:
            return f"{self.name}: whether the host took a batch is not known ({error}): the same command finds it out"
        what = {429: "takes no more batches now", _TOO_LARGE: "takes no request of this size", 404: _NO_INTERFACE}
        mend = "run the same command later" if status == 429 else "take 'batch: true' out of server in rung.yaml"
        return f"{self.name}: the host {what.get(status, 'did not take a batch')} ({error}); {mend}; nothing is lost"

    def _read(
        self, note: BatchNote, state: BatchState, calls: Mapping[str, Call], lost: list[str]
    ) -> Iterator[tuple[str, Result | Failure | None]]:
        """(digest, what its row says) of those that are wanted; None: it is to be sent again. `calls`: as they were sent;
        `lost` is told why no request can succeed now, where a row says so."""
        unread = {digest: calls[digest] for digest in note.holds if digest in calls}
        failed, again = Counter[str](), 0
        for row in self._rows(state):
            call = unread.pop(row.id, None)
            if call is None or not row.status:
                continue
            try:
                result, may_pass = self.model.read_row(call, row.status, row.body)
            except ServerError as error:  # the others' answers are not lost by that
                lost += [str(error)] if str(error) not in lost else []
                yield row.id, None
                continue
            if not isinstance(result, Failure):
                yield row.id, result
                continue
            failed[result.error] += 1
            if may_pass and self._tries[row.id] < TRIES:
                again += 1
                yield row.id, None
            else:
                self._failed[row.id] = result
                yield row.id, result
        if failed:
            (why, _), *_ = failed.most_common(1)
            share = f"{failed.total():,} of {note.requests:,} rows of {note.name} failed, most often: {why}"
            sent = f"{again:,} are sent once more, " if again else ""
            missed = f"{failed.total() - again:,} count as misses, and the next command asks them again"
            say(f"! {self.name}: {share}; {sent}{missed}")

    def _rows(self, state: BatchState) -> list[BatchRow]:
        """The rows of a batch that has ended; none where the host keeps its files no longer."""

        def read() -> list[BatchRow]:
            try:
                return list(self.api.rows(self._client, state))
            except RequestFailed as error:
                if error.complaint is None or error.complaint.status not in _NO_FILE:
                    raise
                say(f"! {self.name}: the host keeps these answers no longer ({error})")
                return []

        return self._asked(read)

    def _leave(self, note: BatchNote, state: BatchState, taken: set[str], left: Mapping[str, Request]) -> list[str]:
        """Note what was taken from a batch that has ended. Returns why some of it never will be, in words."""
        unanswered = {digest for digest in note.holds if digest in left and digest not in taken}
        self.notes.take(note, taken | unanswered)
        if state.is_too_much and note.requests > 1:
            self._at_once = -(-note.requests // 2)
            say(f"! {self.name}: {state.why}; at most {self._at_once:,} are handed over at a time from now on")
            return []
        if state.phase != "failed":
            self._asked(lambda: self.api.forget(self._client, state))
        if not unanswered:
            return []
        if state.phase == "ended" and all(self._tries[digest] < TRIES for digest in unanswered):
            many = f"{len(unanswered):,} requests, which are" if len(unanswered) != 1 else "1 request, which is"
            say(f"! {self.name}: {note.name} has no row for {many} sent once more")
            return []
        again = "the same command sends the rest anew, and without 'batch: true' under server it is asked one by one"
        if state.phase == "failed":
            return [f"{self.name}: the batch {note.name} came to nothing ({state.why}); {again}"]
        expired = f"expired after its {self.api.hours} hours"
        how = {"expired": expired, "cancelled": "was cancelled"}.get(state.phase, "ended")
        whole = len(taken) + len(unanswered)
        return [
            f"{self.name}: the batch {note.name} {how} with {len(taken):,} of {whole:,} answered: these are kept; {again}"
        ]

    def _asked(self, work: Callable[[], T]) -> T:
        """What `work` returns; a request of it that fails leaves everything where it is."""
        try:
            return work()
        except RequestFailed as error:
            raise ServerError(
                f"{self.name}: its batches cannot be read now ({error}); they stay there: run the same command later"
            ) from error


class StillRunning(Exception):
    """Some of what a model was asked is in batches that have not ended. `notes`: these."""

    def __init__(self, model: BatchedGenerator, notes: Sequence[BatchNote]) -> None:
        self.model, self.notes = model, tuple(notes)
        super().__init__(f"{len(self.notes)} batches of {model.name} have not ended")


def wait_for(running: Sequence[StillRunning]) -> None:
    """Until all batches of one of these models have ended, or the person or a budget ends the wait: they go on then."""
    pause = min(one.model.first_pause for one in running)
    notes = [note for one in running for note in one.notes]
    names, total = ", ".join(dict.fromkeys(note.name for note in notes)), sum(note.requests for note in notes)
    try:
        with phase(f"wait for {len(notes)} batch{'es' if len(notes) != 1 else ''}") as tick:
            while True:
                rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                states = [[one.model.state(note) for note in one.notes] for one in running]
                if any(all(state.phase != "running" for state in some) for some in states):
                    return
                done = sum(state.done + state.failed_rows for some in states for state in some)
                tick(min(done, total - 1), total, names)
    except (KeyboardInterrupt, BudgetEnded):
        say_that_it_goes_on(notes)
        raise


def say_that_it_goes_on(notes: Iterable[BatchNote]) -> None:
    """What a person who stops a command is to know of batches that have not ended."""
    names = ", ".join(dict.fromkeys(note.name or note.shown for note in notes))
    if names:
        say(f"! {names}: at the host work goes on; the same command takes up its answers, 'rung batches cancel' ends it")


def _sending(note: BatchNote) -> Sending:
    return Sending(note.mark, note.requests, note.after)
