"""Encodes, indexes and searches a dataset, and tells what that took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from time import perf_counter
from typing import Literal, NamedTuple

import numpy as np

from splade_sdk.config import CollectionSettings, DenseFingerprint, Fingerprint
from splade_sdk.datasets.beir import BeirDataset
from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.evaluation.active_terms import ActiveTerms
from splade_sdk.evaluation.engines import (
    CollectionEngine,
    Ranking,
    RetrieverEngine,
    Searcher,
    VectorFusion,
)
from splade_sdk.evaluation.report import Outcome, Seconds, SideReport
from splade_sdk.evaluation.vectors import MODES, VectorMaker, Vectors
from splade_sdk.progress import progress_bar
from splade_sdk.qdrant.address import MEMORY, Address
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.open import open_collection
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.options import Mode
from splade_sdk.types import Document

__all__ = ["EngineName", "own_collection", "search_corpus", "search_retriever"]

EngineName = Literal["embedded", "memory"]

# Documents encoded and stored at a time.
_BLOCK = 1024


def search_corpus(
    maker: VectorMaker,
    encoder: SparseEncoder,
    dataset: BeirDataset,
    modes: Sequence[Mode],
    *,
    limit: int,
    engine: EngineName,
    settings: CollectionSettings | None,
    fused: VectorFusion,
    ignore_identical_ids: bool,
    show_progress_bar: bool | None,
) -> dict[Mode, Outcome]:
    """Index the corpus, for each mode in a collection of its own, and search it.

    Every text is encoded once. A collection has only the vectors that its mode needs, so that
    sizes and times are what that mode alone would take.

    Args:
        maker: Makes the vectors that the modes need.
        encoder: The sparse encoder in it.
        dataset: What to search.
        modes: How.
        limit: See ``evaluate``, also for the rest.
        engine: What searches.
        settings: Layout of the collections.
        fused: How hybrid searches fuse.
        ignore_identical_ids: Whether a hit with the query's own id is dropped.
        show_progress_bar: Whether to draw a bar.
    """
    started = perf_counter()
    queries = _Side()
    vectors = maker.make("query", list(dataset.queries.values()))
    queries.add(vectors)
    documents, relevant = _Side(), _relevant(dataset)
    with ExitStack() as stack:
        indexes = {mode: _Index(mode, maker, encoder, engine, settings, fused) for mode in modes}
        for index in indexes.values():
            stack.enter_context(closing(index.collection))
        bar = stack.enter_context(
            progress_bar(desc=f"Indexing {dataset.name}", unit="doc", show=show_progress_bar)
        )
        for block in _blocks(dataset.corpus()):
            ids = [document.id for document in block]
            relevant.difference_update(ids)
            made = maker.make("document", [document.text for document in block])
            documents.add(made)
            for index in indexes.values():
                index.add(ids, made)
            bar.update(len(block))
        for index in indexes.values():
            index.finish()
        found = {
            mode: _search(index.searched, dataset, vectors, mode, limit, ignore_identical_ids)
            for mode, index in indexes.items()
        }
        encode_s = queries.total_s + documents.total_s
        spent = encode_s + sum(
            index.seconds + found[mode].total_s for mode, index in indexes.items()
        )
        other = max(0.0, perf_counter() - started - spent)
        return {
            mode: Outcome(
                run=found[mode].run,
                queries=queries.report(mode),
                documents=documents.report(mode),
                flops=None if mode == "dense" else queries.terms.flops(documents.terms),
                relevant_missing=len(relevant),
                index_bytes=index.disk_bytes(),
                search_p50_ms=found[mode].percentile_ms(50),
                search_p95_ms=found[mode].percentile_ms(95),
                seconds=Seconds(
                    encode=queries.encode_s(mode) + documents.encode_s(mode),
                    index=index.seconds,
                    search=found[mode].total_s,
                    other=other,
                ),
            )
            for mode, index in indexes.items()
        }


def search_retriever(
    maker: VectorMaker,
    retriever: Retriever,
    dataset: BeirDataset,
    mode: Mode,
    *,
    limit: int,
    fused: VectorFusion,
    ignore_identical_ids: bool,
) -> Outcome:
    """Search a retriever's collection as it is; arguments are those of ``search_corpus``."""
    started = perf_counter()
    queries = _Side()
    vectors = maker.make("query", list(dataset.queries.values()))
    queries.add(vectors)
    searched = RetrieverEngine(retriever, fused)
    found = _search(searched, dataset, vectors, mode, limit, ignore_identical_ids)
    spent = queries.total_s + found.total_s
    return Outcome(
        run=found.run,
        queries=queries.report(mode),
        documents=None,
        flops=None,
        relevant_missing=None,
        index_bytes=None,
        search_p50_ms=found.percentile_ms(50),
        search_p95_ms=found.percentile_ms(95),
        seconds=Seconds(
            encode=queries.encode_s(mode),
            search=found.total_s,
            other=max(0.0, perf_counter() - started - spent),
        ),
    )


class _Index:
    """The collection of one mode, and the seconds that filling it took."""

    def __init__(
        self,
        mode: Mode,
        maker: VectorMaker,
        encoder: SparseEncoder,
        engine: EngineName,
        settings: CollectionSettings | None,
        fused: VectorFusion,
    ) -> None:
        self._mode = mode
        dense = None if mode == "sparse" else maker.dense
        self.collection = own_collection(encoder.fingerprint, dense, engine, settings)
        self.searched = CollectionEngine(self.collection, fused)
        self.seconds = 0.0

    def add(self, ids: Sequence[str], made: Vectors) -> None:
        started = perf_counter()
        sparse = made.sparse if self._mode != "dense" else made.without_terms()
        self.searched.add(ids, sparse, None if self._mode == "sparse" else made.dense)
        self.seconds += perf_counter() - started

    def finish(self) -> None:
        started = perf_counter()
        self.collection.optimize()
        self.seconds += perf_counter() - started

    def disk_bytes(self) -> int | None:
        sized = getattr(self.collection, "disk_bytes", None)
        return None if sized is None else int(sized())


class _Side:
    """What one side has come to so far."""

    def __init__(self) -> None:
        self.terms = ActiveTerms()
        self.total_s = 0.0
        self._encode_s: dict[Mode, float] = {}

    def add(self, made: Vectors) -> None:
        self.terms.add(made.sparse)
        self.total_s += made.sparse_s + made.dense_s
        for mode in MODES:
            self._encode_s[mode] = self.encode_s(mode) + made.encode_s(mode)

    def encode_s(self, mode: Mode) -> float:
        return self._encode_s.get(mode, 0.0)

    def report(self, mode: Mode) -> SideReport:
        return SideReport(
            texts=self.terms.rows,
            empty=self.terms.empty,
            active_dims=self.terms.active_dims,
            encode_s=self.encode_s(mode),
            lengths=dict(sorted(self.terms.lengths.items())),
        )


class _Found(NamedTuple):
    """The hits of all queries, and the seconds that each search took."""

    run: dict[str, Ranking]
    seconds: list[float]

    @property
    def total_s(self) -> float:
        return sum(self.seconds)

    def percentile_ms(self, percent: int) -> float:
        return 1000 * float(np.percentile(self.seconds, percent))


def own_collection(
    fingerprint: Fingerprint,
    dense: DenseFingerprint | None,
    engine: EngineName,
    settings: CollectionSettings | None,
) -> Collection:
    """Return a new collection that lives as long as the object.

    Args:
        fingerprint: The sparse encoder.
        dense: The dense encoder; None for no dense vectors.
        engine: What searches.
        settings: Its layout.
    """
    if engine == "memory":
        from splade_sdk.qdrant.memory import MemoryCollection

        return MemoryCollection(fingerprint, settings, dense)
    return open_collection(
        Address(url=MEMORY, collection="evaluation"),
        fingerprint=fingerprint,
        settings=settings,
        dense=dense,
    )


def _blocks(corpus: Iterable[Document]) -> Iterator[list[Document]]:
    documents = iter(corpus)
    while block := list(islice(documents, _BLOCK)):
        yield block


def _relevant(dataset: BeirDataset) -> set[str]:
    return {
        document_id
        for judgements in dataset.qrels.values()
        for document_id, relevance in judgements.items()
        if relevance > 0
    }


def _search(
    engine: Searcher,
    dataset: BeirDataset,
    vectors: Vectors,
    mode: Mode,
    limit: int,
    ignore_identical_ids: bool,
) -> _Found:
    wanted = limit + ignore_identical_ids
    engine.search(vectors.query(0, mode), wanted)  # not timed: opens files and fills caches
    found = _Found({}, [])
    for row, query_id in enumerate(dataset.queries):
        vector = vectors.query(row, mode)
        started = perf_counter()
        hits = engine.search(vector, wanted)
        found.seconds.append(perf_counter() - started)
        if ignore_identical_ids:
            hits = [hit for hit in hits if hit[0] != query_id][:limit]
        found.run[query_id] = hits
    return found
