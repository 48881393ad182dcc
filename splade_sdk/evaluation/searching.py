"""Encodes, indexes and searches a dataset, and tells what that took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from time import perf_counter
from typing import Literal

import numpy as np

from splade_sdk.config import CollectionSettings, Fingerprint
from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.evaluation.active_terms import ActiveTerms
from splade_sdk.evaluation.datasets import BeirDataset
from splade_sdk.evaluation.engines import CollectionEngine, Ranking, RetrieverEngine, Searcher
from splade_sdk.evaluation.outcome import Outcome
from splade_sdk.evaluation.report import Seconds, SideReport
from splade_sdk.progress import progress_bar
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.open import open_collection
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, SparseBatch

__all__ = ["search_corpus", "search_retriever"]

# Documents encoded and stored at a time.
_BLOCK = 1024


def search_corpus(
    encoder: SparseEncoder,
    dataset: BeirDataset,
    *,
    limit: int,
    engine: Literal["embedded", "memory"],
    settings: CollectionSettings | None,
    batch_size: int | None,
    ignore_identical_ids: bool,
    show_progress_bar: bool | None,
) -> Outcome:
    """Index the corpus in a collection of its own and search it; arguments are ``evaluate``'s."""
    watch = _Stopwatch()
    queries, vectors = _encode_queries(encoder, dataset, batch_size, watch)
    documents, relevant = _Side(), _relevant(dataset)
    with closing(_collection(encoder.fingerprint, engine, settings)) as collection:
        searched = CollectionEngine(collection)
        with progress_bar(
            desc=f"Indexing {dataset.name}", unit="doc", show=show_progress_bar
        ) as bar:
            for block in _blocks(dataset.corpus()):
                ids = [document.id for document in block]
                relevant.difference_update(ids)
                watch.lap("other")
                made = encoder.encode_document(
                    [document.text for document in block],
                    batch_size=batch_size,
                    show_progress_bar=False,
                )
                documents.add(made, watch.lap("encode"))
                watch.lap("other")
                searched.add(ids, made)
                watch.lap("index")
                bar.update(len(block))
        collection.optimize()
        watch.lap("index")
        run, took_s = _search(searched, dataset, vectors, limit, ignore_identical_ids)
        watch.lap("search")
        disk_bytes = getattr(collection, "disk_bytes", None)
        return Outcome(
            run=run,
            queries=queries.report(),
            documents=documents.report(),
            flops=queries.terms.flops(documents.terms),
            relevant_missing=len(relevant),
            index_bytes=disk_bytes() if disk_bytes else None,
            search_p50_ms=_percentile_ms(took_s, 50),
            search_p95_ms=_percentile_ms(took_s, 95),
            seconds=watch.seconds(),
        )


def search_retriever(
    retriever: Retriever,
    dataset: BeirDataset,
    *,
    limit: int,
    batch_size: int | None,
    ignore_identical_ids: bool,
) -> Outcome:
    """Search a retriever's collection as it is; arguments are ``evaluate``'s."""
    watch = _Stopwatch()
    queries, vectors = _encode_queries(retriever.encoder, dataset, batch_size, watch)
    searched = RetrieverEngine(retriever)
    run, took_s = _search(searched, dataset, vectors, limit, ignore_identical_ids)
    watch.lap("search")
    return Outcome(
        run=run,
        queries=queries.report(),
        documents=None,
        flops=None,
        relevant_missing=None,
        index_bytes=None,
        search_p50_ms=_percentile_ms(took_s, 50),
        search_p95_ms=_percentile_ms(took_s, 95),
        seconds=watch.seconds(),
    )


class _Stopwatch:
    """Adds up seconds by what they were spent on."""

    def __init__(self) -> None:
        self._last = perf_counter()
        self._spent: dict[str, float] = defaultdict(float)

    def lap(self, what: str) -> float:
        """Count the seconds since the last lap for something, and return them."""
        last, self._last = self._last, perf_counter()
        self._spent[what] += self._last - last
        return self._last - last

    def seconds(self) -> Seconds:
        self.lap("other")
        return Seconds(**self._spent)


class _Side:
    """What one side has come to so far."""

    def __init__(self) -> None:
        self.terms = ActiveTerms()
        self._encode_s = 0.0

    def add(self, vectors: SparseBatch, encode_s: float) -> None:
        self.terms.add(vectors)
        self._encode_s += encode_s

    def report(self) -> SideReport:
        return SideReport(
            texts=self.terms.rows,
            empty=self.terms.empty,
            active_dims=self.terms.active_dims,
            encode_s=self._encode_s,
            lengths=dict(sorted(self.terms.lengths.items())),
        )


def _encode_queries(
    encoder: SparseEncoder, dataset: BeirDataset, batch_size: int | None, watch: _Stopwatch
) -> tuple[_Side, SparseBatch]:
    texts = list(dataset.queries.values())
    watch.lap("other")
    vectors = encoder.encode_query(texts, batch_size=batch_size, show_progress_bar=False)
    side = _Side()
    side.add(vectors, watch.lap("encode"))
    return side, vectors


def _collection(
    fingerprint: Fingerprint,
    engine: Literal["embedded", "memory"],
    settings: CollectionSettings | None,
) -> Collection:
    if engine == "memory":
        from splade_sdk.qdrant.memory import MemoryCollection

        return MemoryCollection(fingerprint, settings)
    return open_collection(
        ":memory:", name="evaluation", fingerprint=fingerprint, settings=settings
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
    vectors: SparseBatch,
    limit: int,
    ignore_identical_ids: bool,
) -> tuple[dict[str, Ranking], list[float]]:
    """Return the hits of each query, and how many seconds each search took."""
    wanted = limit + ignore_identical_ids
    engine.search(vectors[0], wanted)  # not timed: opens files and fills caches
    run: dict[str, Ranking] = {}
    seconds = []
    for query_id, vector in zip(dataset.queries, vectors, strict=True):
        started = perf_counter()
        hits = engine.search(vector, wanted)
        seconds.append(perf_counter() - started)
        if ignore_identical_ids:
            hits = [hit for hit in hits if hit[0] != query_id][:limit]
        run[query_id] = hits
    return run, seconds


def _percentile_ms(seconds: list[float], percent: int) -> float:
    return 1000 * float(np.percentile(seconds, percent))
