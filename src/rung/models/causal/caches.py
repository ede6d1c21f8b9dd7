"""Computes the tokens of several conversations: prompts first, then the next token of every row in one pass.

`Together` keeps all rows in one block and copies what they begin with from one another. `Apart` computes each row by itself,
for models whose memory is more than keys and values (state spaces, convolutions) and for lengths that turn positions another
way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rung.models.causal.network import Network
from rung.models.causal.spans import Span

if TYPE_CHECKING:
    import torch

    from rung.models.causal.spans import Prefix

_PIECE = 1024  # tokens of a row that are computed in one pass
_PASS = 2048  # tokens of a group of prompts that are computed in one pass
_FULL = 0.75  # of a pass that is not repeated work
_WORTH = 16  # tokens of a shared beginning that are worth copying
_AHEAD = 256  # columns that are reserved at once
_COVERED = 0.8  # of a prompt: where so much of its beginning is kept already, it is not kept itself


@dataclass(eq=False)
class Track:
    """A conversation as its tokens: the prompt, what was said, and the token that is to be computed next.

    Args:
        ids: every token so far.
        prompt: how many of them are the prompt's.
        room: how many more may come.
        adapter: what its keys and values also depend on.
    """

    ids: list[int]
    prompt: int
    room: int
    adapter: str = ""
    slot: int = -1
    cache: Any = None


class Computing(Protocol):
    """What a batch asks of either way."""

    def group(self, waiting: Sequence[Track], free: int) -> list[Track]:
        """Those of the waiting that are begun together next; at least one, where one is free."""
        ...

    def begin(self, tracks: Sequence[Track]) -> torch.Tensor:
        """Compute the tokens of new rows; logits [rows, vocabulary] of what comes next."""
        ...

    def go_on(self, tracks: Sequence[Track]) -> torch.Tensor:
        """Compute the last token of every row; logits [rows, vocabulary] of what comes next."""
        ...

    def drop(self, track: Track) -> None:
        """Let a row go."""
        ...


@dataclass(eq=False)
class _Beginning:
    """A prompt that was computed, the one used last at the end of their list."""

    ids: list[int]
    adapter: str
    prefix: Prefix


class Together:
    """Rows in one block.

    Args:
        network: what computes.
        most: rows held at once.
        memory: bytes that the block may have; one row is always taken.

    Raises:
        Unbatchable: the model's memory is more than keys and values.
    """

    def __init__(self, network: Network, *, most: int, memory: int) -> None:
        from rung.models.causal.rows import Rows

        self._network = network
        self._rows = Rows(network.config)
        self._tracks: list[Track] = []
        self._most = most
        self._memory = memory
        self._beginnings: list[_Beginning] = []

    def group(self, waiting: Sequence[Track], free: int) -> list[Track]:
        """Prompts of which about as much is to be computed, as far as a pass and the memory go."""
        chosen: list[Track] = []
        new: list[int] = []
        for track in waiting[: max(1, free) if free > 0 else 0]:
            rest = len(track.ids) - self._donor(track)[0]
            most = max([*new, rest]) * (len(new) + 1)
            if chosen and (most > _PASS or sum([*new, rest]) < _FULL * most or not self._fits([*chosen, track])):
                break
            if not chosen and self._tracks and not self._fits([track]):
                break
            chosen.append(track)
            new.append(rest)
            if not self._token_bytes():
                break  # the first row alone: it shows how much memory a token takes
        return chosen

    def begin(self, tracks: Sequence[Track]) -> torch.Tensor:
        """Each row computes as many tokens as the one that has most to compute: so nothing lies between what was copied and
        what is new, and windows and distances are right."""
        donors = [self._donor(track) for track in tracks]
        lengths = [len(track.ids) for track in tracks]
        new = max(length - shared for length, (shared, _) in zip(lengths, donors, strict=True))
        copied = [self._copy(donor, length - new) for length, (_, donor) in zip(lengths, donors, strict=True)]
        ahead = min(_AHEAD, max(track.room for track in [*self._tracks, *tracks]))
        self._rows.reserve(lengths, ahead, self._slots(tracks))
        first = len(self._rows.lengths)
        for number, (length, prefix) in enumerate(zip(lengths, copied, strict=True)):
            self._rows.put(first + number, length, prefix)
        ids = [[0] * (new - length) + track.ids[-new:] for track, length in zip(tracks, lengths, strict=True)]
        end, logits = self._rows.end, None
        for start in range(0, new, _PIECE):
            piece = [row[start : start + _PIECE] for row in ids]
            span = Span(first, first + len(tracks), end - max(lengths), end - new + start)
            logits = self._pass(piece, span, [length - new + start for length in lengths], tracks)
        for track, length in zip(tracks, lengths, strict=True):
            track.slot = len(self._rows.lengths)
            self._rows.lengths.append(length)
            self._tracks.append(track)
        assert logits is not None
        return logits

    def go_on(self, tracks: Sequence[Track]) -> torch.Tensor:
        """Every row is computed, so `tracks` are all that are held; logits in their order."""
        ahead = min(_AHEAD, max(track.room for track in self._tracks))
        if self._rows.end == self._rows.columns:
            self._rows.reserve([], ahead + 1, self._most)
        lengths = self._rows.lengths
        span = Span(0, len(lengths), self._rows.end - max(lengths), self._rows.end)
        logits = self._pass([[track.ids[-1]] for track in self._tracks], span, lengths, self._tracks)
        self._rows.end += 1
        self._rows.lengths = [length + 1 for length in lengths]
        return logits[[track.slot for track in tracks]]

    def drop(self, track: Track) -> None:
        """Let a row go; its prompt is kept for those that begin like it."""
        self._keep(track)
        last = self._rows.remove(track.slot)
        self._tracks[track.slot] = self._tracks[last]
        self._tracks[track.slot].slot = track.slot
        self._tracks.pop()
        track.slot = -1

    def _pass(self, ids: list[list[int]], span: Span, before: Sequence[int], tracks: Sequence[Track]) -> torch.Tensor:
        """One forward pass. `before`: tokens of each row before the first of `ids`; where negative, as many are padding."""
        import torch

        new, where = len(ids[0]), self._network.device
        self._rows.span = span
        begins = torch.tensor(before, device=where)[:, None]
        seen = span.end - span.begin + new
        mask = torch.arange(seen, device=where) >= seen - new - begins
        positions = (begins + torch.arange(new, device=where)).clamp(min=0)
        return self._network.forward(
            ids,
            mask=mask.long(),
            positions=positions,
            cache=self._rows.cache,
            adapters=[track.adapter for track in tracks],
        )

    def _donor(self, track: Track) -> tuple[int, Track | Prefix | None]:
        """(tokens, who has computed them) of the longest beginning that is here; at least one token is left to compute."""
        longest, best = _WORTH - 1, None
        for other in self._tracks:
            if other.adapter == track.adapter and (same := shared(track.ids, other.ids[:-1])) > longest:
                longest, best = same, other
        donor: Track | Prefix | None = best
        for beginning in self._beginnings:
            if beginning.adapter == track.adapter and (same := shared(track.ids, beginning.ids)) > longest:
                longest, donor = same, beginning.prefix
        return (0, None) if donor is None else (min(longest, len(track.ids) - 1), donor)

    def _copy(self, donor: Track | Prefix | None, tokens: int) -> Prefix:
        if donor is None or tokens <= 0:
            return []
        if isinstance(donor, Track):
            return self._rows.take(donor.slot, tokens)
        return [(keys[:, :, :tokens], values[:, :, :tokens]) for keys, values in donor]

    def _keep(self, track: Track) -> None:
        """Keep a prompt's beginning while memory lasts: at most an eighth of the block's."""
        ids = track.ids[: track.prompt]
        size = len(ids) * self._token_bytes()
        if len(ids) < _WORTH or size > self._memory // 8:
            return
        for beginning in self._beginnings:
            if beginning.adapter == track.adapter and shared(ids, beginning.ids) >= _COVERED * len(ids):
                self._beginnings.remove(beginning)
                self._beginnings.append(beginning)
                return
        self._beginnings.append(_Beginning(ids, track.adapter, self._rows.take(track.slot, len(ids))))
        while sum(len(beginning.ids) for beginning in self._beginnings) * self._token_bytes() > self._memory // 8:
            self._beginnings.pop(0)

    def _token_bytes(self) -> int:
        blocks = [block for layer in self._rows.layers for block in (layer.keys, layer.values) if block is not None]
        return sum(block.shape[1] * block.shape[3] * block.element_size() for block in blocks)

    def _slots(self, more: Sequence[Track]) -> int:
        """Rows that the block may be made for: all that are, and what memory has room for."""
        every = [*self._tracks, *more]
        columns = max(len(track.ids) + track.room for track in every)
        room = self._memory // max(1, columns * self._token_bytes())
        return max(len(every), min(self._most, room))

    def _fits(self, more: Sequence[Track]) -> bool:
        every = [*self._tracks, *more]
        columns = max(len(track.ids) + track.room for track in every)
        return len(every) <= self._most and len(every) * columns * self._token_bytes() <= self._memory


class Apart:
    """Each row by itself, in the library's own cache."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def group(self, waiting: Sequence[Track], free: int) -> list[Track]:
        """One after the other."""
        return list(waiting[:1]) if free > 0 else []

    def begin(self, tracks: Sequence[Track]) -> torch.Tensor:
        """The whole prompt in one pass."""
        import torch
        from transformers import DynamicCache

        for track in tracks:
            track.cache = DynamicCache(config=self._network.config)
        return torch.cat([self._pass(track, track.ids) for track in tracks])

    def go_on(self, tracks: Sequence[Track]) -> torch.Tensor:
        """A pass for each row. A row that has just come to where positions are turned another way is computed anew."""
        import torch

        anew = self._network.begins_anew_at
        logits = []
        for track in tracks:
            if len(track.ids) == anew:
                logits.append(self.begin([track]))
            else:
                logits.append(self._pass(track, track.ids[-1:]))
        return torch.cat(logits)

    def drop(self, track: Track) -> None:
        """Let a row go."""
        track.cache = None

    def _pass(self, track: Track, ids: list[int]) -> torch.Tensor:
        import torch

        where, every = self._network.device, len(track.ids)
        return self._network.forward(
            [ids],
            mask=torch.ones((1, every), dtype=torch.long, device=where),
            positions=torch.arange(every - len(ids), every, device=where)[None],
            cache=track.cache,
            adapters=[track.adapter],
        )


def shared(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the common beginning.

    >>> shared([1, 2, 3], [1, 2, 4, 5])
    2
    """
    low, high = 0, min(len(a), len(b))
    while low < high:  # slices are compared far faster than tokens one by one
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
