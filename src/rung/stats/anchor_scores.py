"""Scores of a vector against a set of anchors: what a test of exchangeability looks at, fixed before the stream begins.

Each score is sensitive to another change: the distance to the nearest anchor to topics that are new, those to the middles of
groups of anchors to a topic that comes more or less often, the main directions to a shift of all, the length of the text.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import InternalError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GROUPS, PER_GROUP = 10, 4  # most groups of anchors; anchors that a group takes
AXES, PER_AXIS = 3, 8
NOVELTY_SHARE, LENGTH_SHARE = 0.25, 0.05  # of the bets
_CHUNK = 2_048


@dataclass(frozen=True, slots=True)
class AnchorScores:
    """Unit vectors: `anchors` [a, d], `centres` of their groups [k, d], `axes` [p, d]; `middle` is the anchors' mean [d]."""

    anchors: Floats
    centres: Floats
    axes: Floats
    middle: Floats

    @classmethod
    def fit(cls, anchors: Floats, *, seed: int = 0) -> AnchorScores:
        """Groups by k-means, directions by the singular value decomposition of the centred anchors.

        Args:
            anchors: unit vectors, [a, d].
            seed: where k-means begins.

        Raises:
            InternalError: there are none.
        """
        import numpy as np
        from scipy.cluster.vq import kmeans2

        if anchors.ndim != 2 or not len(anchors):
            raise InternalError(f"no anchors: {anchors.shape}")
        anchors = np.asarray(anchors, dtype=np.float64)
        middle = anchors.mean(axis=0)
        groups = min(GROUPS, len(anchors) // PER_GROUP)
        centres = np.zeros((0, anchors.shape[1]))
        if groups > 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # equal questions: a group may be empty
                centres, _ = kmeans2(anchors, groups, minit="++", rng=np.random.default_rng(seed))
            length = np.linalg.norm(centres, axis=1, keepdims=True)
            centres = centres[length[:, 0] > 1e-9] / length[length[:, 0] > 1e-9]
        axes = np.linalg.svd(anchors - middle, full_matrices=False)[2][: min(AXES, len(anchors) // PER_AXIS)]
        return cls(anchors, centres, axes, middle)

    @property
    def weights(self) -> Floats:
        """How much is bet on each score at each end, small and large, [J, 2]: novelty is looked for at the far end alone."""
        import numpy as np

        rest = len(self.centres) + len(self.axes)
        share = (1 - NOVELTY_SHARE - LENGTH_SHARE) / (2 * rest) if rest else 0.0
        return np.array([[NOVELTY_SHARE * 0.1, NOVELTY_SHARE * 0.9], *[[share, share]] * rest, [LENGTH_SHARE / 2] * 2])

    def of(self, vectors: Floats, lengths: Floats) -> Floats:
        """The scores of texts.

            novelty = 1 - max over anchors of a · x     [m]
            group   = - c · x                           [m, k]
            axis    = v · (x - middle)                  [m, p]
            length  = log(1 + words)                    [m]

        Args:
            vectors: unit vectors x, [m, d].
            lengths: words of each text, [m].

        Returns:
            [m, J], J = 1 + k + p + 1.
        """
        import numpy as np

        x = np.asarray(vectors, dtype=np.float64)
        columns = [self.novelty(x)[:, None], -x @ self.centres.T, (x - self.middle) @ self.axes.T]
        return np.concatenate([*columns, np.log1p(np.asarray(lengths, dtype=np.float64))[:, None]], axis=1)

    def novelty(self, vectors: Floats) -> Floats:
        """1 - the cosine to the nearest anchor, [m]."""
        return nearest(vectors, self.anchors, 1)[0][:, 0]


def nearest(vectors: Floats, among: Floats, k: int, *, but_itself: bool = False) -> tuple[Floats, NDArray[np.int64]]:
    """The k nearest by cosine: distances 1 - a · x in rising order, [m, k], and their rows, [m, k].

    Args:
        vectors: unit vectors, [m, d].
        among: unit vectors, [n, d].
        k: how many; at most n, one fewer with `but_itself`.
        but_itself: row i of `vectors` is row i of `among`, and is not its own neighbour.
    """
    import numpy as np

    k = min(k, len(among) - but_itself)
    distances, rows = np.empty((len(vectors), k)), np.empty((len(vectors), k), dtype=np.int64)
    for begin in range(0, len(vectors), _CHUNK):
        some = 1 - vectors[begin : begin + _CHUNK] @ among.T
        if but_itself:
            inside = np.arange(len(some))
            some[inside, begin + inside] = np.inf
        by_distance = np.argsort(some, axis=1, kind="stable")[:, :k]
        rows[begin : begin + _CHUNK] = by_distance
        distances[begin : begin + _CHUNK] = np.take_along_axis(some, by_distance, axis=1)
    return np.maximum(distances, 0.0), rows
