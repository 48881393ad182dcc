"""What callers search by, texts, ready-made vectors or examples -> the vector of each leg."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from qdrant_client import models

from splade_sdk.errors import (
    CollectionMismatchError,
    ConfigError,
    InvalidInputError,
    InvalidTypeError,
)
from splade_sdk.qdrant.base import Collection, Record
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.schema import CollectionContract, LegSpec
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.search.options import Mode
from splade_sdk.types import HybridBatch, HybridVector, SparseBatch, SparseVector
from splade_sdk.types.arguments import require_text
from splade_sdk.types.arrays import FloatArray
from splade_sdk.types.dense import as_dense

__all__ = [
    "LegQueries",
    "LegQuery",
    "Query",
    "is_single",
    "like_examples",
    "query_legs",
    "require_queries",
    "vector_legs",
    "without",
]

Query: TypeAlias = str | SparseVector | FloatArray | HybridVector
"""A text, or ready-made vectors of the collection's models."""


class LegQuery(NamedTuple):
    """What one leg of a search looks for.

    Attributes:
        spec: The leg.
        vector: Of its kind.
    """

    spec: LegSpec
    vector: SparseVector | FloatArray


class LegQueries(NamedTuple):
    """One query as it goes to the engine.

    Attributes:
        legs: Its legs; one without a vector, such as the dense leg of a blank text, is left out.
        fused: Whether the legs are fused, also where only one is left.
    """

    legs: tuple[LegQuery, ...]
    fused: bool


def is_single(query: object) -> bool:
    """Tell whether ``search`` was given one query, not several."""
    if isinstance(query, str | bytes | bytearray | SparseVector | HybridVector | np.ndarray):
        return True
    return isinstance(query, Mapping) or not isinstance(query, Iterable)


def require_queries(queries: object) -> list[Query]:
    """Return the queries as a list, each a text or ready-made vectors.

    Raises:
        InvalidTypeError: if it is not an iterable of those; the message names the position.
        InvalidInputError: if a text is not valid Unicode.
        InvalidVectorError: if a dense vector is not one row of finite numbers.
    """
    if isinstance(queries, HybridBatch):
        return [HybridVector(*both) for both in zip(queries.sparse, queries.dense, strict=True)]
    single = isinstance(queries, str | bytes | SparseVector | HybridVector)
    if single or not isinstance(queries, Iterable):
        raise InvalidTypeError(
            f"queries is {type(queries).__name__}: expected a string or a vector, or a list of "
            "them; search_batch() takes a list, search() takes a single one too"
        )
    return [_require_query(query, f"queries[{at}]") for at, query in enumerate(queries)]


def _require_query(query: object, name: str) -> Query:
    if isinstance(query, SparseVector):
        return query
    if isinstance(query, HybridVector):
        return HybridVector(query.sparse, as_dense(query.dense, name))
    if isinstance(query, np.ndarray):
        return as_dense(query, name)
    if isinstance(query, list | tuple | SparseBatch | HybridBatch):
        raise InvalidTypeError(
            f"{name} is {type(query).__name__}: expected a string or one vector; search() takes "
            "one or a list of them, search_batch() a list of them"
        )
    return require_text(query, name=name)


def query_legs(
    queries: Sequence[Query], mode: Mode | None, encoding: EncoderPair, contract: CollectionContract
) -> list[LegQueries]:
    """Return the legs of each query, all texts encoded in one call.

    Args:
        queries: What is looked for.
        mode: By which vectors; None chooses for texts what the search settings say, or hybrid
            where the collection has dense vectors and the encoder can make them, else sparse; and
            for ready-made vectors what they are.
        encoding: Makes the vectors of texts.
        contract: Of the collection.

    Raises:
        InvalidInputError: if a ready-made vector is not of the mode.
        CollectionMismatchError: if the collection has no dense vectors, and the mode needs them.
        ConfigError: if there is no dense encoder, and the mode needs it.
    """
    _require_mode(mode, contract)
    if any(isinstance(query, str) for query in queries):
        _require_mode(mode or encoding.settings.mode, contract)
    modes = [_mode(query, mode, encoding, contract) for query in queries]
    wanted: dict[str, list[str]] = {"sparse": [], "dense": []}
    for query, own in zip(queries, modes, strict=True):
        if isinstance(query, str):
            for name in _names(own):
                wanted[name].append(query)
    encoded = encoding.queries(wanted["sparse"], wanted["dense"])
    specs = contract.legs
    made: list[LegQueries] = []
    for query, own in zip(queries, modes, strict=True):
        vectors: dict[str, SparseVector | FloatArray | None] = (
            {"sparse": encoded.sparse.get(query), "dense": encoded.dense.get(query)}
            if isinstance(query, str)
            else _ready_made(query)
        )
        made.append(_legs(vectors, own, specs))
    return made


def vector_legs(
    query: SparseVector | FloatArray | HybridVector, contract: CollectionContract
) -> LegQueries:
    """Return the legs of a query that is ready-made vectors; what they are says the mode.

    Raises:
        CollectionMismatchError: if the collection lacks vectors of its kind.
    """
    return _legs(_ready_made(query), _mode_of_vectors(query, None, contract), contract.legs)


def _names(mode: Mode) -> tuple[str, ...]:
    """Return the legs of a mode: the one it is called after, or all."""
    return ("sparse", "dense") if mode == "hybrid" else (mode,)


def _legs(
    vectors: Mapping[str, SparseVector | FloatArray | None],
    mode: Mode,
    specs: Sequence[LegSpec],
) -> LegQueries:
    names = _names(mode)
    found = ((spec, vectors.get(spec.name)) for spec in specs if spec.name in names)
    legs = tuple(LegQuery(spec, vector) for spec, vector in found if vector is not None)
    return LegQueries(legs, mode == "hybrid")


def _require_mode(mode: Mode | None, contract: CollectionContract) -> None:
    if mode is not None and mode != "sparse" and contract.dense is None:
        raise CollectionMismatchError(
            f"mode is {mode!r}, but the collection has no dense vectors: it was made without a "
            "dense encoder; search with mode='sparse', or call upgrade_to_hybrid()"
        )


def _ready_made(
    query: SparseVector | FloatArray | HybridVector,
) -> dict[str, SparseVector | FloatArray | None]:
    if isinstance(query, HybridVector):
        return {"sparse": query.sparse, "dense": query.dense}
    return {"sparse" if isinstance(query, SparseVector) else "dense": query}


def _mode(
    query: Query, mode: Mode | None, encoding: EncoderPair, contract: CollectionContract
) -> Mode:
    if not isinstance(query, str):
        return _mode_of_vectors(query, mode, contract)
    mode = mode or encoding.settings.mode
    if mode is None:
        return "hybrid" if contract.dense is not None and encoding.dense is not None else "sparse"
    if mode != "sparse" and encoding.dense is None:
        raise ConfigError(
            f"mode is {mode!r}, but there is no dense encoder: give the retriever dense_encoder=, "
            "or search by a ready-made dense vector"
        )
    return mode


def _mode_of_vectors(
    query: SparseVector | FloatArray | HybridVector,
    mode: Mode | None,
    contract: CollectionContract,
) -> Mode:
    has: Mode = "dense"
    if isinstance(query, SparseVector | HybridVector):
        has = "sparse" if isinstance(query, SparseVector) else "hybrid"
    if mode is None:
        _require_mode(has, contract)
        return has
    if not set(_names(mode)) <= set(_names(has)):
        raise InvalidInputError(
            f"mode is {mode!r}, but the query is a ready-made {has} vector: leave mode out, or "
            "pass HybridVector(sparse, dense)"
        )
    return mode


def like_examples(
    collection: Collection, positive: Sequence[str], negative: Sequence[str], mode: Mode | None
) -> LegQueries:
    """Return the legs of a search for more like some stored documents, and less like others.

    Each vector is mean(positive), or 2 · mean(positive) - mean(negative), which is Qdrant's
    strategy ``average_vector``. Of sparse vectors, weights that come out at or below 0 are dropped.

    Args:
        collection: Where the documents lie.
        positive: Their ids, at least one.
        negative: Ids of documents that are unlike what is looked for.
        mode: By which vectors; None for hybrid where the collection has dense ones, else sparse.

    Raises:
        InvalidInputError: if a document is not stored, or only dense vectors are asked for and no
            positive document has one.
        CollectionMismatchError: if the collection has no dense vectors, and the mode needs them.
    """
    if not positive:
        raise InvalidInputError("positive is empty: expected the id of at least one document")
    contract = collection.contract
    _require_mode(mode, contract)
    liked, unliked = (_records(collection, ids) for ids in (positive, negative))
    mode = mode or ("hybrid" if contract.dense is not None else "sparse")
    vectors: dict[str, SparseVector | FloatArray | None] = {}
    if mode != "dense":
        vectors["sparse"] = _sparse_mean(liked, unliked, contract.fingerprint.dimensions)
    if mode != "sparse":
        dense = [record.dense for record in liked if record.dense is not None]
        if dense:
            others = [record.dense for record in unliked if record.dense is not None]
            vectors["dense"] = _dense_mean(dense, others)
        elif mode == "dense":
            raise InvalidInputError(
                f"none of the documents {list(positive)} has a dense vector: search with "
                "mode='sparse'"
            )
    return _legs(vectors, mode, contract.legs)


def without(ids: Sequence[str], given: Mapping[str, Any] | models.Filter | None) -> models.Filter:
    """Return a filter that leaves documents out.

    Args:
        ids: Ids of the documents.
        given: What else must hold.
    """
    these = models.HasIdCondition(has_id=[point_id(each) for each in ids])
    conditions = to_filter(given)
    return models.Filter(must=[conditions] if conditions else None, must_not=[these])


def _records(collection: Collection, ids: Sequence[str]) -> list[Record]:
    found = {
        record.id: record
        for record in collection.get(
            [point_id(each) for each in ids], with_payload=(), with_vectors=True
        )
    }
    if missing := [each for each in ids if point_id(each) not in found]:
        raise InvalidInputError(f"documents {missing} are not stored: expected ids of stored ones")
    return [found[point_id(each)] for each in ids]


def _sparse_mean(
    liked: Sequence[Record], unliked: Sequence[Record], dimensions: int
) -> SparseVector:
    sums: dict[int, float] = {}
    for records, factor in ((liked, 2.0 if unliked else 1.0), (unliked, -1.0)):
        for record in records:
            for term, weight in (record.vector.to_dict() if record.vector else {}).items():
                sums[term] = sums.get(term, 0.0) + factor * weight / len(records)
    positive = {term: weight for term, weight in sums.items() if np.float32(weight) > 0}
    return SparseVector.from_dict(positive, dimensions)


def _dense_mean(dense: Sequence[FloatArray], others: Sequence[FloatArray]) -> FloatArray:
    mean: FloatArray = np.mean(dense, axis=0, dtype=np.float32)
    return 2 * mean - np.mean(others, axis=0, dtype=np.float32) if others else mean
