"""Keys and values of many conversations in one block of memory, as a transformers cache: rows end at the same column.

Row r holds `lengths[r]` tokens, in the columns `end - lengths[r]` to `end`. So all rows go on at one column, whatever their
lengths; the distance of two tokens is that of their columns, which sliding windows and chunks count in; what lies before a
row is hidden by the attention mask. A forward pass computes some rows and columns (`span`), written where they stay.

Windowed layers keep whole rows as well: their mask hides what is past the window, and beginnings can be copied from any row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from transformers.cache_utils import (
    Cache,
    CacheLayerMixin,
    DummyLayer,
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

from rung.models.causal.spans import Span, Unbatchable

if TYPE_CHECKING:
    import torch

    from rung.models.causal.spans import Prefix

_STEP = 64  # columns are added in multiples of this


class RowLayer(CacheLayerMixin):  # type: ignore[misc]  # the library has no types
    """One layer's block: keys and values [rows, heads, columns, width]."""

    is_sliding = False

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self._rows = rows

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Zeros, not what memory held: what is masked is multiplied by 0, and NaN would stay."""
        size = (self._rows.slots, key_states.shape[1], self._rows.columns)
        self.keys = key_states.new_zeros((*size, key_states.shape[-1]))
        self.values = value_states.new_zeros((*size, value_states.shape[-1]))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new tokens' keys and values [rows, heads, new, width]; give all that the pass sees."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        span = self._rows.span
        end = span.end + key_states.shape[-2]
        self.keys[span.first : span.last, :, span.end : end] = key_states
        self.values[span.first : span.last, :, span.end : end] = value_states
        window = (slice(span.first, span.last), slice(None), slice(span.begin, end))
        return self.keys[window], self.values[window]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """(columns that the pass sees, 0)."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Columns before the new tokens."""
        return self._rows.span.end - self._rows.span.begin

    def get_max_length(self) -> int:
        """None: the block grows."""
        return -1

    def grow(self, slots: int, columns: int, shift: int, used: int) -> None:
        """Move `used` rows into a block of another size, `shift` columns on."""
        if not self.is_initialized:
            return
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = old.new_zeros((slots, old.shape[1], columns, old.shape[3]))
            source, target = max(0, -shift), max(0, shift)
            width = min(old.shape[2] - source, columns - target)
            new[:used, :, target : target + width] = old[:used, :, source : source + width]
            setattr(self, name, new)


@dataclass
class Rows:
    """The block of all layers. Raises `Unbatchable` for caches of another kind than keys and values."""

    config: Any
    slots: int = 0
    columns: int = 0
    end: int = 0
    lengths: list[int] = field(default_factory=list)
    span: Span = field(default_factory=Span)

    def __post_init__(self) -> None:
        layers = [self._layer(layer) for layer in DynamicCache(config=self.config).layers]
        self.cache = Cache(layers=layers)

    def _layer(self, layer: Any) -> Any:
        if type(layer) in (DynamicLayer, DynamicSlidingWindowLayer):
            return RowLayer(self)
        if isinstance(layer, DummyLayer):
            return layer
        raise Unbatchable(type(layer).__name__)

    @property
    def layers(self) -> list[RowLayer]:
        """Those that hold something."""
        return [layer for layer in self.cache.layers if isinstance(layer, RowLayer)]

    def reserve(self, lengths: list[int], ahead: int, most: int) -> None:
        """Make room for new rows of these lengths, and for `ahead` more columns.

        Args:
            most: rows that may be held at once; the block has half of that at least of what is used.
        """
        longest = max([*self.lengths, *lengths], default=0)
        needed = len(self.lengths) + len(lengths)
        slots = self.slots if needed <= self.slots else min(most, max(needed, 2 * self.slots))
        if slots == self.slots and longest <= self.end and self.end + ahead <= self.columns:
            return
        columns = -(-(longest + ahead) // _STEP) * _STEP
        shift = longest - self.end
        for layer in self.layers:
            layer.grow(slots, columns, shift, len(self.lengths))
        self.slots, self.columns, self.end = slots, columns, longest

    def remove(self, row: int) -> int:
        """Drop a row; the last one takes its place. Gives the number that it had."""
        last = len(self.lengths) - 1
        if row != last:
            begin = self.end - self.lengths[last]
            for layer in self.layers:
                for block in (layer.keys, layer.values):
                    if block is not None:
                        block[row, :, begin : self.end] = block[last, :, begin : self.end]
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()
        return last

    def take(self, row: int, tokens: int) -> Prefix:
        """A copy of the first `tokens` of a row."""
        begin = self.end - self.lengths[row]
        window = (slice(row, row + 1), slice(None), slice(begin, begin + tokens))
        return [
            (layer.keys[window].clone(), layer.values[window].clone())
            for layer in self.layers
            if layer.keys is not None and layer.values is not None
        ]

    def put(self, row: int, length: int, prefix: Prefix) -> None:
        """Write a beginning into a row that will have `length` tokens."""
        begin = self.end - length
        for layer, (keys, values) in zip(self.layers, prefix, strict=False):
            layer.keys[row : row + 1, :, begin : begin + keys.shape[2]] = keys
            layer.values[row : row + 1, :, begin : begin + keys.shape[2]] = values
