"""Which of many texts are worth comparing: MinHash over character shingles, bands of it in buckets (Broder 1997; LSH).

Own, in numpy, because all texts are hashed at once: a hundred thousand rows take seconds. Pairs are candidates only; whether
two texts are nearly the same is decided by `resembling`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHINGLE = 4  # bytes
BANDS, ROWS = 20, 3  # texts with half of their shingles in common meet with probability .93, those with .7 practically all
CUT = 4000  # bytes of a text that are looked at
MIN_AGREEMENT = 0.4  # of 60 hashes that must agree: a pair below has no chance
CROWD = 60  # texts in one bucket; in a larger one each meets its neighbours and the first only
CROWD_ACROSS = 200_000  # pairs taken of one bucket
_TOGETHER = 1 << 21  # bytes hashed at once


def candidates(texts: Sequence[str], *, across: int = 0) -> Iterator[tuple[int, int]]:
    """Pairs of places (first < second) of texts that share much, each once, sorted.

    `across`: only pairs of one of the first so many texts with one of the others.
    """
    import numpy as np

    if len(texts) < 2:
        return
    signatures = _signatures([f"  {text}  ".encode()[:CUT] for text in texts])
    bands = (signatures[:, band * ROWS : (band + 1) * ROWS] for band in range(BANDS))
    met = [pairs for band in bands if len(pairs := _met(band, across))]
    if not met:
        return
    pairs = np.unique(np.concatenate(met), axis=0)
    for start in range(0, len(pairs), 1 << 16):
        some = pairs[start : start + (1 << 16)]
        agreed = (signatures[some[:, 0]] == signatures[some[:, 1]]).mean(axis=1)
        yield from ((int(a), int(b)) for a, b in some[agreed >= MIN_AGREEMENT])


def _signatures(texts: Sequence[bytes]) -> NDArray[np.uint32]:
    """[texts, BANDS * ROWS] least hashes."""
    import numpy as np

    rng = np.random.default_rng(20)
    count = BANDS * ROWS
    factors = rng.integers(1, 1 << 63, count, dtype=np.uint64) | np.uint64(1)
    signatures = np.empty((len(texts), count), np.uint32)
    start = 0
    while start < len(texts):
        stop, size = start, 0
        while stop < len(texts) and (size == 0 or size + len(texts[stop]) <= _TOGETHER):
            size += len(texts[stop])
            stop += 1
        whole = np.frombuffer(b"".join(texts[start:stop]), np.uint8).astype(np.uint64)
        lengths = np.array([len(text) for text in texts[start:stop]])
        ends = np.cumsum(lengths)
        starts = ends - lengths
        hashes = np.zeros(len(whole), np.uint64)
        for n in range(SHINGLE):  # shingles that run over a text's end are the next one's too: they are few
            hashes[: len(whole) - n] = (hashes[: len(whole) - n] << np.uint64(8)) | whole[n:]
        hashes = _mixed(hashes)
        for column, factor in enumerate(factors):
            values = ((hashes * factor) >> np.uint64(32)).astype(np.uint32)
            signatures[start:stop, column] = np.minimum.reduceat(values, starts)
        start = stop
    return signatures


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits spread over the whole word (the finaliser of SplitMix64)."""
    import numpy as np

    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _met(band: NDArray[np.uint32], across: int) -> NDArray[np.int64]:
    """[pairs, 2] places of texts whose hashes in this band are all the same."""
    import numpy as np

    key = band[:, 0].astype(np.uint64)
    for n in range(1, band.shape[1]):
        key = _mixed(key) ^ band[:, n]
    by_key = np.argsort(key, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(key[by_key])) + 1, len(by_key))
    starts = np.append(0, ends[:-1])
    crowded = np.flatnonzero(ends - starts > 1)
    pairs: list[tuple[int, int]] = []
    for start, end in zip(starts[crowded].tolist(), ends[crowded].tolist(), strict=True):
        members = by_key[start:end].tolist()
        if across:
            pairs += [(a, b) for a in members if a < across for b in members if b >= across][:CROWD_ACROSS]
        elif len(members) <= CROWD:
            pairs += [(a, b) for n, a in enumerate(members) for b in members[n + 1 :]]
        else:
            pairs += [(members[0], b) for b in members[1:]]
            pairs += [(a, b) for n, a in enumerate(members) for b in members[n + 1 : n + 4]]
    return np.array(pairs, np.int64).reshape(-1, 2)
