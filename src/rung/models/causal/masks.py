"""Which tokens may come next: xgrammar's matchers over the grammars that `models.grammar` writes.

The grammars are those that the OpenVINO engine is given, so what is held of a schema, and what is refused, is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra, last_line
from rung.models.grammar import Constraint, Unsupported

if TYPE_CHECKING:
    import torch

_CACHED = 1 << 27  # bytes of compiled grammars that are kept


class Grammars:
    """Compiles constraints for one model's vocabulary.

    Args:
        tokenizer: the library's own.
        vocabulary: how many logits the model has, which may be more than its tokenizer has tokens.
        ends: tokens that end an answer.

    Raises:
        MissingExtra: xgrammar is not installed.
    """

    def __init__(self, tokenizer: Any, *, vocabulary: int, ends: Sequence[int]) -> None:
        try:
            import xgrammar
        except ImportError as error:
            raise MissingExtra("hf", "answers that are held to a form") from error
        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=vocabulary, stop_token_ids=list(ends))
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=2, cache_limit_bytes=_CACHED)
        self._vocabulary = vocabulary

    def matcher(self, held: Constraint) -> Any:
        """A matcher at the beginning of an answer.

        Raises:
            Unsupported: the library cannot read the constraint.
        """
        import xgrammar

        try:
            if held.kind == "regex":
                compiled = self._compiler.compile_regex(held.text)
            else:
                compiled = self._compiler.compile_grammar(held.text)
            return xgrammar.GrammarMatcher(compiled)
        except (RuntimeError, ValueError) as error:
            raise Unsupported(f"the engine refused the constraint: {last_line(error)}") from error

    def forbid(self, logits: torch.Tensor, matchers: Sequence[Any]) -> torch.Tensor:
        """Logits [rows, vocabulary] with minus infinity where a row's matcher allows no token; None holds nothing."""
        import torch
        import xgrammar

        held = [row for row, matcher in enumerate(matchers) if matcher is not None]
        if not held:
            return logits
        bits = xgrammar.allocate_token_bitmask(len(held), self._vocabulary)
        for number, row in enumerate(held):
            matchers[row].fill_next_token_bitmask(bits, number)
        bits = bits.to(logits.device)
        allowed = ((bits[:, :, None] >> torch.arange(32, device=bits.device, dtype=bits.dtype)) & 1).flatten(1).bool()
        logits[held] = logits[held].masked_fill(~allowed[:, : logits.shape[1]], float("-inf"))
        return logits
