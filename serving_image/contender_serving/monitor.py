"""What comes in and goes out, against the reference profile: what a model is asked that it was not fitted on.

Cheap enough for every request: `observe` keeps what it is given, and counts many rows at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from contender_serving.bundle.profile import FeatureProfile, Profile, bins, score
from contender_serving.tensors import Tensor, missing

ENOUGH = 1 << 14  # elements to count at once
FEATURES = 200  # of more, the first are watched: each is two or three time series

NOTHING = Profile(0, [])


@dataclass(slots=True)
class FeatureCounts:
    """Of the values of one feature: those missing, below or above all of the profile's, and of no category of it."""

    profile: FeatureProfile
    missing: int = 0
    out_of_range: int = 0
    unseen: int = 0


class Monitor:
    """Counts since it was made. The tensors that it is given must not change afterwards."""

    def __init__(self, profile: Profile = NOTHING) -> None:
        self.profile = profile
        self._features = [FeatureCounts(feature) for feature in profile.features[:FEATURES]]
        self._scores = np.zeros(len(profile.score.counts) if profile.score else 0, dtype=np.int64)
        self._waiting: list[tuple[Mapping[str, Tensor], Mapping[str, Tensor]]] = []
        self._elements = 0

    def observe(self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> None:
        """Take a batch that was answered."""
        if not self.profile.rows:
            return
        self._waiting.append((inputs, outputs))
        self._elements += sum([tensor.size for tensor in inputs.values()])
        if self._elements >= ENOUGH:
            self._count()

    @property
    def features(self) -> Sequence[FeatureCounts]:
        """The counts of each watched feature."""
        self._count()
        return self._features

    @property
    def scores(self) -> NDArray[np.int64]:
        """How many scores lie up to each edge of the profile, from the one before it; the last: beyond all edges."""
        self._count()
        return self._scores

    def _count(self) -> None:
        waiting, self._waiting, self._elements = self._waiting, [], 0
        if not waiting:
            return
        for name, features in groupby(self._features, lambda feature: feature.profile.input):
            self._count_input(_flat(np.concatenate([inputs[name] for inputs, _ in waiting])), list(features))
        self._count_scores([outputs for _, outputs in waiting])

    def _count_input(self, rows: Tensor, features: Sequence[FeatureCounts]) -> None:
        gone = missing(rows).sum(axis=0)
        numbers = rows.dtype.kind != "O"
        beyond = _beyond(rows, features) if numbers else None
        for position, feature in enumerate(features):
            feature.missing += int(gone[feature.profile.column])
            if beyond is not None:
                feature.out_of_range += int(beyond[position])
            else:
                feature.unseen += _unseen(rows[:, feature.profile.column], feature.profile)

    def _count_scores(self, answers: Sequence[Mapping[str, Tensor]]) -> None:
        wanted = self.profile.score
        given = [outputs[wanted.output] for outputs in answers if wanted.output in outputs] if wanted else []
        scores = score({wanted.output: np.concatenate(given)}) if wanted and given else None
        if wanted and scores is not None:
            self._scores += bins(scores, wanted.edges)


def _flat(tensor: Tensor) -> Tensor:
    return tensor.reshape(len(tensor), -1)


def _beyond(rows: Tensor, features: Sequence[FeatureCounts]) -> NDArray[np.int64]:
    """How many values of each feature lie outside of its profile's edges; none where the profile has no edges."""
    edges = [feature.profile.edges or [-np.inf, np.inf] for feature in features]
    low, high = np.array([edge[0] for edge in edges]), np.array([edge[-1] for edge in edges])
    watched = rows[:, [feature.profile.column for feature in features]]
    counted: NDArray[np.int64] = ((watched < low) | (watched > high)).sum(axis=0)
    return counted


def _unseen(column: Tensor, profile: FeatureProfile) -> int:
    known = profile.categories
    return 0 if known is None else sum(value is not None and value not in known for value in column.tolist())
