"""The rankings of each leg under each pruning, kept for all fusions.

The vectors of all documents are read from the collection, and held in memory (8 bytes a term). The
sparse leg of each pruning is computed from them, exactly as an engine does. The dense leg is
searched once, in the retriever's own collection, as deep as is ever asked for. What only an engine
can tell, what fewer bits a weight find, and sizes and times, is measured in collections among the
temporary files.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from splade_sdk.encoders.base import EncodeOptions
from splade_sdk.errors import InvalidInputError
from splade_sdk.evaluation.searching import EngineName
from splade_sdk.evaluation.tuning.exact_search import Leg, document_frequencies, exact_legs
from splade_sdk.evaluation.tuning.stored import StoredForm
from splade_sdk.progress import progress_bar
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.options import SearchSettings
from splade_sdk.types import SparseBatch, SparseVector
from splade_sdk.types.arrays import FloatArray

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["LegRuns"]

_PAGE = 1024  # documents read at a time
_SAMPLE = 32  # queries that tell whether a type of weights is in effect, and how long searches take
_SAME = 1e-5  # relative difference of scores that is rounding; of float16 it is some 1e-4
_ID_BYTES = 4

_Form = tuple[int | None, str]  # terms that documents keep, and the type of weights


class LegRuns:
    """Searches legs, each at first use.

    Args:
        retriever: Its collection holds the documents.
        queries: Their texts.
        depth: Hits of each leg.
        engine: What searches collections of its own.
        show_progress_bar: Whether to draw a bar while documents are read.

    Attributes:
        document_ids: Of all documents, in order.

    Raises:
        InvalidInputError: if the collection has no documents.
    """

    def __init__(
        self,
        retriever: Retriever,
        queries: Sequence[str],
        *,
        depth: int,
        engine: EngineName = "embedded",
        show_progress_bar: bool | None = None,
    ) -> None:
        self._retriever = retriever
        self._texts = list(queries)
        self._depth = depth
        self._engine: EngineName = engine
        self._stack = ExitStack()
        self.document_ids, self._documents = _stored(retriever, show_progress_bar)
        self._queries = retriever.encoder.encode_texts(
            self._texts, side="query", options=EncodeOptions()
        )
        self._dense: list[Leg] | None = None
        self._dense_queries: list[SparseVector | FloatArray] = []
        self._sparse: dict[tuple[_Form, int | None], list[Leg]] = {}
        self._forms: dict[_Form, StoredForm] = {}
        self._in_effect: dict[_Form, bool] = {}
        self._postings: dict[tuple[int | None, int | None], float] = {}

    def dense(self) -> list[Leg]:
        """Return the dense leg of each query."""
        if self._dense is None:
            found = self._retriever.search_batch(
                self._dense_vectors(), limit=self._depth, with_payload=False
            )
            places = {each: place for place, each in enumerate(self.document_ids)}
            hits = [[hit for hit in each if hit.id in places] for each in found]
            self._dense = [
                Leg(
                    np.array([places[hit.id] for hit in each], dtype=np.int64),
                    np.array([hit.score for hit in each], dtype=np.float64),
                )
                for each in hits
            ]
        return self._dense

    def sparse(self, settings: SearchSettings) -> list[Leg]:
        """Return the sparse leg of each query under some settings."""
        kept, datatype = form = self._form(settings)
        key = form, settings.query_max_active_dims
        if key not in self._sparse:
            queries = _pruned(self._queries, settings.query_max_active_dims)
            self._sparse[key] = (
                exact_legs(
                    _pruned(self._documents, kept),
                    queries,
                    self._depth,
                    idf=self._retriever.encoder.fingerprint.idf,
                )
                if datatype == "float32"
                else self._stored_form(form).legs(queries, self._depth)
            )
        return self._sparse[key]

    def postings(self, settings: SearchSettings) -> float:
        """Return the mean number of postings that a query reads.

        These are the documents that have one of its terms, summed over its terms.
        """
        key = settings.document_max_active_dims, settings.query_max_active_dims
        if key not in self._postings:
            documents, queries = _pruned(self._documents, key[0]), _pruned(self._queries, key[1])
            read = document_frequencies(documents, queries.indices).sum()
            self._postings[key] = float(read) / max(1, len(queries))
        return self._postings[key]

    def bytes_read(self, settings: SearchSettings) -> float:
        """Return the mean bytes of those postings, of 4 for a document and those of its weight."""
        _, datatype = self._form(settings)
        return self.postings(settings) * (_ID_BYTES + np.dtype(datatype).itemsize)

    def index_bytes(self, settings: SearchSettings) -> int | None:
        """Return the size of the engine's files of the sparse vectors, if it keeps any."""
        return self._stored_form(self._form(settings)).index_bytes

    def sparse_ms(self, settings: SearchSettings, depth: int) -> float:
        """Return the median time of a search in the sparse leg, in milliseconds."""
        queries = _pruned(self._queries[:_SAMPLE], settings.query_max_active_dims)
        return self._stored_form(self._form(settings)).search_ms(queries, depth)

    def dense_ms(self, depth: int) -> float:
        """Return the median time of a search in the dense leg, in milliseconds."""
        seconds = []
        for vector in self._dense_vectors()[:_SAMPLE]:
            started = perf_counter()
            self._retriever.search(vector, limit=depth, with_payload=False)
            seconds.append(perf_counter() - started)
        return 1000 * float(np.median(seconds))

    def close(self) -> None:
        """Delete the collections that were made."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _dense_vectors(self) -> list[SparseVector | FloatArray]:
        if not self._dense_queries:
            made = self._retriever._connection.encoding.queries((), self._texts).dense
            nothing = SparseVector.empty(self._documents.dimensions)  # blank texts find nothing
            self._dense_queries = [made.get(each, nothing) for each in self._texts]
        return self._dense_queries

    def _form(self, settings: SearchSettings) -> _Form:
        """Return how documents are stored.

        Engines keep small collections in float32, whatever is asked for: their scores tell.
        """
        form = settings.document_max_active_dims, settings.datatype or "float32"
        plain = form[0], "float32"
        if form == plain:
            return form
        if form not in self._in_effect:
            some = self._queries[:_SAMPLE]
            exact = self.sparse(SearchSettings(document_max_active_dims=form[0]))
            found = self._stored_form(form).legs(some, self._depth)
            self._in_effect[form] = not all(
                a.scores.shape == b.scores.shape and np.allclose(a.scores, b.scores, rtol=_SAME)
                for a, b in zip(found, exact[:_SAMPLE], strict=True)
            )
        return form if self._in_effect[form] else plain

    def _stored_form(self, form: _Form) -> StoredForm:
        if form not in self._forms:
            kept, datatype = form
            made = StoredForm(
                self.document_ids,
                _pruned(self._documents, kept),
                self._retriever.encoder.fingerprint,
                self._engine,
                datatype,
            )
            self._forms[form] = self._stack.enter_context(closing(made))
        return self._forms[form]


def _pruned(vectors: SparseBatch, kept: int | None) -> SparseBatch:
    return vectors if kept is None else vectors.prune(kept)


def _stored(retriever: Retriever, show_progress_bar: bool | None) -> tuple[list[str], SparseBatch]:
    """Return the ids of all documents, in order, and their vectors."""
    vectors: dict[str, SparseVector] = {}
    with progress_bar(desc="Reading vectors", unit="doc", show=show_progress_bar) as bar:
        for document in retriever.documents(batch_size=_PAGE, with_vectors=True):
            if document.vector is not None:
                vectors[document.id] = document.vector
            bar.update(1)
    if not vectors:
        raise InvalidInputError(
            "the collection has no documents: index the corpus that the judgements are of first"
        )
    ids = sorted(vectors)
    return ids, SparseBatch.from_vectors([vectors[each] for each in ids])
