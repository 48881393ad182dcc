"""What keeps a run from starting with every dimension active, and from ending with none."""

from __future__ import annotations

from typing import Literal, TypedDict

import torch
from torch import Tensor

from splade_sdk.errors import CollapseError, ConfigError, TrainingError
from splade_sdk.training.controller import Strengths

__all__ = ["CollapseGuard", "StartGuard", "bias_shift"]

Side = Literal["query", "document"]


def bias_shift(weights: Tensor, active_dims: int) -> float:
    """Return what to subtract from the head's bias so that rows start with few active terms.

    A head that was never trained for sparsity gives nearly every term a weight. With max pooling,
    subtracting c from every bias leaves the terms whose pooled logit is above c::

        c = max(0, the (rows * active_dims)-th largest of all pooled logits m_ij)

    where ``m = expm1(w)``, since ``w = log1p(relu(m))``.

    Args:
        weights: Weights of a sample of texts. Shape: ``(rows, vocabulary)``.
        active_dims: Mean active terms a row to leave, from 1 to the vocabulary.

    Raises:
        ConfigError: if ``active_dims`` is out of range.
    """
    rows, vocabulary = weights.shape
    if not 1 <= active_dims <= vocabulary:
        raise ConfigError(f"active_dims is {active_dims}: expected from 1 to {vocabulary}")
    kept = rows * active_dims
    if kept == weights.numel():
        return 0.0
    # The first weight that is dropped lands on 0, so exactly ``kept`` stay above it.
    dropped = weights.detach().flatten().kthvalue(weights.numel() - kept).values
    return float(torch.expm1(dropped.clamp_min(0.0)))


class _StartState(TypedDict):
    dense_steps: int
    trusted_steps: int | None


class StartGuard:
    """Holds the ranking loss back until the vectors are sparse enough to trust it.

    Inner products of vectors with V active terms grow with V: on an untrained head the ranking
    loss starts near 1e6 and drowns everything else. While either side has more active dimensions
    than the limit, ``ranking_factor`` is 0 and the regularisers alone bring them down (take them
    at full strength, without warm-up, while ``is_dense``). After that it grows linearly to 1, and
    never falls back.

    Args:
        max_active_dims: Limit of both sides.
        ramp_steps: Steps from 0 to 1.
        patience_steps: Steps after which it gives up.

    Raises:
        ConfigError: if an argument is below 1.
    """

    def __init__(
        self, max_active_dims: float, ramp_steps: int = 20, patience_steps: int = 1000
    ) -> None:
        if min(max_active_dims, ramp_steps, patience_steps) < 1:
            raise ConfigError(
                f"max_active_dims is {max_active_dims}, ramp_steps is {ramp_steps}, "
                f"patience_steps is {patience_steps}: expected at least 1"
            )
        self.max_active_dims = max_active_dims
        self.ramp_steps = ramp_steps
        self.patience_steps = patience_steps
        self._dense_steps = 0
        self._trusted_steps: int | None = None

    @property
    def is_dense(self) -> bool:
        """True until both sides have been below the limit once."""
        return self._trusted_steps is None

    @property
    def ranking_factor(self) -> float:
        """What to multiply the ranking loss with: 0 while dense, then up to 1."""
        if self._trusted_steps is None:
            return 0.0
        if self._dense_steps == 0:
            return 1.0
        return min(1.0, self._trusted_steps / self.ramp_steps)

    def update(self, query_active_dims: float, document_active_dims: float) -> float:
        """Take in a step's means over the batch of all ranks; return the factor of this step.

        A model that starts below the limit is trusted at once.

        Raises:
            TrainingError: if the vectors did not become sparse in time.
        """
        if self._trusted_steps is not None:
            self._trusted_steps += 1
        elif max(query_active_dims, document_active_dims) <= self.max_active_dims:
            self._trusted_steps = 1
        else:
            self._dense_steps += 1
            if self._dense_steps > self.patience_steps:
                raise TrainingError(
                    f"after {self.patience_steps} steps under the regularizers alone, queries have "
                    f"{query_active_dims:.0f} and documents {document_active_dims:.0f} active "
                    f"dimensions, still more than {self.max_active_dims:.0f}: raise the learning "
                    "rate or the strengths, or lower the head's bias first"
                )
        return self.ranking_factor

    def state_dict(self) -> _StartState:
        """Return the state, as JSON values."""
        return {"dense_steps": self._dense_steps, "trusted_steps": self._trusted_steps}

    def load_state_dict(self, state: _StartState) -> None:
        """Go on from ``state``."""
        self._dense_steps = state["dense_steps"]
        self._trusted_steps = state["trusted_steps"]


class CollapseGuard:
    """Stops a run whose vectors have become empty.

    Args:
        patience_steps: Steps in a row that a side must be empty.
        min_active_dims: Mean active dimensions below which a side counts as empty.

    Raises:
        ConfigError: if ``patience_steps`` is below 1.
    """

    def __init__(self, patience_steps: int = 20, min_active_dims: float = 0.5) -> None:
        if patience_steps < 1:
            raise ConfigError(f"patience_steps is {patience_steps}: expected at least 1")
        self.patience_steps = patience_steps
        self.min_active_dims = min_active_dims
        self._empty_steps: dict[Side, int] = {"query": 0, "document": 0}

    def update(
        self,
        step: int,
        query_active_dims: float,
        document_active_dims: float,
        strengths: Strengths,
    ) -> None:
        """Take in a step's means over the batch of all ranks.

        Args:
            step: Step of the optimiser; named in the message.
            query_active_dims: Mean over the queries.
            document_active_dims: Mean over the documents.
            strengths: In effect; named in the message.

        Raises:
            CollapseError: if a side has been empty for ``patience_steps`` in a row.
        """
        measured: dict[Side, float] = {"query": query_active_dims, "document": document_active_dims}
        for side, active_dims in measured.items():
            empty = active_dims < self.min_active_dims
            self._empty_steps[side] = self._empty_steps[side] + 1 if empty else 0
            if self._empty_steps[side] >= self.patience_steps:
                raise CollapseError(
                    f"step {step}: {side} vectors have been empty for {self.patience_steps} steps "
                    f"({active_dims:.2f} active dimensions on average), under the strengths query "
                    f"{strengths.query:.3g} and document {strengths.document:.3g}: lower the "
                    f"{side} strength, warm it up more slowly, or set target_active_dims"
                )

    def state_dict(self) -> dict[Side, int]:
        """Return the state, as JSON values."""
        return dict(self._empty_steps)

    def load_state_dict(self, state: dict[Side, int]) -> None:
        """Go on from ``state``."""
        self._empty_steps = dict(state)
