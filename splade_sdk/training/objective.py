"""The loss of a step: ranking, sparsity, and what keeps the two in balance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splade_sdk.errors import TrainingError
from splade_sdk.training.controller import SparsityController, Strengths
from splade_sdk.training.dense_distillation import cosine_distance
from splade_sdk.training.guards import CollapseGuard, StartGuard
from splade_sdk.training.losses import Mixture
from splade_sdk.training.regularizers import Regularizer, active_dims
from splade_sdk.training.schedules import Schedule
from splade_sdk.training.scores import Targets, score_batch
from splade_sdk.training.vector_distillation import relative_squared_error

__all__ = ["Objective", "StepLoss"]

# Fewer may be a scaler of float16 that looks for its factor; less than the collapse guard's, which
# would take weights that are no numbers for empty ones.
_MAX_LOST_STEPS = 10


@dataclass(frozen=True, slots=True)
class StepLoss:
    """What one forward pass gave.

    Attributes:
        total: What is differentiated; a scalar.
        parts: What is logged, by name.
    """

    total: Tensor
    parts: dict[str, float]


class Objective:
    """Adds the parts of the loss, and moves the strengths of the regularisers.

    At step t, with the schedule s(t) from 0 to 1 and the start guard's factor r::

        L = r * ranking + s(t) * (strength_q * R_q(queries) + strength_d * R_d(documents))
            + dense + vectors + dense vectors

    Args:
        ranking: The ranking losses.
        query_regularizer: Penalty of the queries; None leaves them alone.
        document_regularizer: Penalty of the documents; None leaves them alone.
        strengths: Of the two; with a controller, where it starts.
        schedule: Growth of the strengths.
        warmup_steps: Its length.
        controller: Moves the strengths to a target sparsity; None keeps them.
        start_guard: Holds the ranking loss back while vectors are dense; None never does.
        collapse_guard: Stops a run whose vectors are empty.
        dense_ranking: The ranking losses of the dense vectors' inner products; None for a model
            without a dense head.
        vector_weight: Weight of the distance from a teacher's vectors; see
            ``vector_distillation``.
        dense_vector_weight: The same for dense vectors; see ``dense_distillation``.
    """

    def __init__(
        self,
        ranking: Mixture,
        *,
        query_regularizer: Regularizer | None,
        document_regularizer: Regularizer | None,
        strengths: Strengths,
        schedule: Schedule,
        warmup_steps: int,
        controller: SparsityController | None,
        start_guard: StartGuard | None,
        collapse_guard: CollapseGuard,
        dense_ranking: Mixture | None = None,
        vector_weight: float = 0.0,
        dense_vector_weight: float = 0.0,
    ) -> None:
        self._ranking = ranking
        self._vector_weight = vector_weight
        self._dense_vector_weight = dense_vector_weight
        self._dense_ranking = dense_ranking
        self._query_regularizer = query_regularizer
        self._document_regularizer = document_regularizer
        self._strengths = strengths
        self._schedule = schedule
        self._warmup_steps = warmup_steps
        self._controller = controller
        self._start_guard = start_guard
        self._collapse_guard = collapse_guard
        self._measured: list[tuple[float, float]] = []
        self._is_finite = True
        self._lost_steps = 0

    @property
    def strengths(self) -> Strengths:
        """The strengths in effect, before the schedule."""
        return self._strengths if self._controller is None else self._controller.strengths

    def __call__(
        self,
        query_weights: Tensor,
        document_weights: Tensor,
        targets: Targets,
        step: int,
        query_dense: Tensor | None = None,
        document_dense: Tensor | None = None,
        *,
        taught: tuple[Tensor, Tensor] | None = None,
        dense_taught: tuple[Tensor, Tensor] | None = None,
    ) -> StepLoss:
        """Return the loss of a batch.

        Args:
            query_weights: Shape: ``(queries, vocabulary)``.
            document_weights: Shape: ``(documents, vocabulary)``.
            targets: What the documents are to the queries.
            step: Optimiser steps done so far.
            query_dense: With a dense head. Shape: ``(queries, width)``.
            document_dense: With a dense head. Shape: ``(documents, width)``.
            taught: A teacher's query and document weights. Shapes: as the weights'.
            dense_taught: A teacher's dense vectors. Shapes: as the dense ones'.
        """
        measured = (float(active_dims(query_weights)), float(active_dims(document_weights)))
        if self._start_guard is not None and not self._measured:
            self._start_guard.update(*measured)
        self._measured.append(measured)
        trust = 1.0 if self._start_guard is None else self._start_guard.ranking_factor
        scheduled = 1.0 if self._is_dense else self._schedule(step, self._warmup_steps)
        ranking = self._ranking(score_batch(query_weights, document_weights, targets))
        strengths = self.strengths
        query_penalty = document_penalty = document_weights.new_zeros(())
        if self._query_regularizer is not None:
            query_penalty = self._query_regularizer(query_weights, document_weights)
        if self._document_regularizer is not None:
            document_penalty = self._document_regularizer(document_weights, query_weights)
        sparsity = scheduled * (
            strengths.query * query_penalty + strengths.document * document_penalty
        )
        parts = {
            "ranking_loss": ranking.total,
            **{f"{name}_loss": value for name, value in ranking.parts.items()},
            "sparsity_loss": sparsity,
            "query_penalty": query_penalty,
            "document_penalty": document_penalty,
        }
        total = trust * ranking.total + sparsity
        if query_dense is not None and document_dense is not None:
            if self._dense_ranking is not None:
                dense = self._dense_ranking(score_batch(query_dense, document_dense, targets))
                total = total + dense.total
                parts["dense_loss"] = dense.total
                parts |= {f"dense_{name}_loss": value for name, value in dense.parts.items()}
            if dense_taught is not None:
                apart = cosine_distance(query_dense, dense_taught[0]) + cosine_distance(
                    document_dense, dense_taught[1]
                )
                total = total + self._dense_vector_weight * apart
                parts["dense_vector_loss"] = apart
        if taught is not None:
            vectors = relative_squared_error(query_weights, taught[0]) + relative_squared_error(
                document_weights, taught[1]
            )
            total = total + self._vector_weight * vectors
            parts["vector_loss"] = vectors
        self._is_finite &= bool(total.detach().isfinite())
        return StepLoss(
            total,
            {name: float(value.detach()) for name, value in parts.items()}
            | {
                "query_active_dims": measured[0],
                "document_active_dims": measured[1],
                "query_strength": strengths.query * scheduled,
                "document_strength": strengths.document * scheduled,
            },
        )

    @property
    def _is_dense(self) -> bool:
        return self._start_guard is not None and self._start_guard.is_dense

    def end_step(self, step: int) -> None:
        """Take in that the optimiser has stepped.

        Args:
            step: Optimiser steps done, this one included.

        Raises:
            TrainingError: if the loss has not been a finite number for ``_MAX_LOST_STEPS``.
            CollapseError: if a side's vectors have become empty.
        """
        if not self._measured:
            return
        self._lost_steps = 0 if self._is_finite else self._lost_steps + 1
        self._is_finite = True
        if self._lost_steps >= _MAX_LOST_STEPS:
            raise TrainingError(
                f"step {step}: the loss has not been a finite number for {_MAX_LOST_STEPS} steps: "
                "lower the learning rate, or train in another dtype"
            )
        query, document = torch.tensor(self._measured).mean(dim=0).tolist()
        self._measured = []
        self._collapse_guard.update(step, query, document, self.strengths)
        if self._controller is not None and not self._is_dense:
            self._controller.update(query, document, self._schedule(step, self._warmup_steps))

    def state_dict(self) -> dict[str, Any]:
        """Return what must be kept to go on exactly after a restart."""
        return {name: part.state_dict() for name, part in self._stateful().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        for name, part in self._stateful().items():
            part.load_state_dict(state[name])

    def _stateful(self) -> dict[str, Any]:
        parts = {
            "controller": self._controller,
            "start_guard": self._start_guard,
            "collapse_guard": self._collapse_guard,
            "query_regularizer": self._query_regularizer,
            "document_regularizer": self._document_regularizer,
        }
        return {name: part for name, part in parts.items() if part is not None}
