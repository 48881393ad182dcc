"""How good the model is on a small development set, every so many steps."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import TrainerCallback, TrainingArguments

from splade_sdk.datasets.beir import BeirDataset, load_dataset
from splade_sdk.encoders.masked_lm import quiet_transformers
from splade_sdk.encoders.splade import SpladeEncoder
from splade_sdk.errors import ConfigError, TrainingError, TruncationWarning
from splade_sdk.evaluation.runner import evaluate
from splade_sdk.training.config import EvaluationConfig, ModelConfig
from splade_sdk.training.model import SpladeModel
from splade_sdk.types import Document

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["DevelopmentEvaluation", "sample_collection"]

_METRIC = "nDCG@10"


class DevelopmentEvaluation(TrainerCallback):
    """Measures nDCG@10, active dimensions and FLOPS every ``every_steps`` and after the last step.

    What is measured is the model as it would be saved. The training's random numbers and the
    model's mode stay as they are.

    Args:
        config: The development set, and when to measure.
        model: What is trained.
        tokenizer: Of the model.
        model_config: How long a text may be.
        log: Takes the measured values, such as the trainer's ``log``.

    Raises:
        InvalidDataError: if the development set cannot be used.
        ConfigError: if no judged query fits into ``max_documents``.
    """

    def __init__(
        self,
        config: EvaluationConfig,
        model: SpladeModel,
        tokenizer: PreTrainedTokenizerBase,
        model_config: ModelConfig,
        *,
        log: Callable[[dict[str, float]], None],
    ) -> None:
        self._every_steps = config.every_steps
        self._model = model
        self._tokenizer = tokenizer
        self._max_length = model_config.max_document_tokens
        self._log = log
        self._collection = sample_collection(
            load_dataset(config.path, config.split),
            max_queries=config.max_queries,
            max_documents=config.max_documents,
        )

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Measure where it is due."""
        del args
        due = state.global_step % self._every_steps == 0 or state.global_step == state.max_steps
        if due and state.is_world_process_zero:
            loss_is_due = control.should_log
            self._log(self.measure())
            control.should_log = loss_is_due  # logging has reset it

    def measure(self) -> dict[str, float]:
        """Return the values under the names they have in the log.

        Raises:
            TrainingError: if there is no room for a copy of the model among the temporary files.
        """
        with _untouched_random_state(), TemporaryDirectory(prefix="splade-development-") as folder:
            try:
                self._model.save_pretrained(
                    Path(folder), self._tokenizer, max_length=self._max_length
                )
            except OSError as error:
                raise TrainingError(
                    f"the model could not be written to {folder} to be measured ({error}): make "
                    "room, or set TMPDIR"
                ) from error
            with quiet_transformers(), warnings.catch_warnings():
                # Training cuts the same texts at the same length.
                warnings.simplefilter("ignore", TruncationWarning)
                report = evaluate(
                    SpladeEncoder(folder, device=self._model.masked_lm.weight.device),
                    self._collection,
                    metrics=[_METRIC],
                    engine="memory",
                    show_progress_bar=False,
                )
        measured = {
            "eval_ndcg@10": report.metrics[_METRIC],
            "eval_query_active_dims": report.queries.active_dims,
        }
        if report.documents is not None and report.flops is not None:
            measured["eval_document_active_dims"] = report.documents.active_dims
            measured["eval_flops"] = report.flops
        return measured


@dataclass(frozen=True, slots=True)
class _Sample(BeirDataset):
    """Part of a collection, in memory."""

    documents: tuple[Document, ...]

    def corpus(self) -> Iterator[Document]:
        return iter(self.documents)


def sample_collection(
    collection: BeirDataset, *, max_queries: int, max_documents: int
) -> BeirDataset:
    """Take part of a collection: the same part each time.

    Queries come in a fixed random order, each with all its relevant documents, as long as they
    fit; other documents fill what room is left, evenly over the corpus.

    Args:
        collection: To take from.
        max_queries: Judged queries at most.
        max_documents: Documents at most.

    Returns:
        The part, its documents held in memory.

    Raises:
        ConfigError: if the relevant documents of no query fit.
    """
    ids = list(collection.qrels)
    order = np.random.default_rng(0).permutation(len(ids))
    chosen: list[str] = []
    relevant: set[str] = set()
    for query_id in (ids[at] for at in order):
        judged = collection.qrels[query_id].items()
        wanted = relevant | {document_id for document_id, score in judged if score > 0}
        if len(chosen) < max_queries and len(wanted) <= max_documents:
            chosen.append(query_id)
            relevant = wanted
    if not relevant:
        raise ConfigError(
            f"{collection.folder}: no query with relevant documents fits into max_documents, "
            f"{max_documents}: raise it"
        )
    others = [document.id for document in collection.corpus() if document.id not in relevant]
    room = min(max_documents - len(relevant), len(others))
    at = np.linspace(0, len(others), room, endpoint=False).astype(np.int64)
    kept = relevant | {others[each] for each in at}
    return _Sample(
        folder=collection.folder,
        split=collection.split,
        queries={query_id: collection.queries[query_id] for query_id in chosen},
        qrels={query_id: collection.qrels[query_id] for query_id in chosen},
        documents=tuple(document for document in collection.corpus() if document.id in kept),
    )


@contextmanager
def _untouched_random_state() -> Iterator[None]:
    """Put the random numbers of Python, NumPy and torch back to where they were."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the global one
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
