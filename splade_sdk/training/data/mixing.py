"""Several sources as one data set, in an order that depends on seed and epoch alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from splade_sdk.errors import ConfigError
from splade_sdk.training.data.example import Example
from splade_sdk.training.data.source import Source

__all__ = ["MixedData", "MixingSampler"]

IntArray = NDArray[np.int64]


class MixedData(Dataset[Example]):
    """The examples of all sources, one source after the other.

    Example ``i`` in epoch ``e`` has the number ``e * len(self) + i``: the epoch chooses which of
    its hard negatives come with it.

    Args:
        sources: At least one.
        max_negatives: Hard negatives of an example at most, drawn evenly; None takes all.
        seed: Of that drawing.

    Raises:
        ConfigError: if there is no source, or ``max_negatives`` is negative.
    """

    def __init__(
        self, sources: Sequence[Source], *, max_negatives: int | None = None, seed: int = 0
    ) -> None:
        if not sources:
            raise ConfigError("no data: expected at least one source to train on")
        if max_negatives is not None and max_negatives < 0:
            raise ConfigError(f"max_negatives is {max_negatives}: expected at least 0")
        self._sources = tuple(sources)
        self._max_negatives = max_negatives
        self._seed = seed
        self.lengths = tuple(len(source) for source in sources)
        self._ends = list(accumulate(self.lengths))

    def __len__(self) -> int:
        """Return the number of examples of an epoch in which each comes once."""
        return self._ends[-1]

    def __getitem__(self, number: int) -> Example:
        """Return an example."""
        epoch, at = divmod(number, len(self))
        source = bisect_right(self._ends, at)
        start = self._ends[source] - self.lengths[source]
        example = self._sources[source][at - start]
        negatives = len(example.documents) - 1
        if self._max_negatives is None or negatives <= self._max_negatives:
            return example
        random = np.random.default_rng([self._seed, epoch, at])
        drawn = random.choice(negatives, self._max_negatives, replace=False)
        kept = [0, *(1 + np.sort(drawn)).tolist()]
        return replace(
            example,
            documents=tuple(example.documents[each] for each in kept),
            scores=example.scores and tuple(example.scores[each] for each in kept),
        )


class MixingSampler(Sampler[int]):
    """Numbers of the examples of an epoch, for MixedData.

    A weight says how often the examples of a source come in an epoch: 1 is each once, 2 is each
    twice, 0.25 is a random quarter, another one each epoch. The order of epoch e depends on
    ``(seed, e)`` alone, so a run that skips the batches it has done goes on exactly.

    Args:
        lengths: Examples of each source.
        weights: Weight greater than 0 of each source.
        batch_size: Examples of a batch on one rank.
        seed: Of the order.
        same_source_batches: Fill each batch from one source, whose documents are harder in-batch
            negatives for each other; what is left of the sources goes into mixed batches.

    Raises:
        ConfigError: if a weight is not greater than 0, or one is missing.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        weights: Sequence[float],
        *,
        batch_size: int,
        seed: int = 0,
        same_source_batches: bool = False,
    ) -> None:
        if len(lengths) != len(weights) or not all(weight > 0 for weight in weights):
            raise ConfigError(
                f"source weights are {list(weights)}: expected {len(lengths)} numbers "
                "greater than 0"
            )
        self._lengths = tuple(lengths)
        self._counts = [
            max(1, round(length * weight)) for length, weight in zip(lengths, weights, strict=True)
        ]
        self._batch_size = batch_size
        self._seed = seed
        self._same_source_batches = same_source_batches
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the number of examples of an epoch."""
        return sum(self._counts)

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of the epoch's examples."""
        random = np.random.default_rng([self._seed, self._epoch])
        first = self._epoch * sum(self._lengths)
        parts = []
        for length, count in zip(self._lengths, self._counts, strict=True):
            parts.append(first + _draw(length, count, random))
            first += length
        if self._same_source_batches:
            yield from self._batches(parts, random)
        else:
            yield from random.permutation(np.concatenate(parts)).tolist()

    def _batches(self, parts: list[IntArray], random: np.random.Generator) -> Iterator[int]:
        size = self._batch_size
        batches = [
            part[at : at + size] for part in parts for at in range(0, len(part) - size + 1, size)
        ]
        for batch in random.permutation(len(batches)):
            yield from batches[batch].tolist()
        rest = [part[len(part) - len(part) % size :] for part in parts]
        yield from random.permutation(np.concatenate(rest)).tolist()


def _draw(length: int, count: int, random: np.random.Generator) -> IntArray:
    """Return ``count`` numbers below ``length``, in rounds that have each once."""
    rounds = [random.permutation(length) for _ in range(-(-count // length))]
    return np.concatenate(rounds)[:count]
