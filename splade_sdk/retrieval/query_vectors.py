"""What callers ask by, texts or ready-made vectors -> the vector of each leg of the search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from splade_sdk.errors import (
    CollectionMismatchError,
    ConfigError,
    InvalidInputError,
    InvalidTypeError,
)
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.fusion import LegName
from splade_sdk.retrieval.search_settings import Mode
from splade_sdk.types import HybridBatch, HybridVector, SparseBatch, SparseVector
from splade_sdk.types.arguments import require_text
from splade_sdk.types.arrays import FloatArray
from splade_sdk.types.dense import as_dense

__all__ = ["Asked", "Mode", "Query", "query_vectors", "require_mode", "require_queries"]

Query: TypeAlias = str | SparseVector | FloatArray | HybridVector
"""A text, or ready-made vectors of the collection's models."""

_LEGS: Mapping[Mode, tuple[LegName, ...]] = {
    "sparse": ("sparse",),
    "dense": ("dense",),
    "hybrid": ("sparse", "dense"),
}


class Asked(NamedTuple):
    """One query as it goes to the engine.

    Attributes:
        legs: The vector of each leg; a leg without one, such as the dense leg of a blank text,
            is left out.
        fused: Whether the legs are fused, also where only one is left.
    """

    legs: Mapping[LegName, SparseVector | FloatArray]
    fused: bool


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
            f"queries is {type(queries).__name__}: expected a list of strings or vectors; "
            "search() takes a single one"
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
            "one query, search_batch() a list of them"
        )
    return require_text(query, name=name)


def require_mode(mode: Mode | None, contract: CollectionContract) -> None:
    """Check that a collection can be searched in a mode.

    Raises:
        InvalidInputError: if there is no such mode.
        CollectionMismatchError: if the collection has no dense vectors, and the mode needs them.
    """
    if mode is None:
        return
    if mode not in _LEGS:
        raise InvalidInputError(f"mode is {mode!r}: expected one of {', '.join(_LEGS)}, or None")
    if mode != "sparse" and contract.dense is None:
        raise CollectionMismatchError(
            f"mode is {mode!r}, but the collection has no dense vectors: it was made without a "
            "dense encoder; search with mode='sparse', or index anew into another collection"
        )


def query_vectors(
    queries: Sequence[Query], mode: Mode | None, encoding: EncoderPair, contract: CollectionContract
) -> list[Asked]:
    """Return what to ask for each query, all texts encoded in one call.

    Args:
        queries: What is looked for.
        mode: By which vectors; None chooses for texts what the search settings say, or hybrid
            where the collection has dense vectors and the encoder can make them, else sparse; and
            for ready-made vectors what they are.
        encoding: Makes the vectors of texts.
        contract: Of the collection.

    Raises:
        InvalidInputError: if the mode does not exist, or a ready-made vector is not of it.
        CollectionMismatchError: if the collection has no dense vectors, and the mode needs them.
        ConfigError: if there is no dense encoder, and the mode needs it.
    """
    require_mode(mode, contract)
    if any(isinstance(query, str) for query in queries):
        require_mode(mode or encoding.settings.mode, contract)
    modes = [_mode(query, mode, encoding, contract) for query in queries]
    texts = [
        (query, its) for query, its in zip(queries, modes, strict=True) if isinstance(query, str)
    ]
    encoded = encoding.queries(
        [text for text, its in texts if "sparse" in _LEGS[its]],
        [text for text, its in texts if "dense" in _LEGS[its]],
    )
    made: list[Asked] = []
    for query, its in zip(queries, modes, strict=True):
        sparse, dense = (
            (encoded.sparse.get(query), encoded.dense.get(query))
            if isinstance(query, str)
            else _ready_made(query)
        )
        legs: dict[LegName, SparseVector | FloatArray] = {}
        if sparse is not None and "sparse" in _LEGS[its]:
            legs["sparse"] = sparse
        if dense is not None and "dense" in _LEGS[its]:
            legs["dense"] = dense
        made.append(Asked(legs, its == "hybrid"))
    return made


def _ready_made(
    query: SparseVector | FloatArray | HybridVector,
) -> tuple[SparseVector | None, FloatArray | None]:
    if isinstance(query, HybridVector):
        return query.sparse, query.dense
    return (query, None) if isinstance(query, SparseVector) else (None, query)


def _mode(
    query: Query, mode: Mode | None, encoding: EncoderPair, contract: CollectionContract
) -> Mode:
    if not isinstance(query, str):
        return _mode_of_vectors(query, mode)
    mode = mode or encoding.settings.mode
    if mode is None:
        return "hybrid" if contract.dense is not None and encoding.dense is not None else "sparse"
    if mode != "sparse" and encoding.dense is None:
        raise ConfigError(
            f"mode is {mode!r}, but there is no dense encoder: give the retriever dense_encoder=, "
            "or search by a ready-made dense vector"
        )
    return mode


def _mode_of_vectors(query: SparseVector | FloatArray | HybridVector, mode: Mode | None) -> Mode:
    has: Mode = "dense"
    if isinstance(query, SparseVector | HybridVector):
        has = "sparse" if isinstance(query, SparseVector) else "hybrid"
    if mode is None:
        return has
    if not set(_LEGS[mode]) <= set(_LEGS[has]):
        raise InvalidInputError(
            f"mode is {mode!r}, but the query is a ready-made {has} vector: leave mode out, or "
            "pass HybridVector(sparse, dense)"
        )
    return mode
