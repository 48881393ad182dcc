"""Our types and Qdrant's filters -> the embedded engine's classes; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import qdrant_edge as edge
from qdrant_client import models

from splade_sdk.errors import InvalidFilterError
from splade_sdk.qdrant.base import Point, Record, ScoredPoint, SearchRequest
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.qdrant.vectors import (
    EngineQuery,
    engine_queries,
    named_vectors,
    to_dense,
)
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray

__all__ = [
    "from_answers",
    "from_records",
    "to_config",
    "to_filter",
    "to_new_vector",
    "to_payload_index",
    "to_points",
    "to_queries",
]

_BYTES_A_TERM = 8  # an index and a float32


def to_config(contract: CollectionContract, *, wal: bool) -> Any:
    """Return the configuration of a new shard.

    Args:
        contract: Settings and fingerprint.
        wal: Keep a write-ahead log, without which a killed process loses what it wrote.
    """
    settings = contract.settings
    params = edge.EdgeSparseVectorParams(
        memory=edge.Memory.Cold if settings.on_disk else None,
        modifier=edge.Modifier.Idf if contract.fingerprint.idf else None,
        datatype=_datatype(settings.datatype),
    )
    sparse = [settings.sparse_vector, *([settings.pruned.name] if settings.pruned else [])]
    dense = {}
    if contract.dense is not None:
        dense[settings.dense.name] = edge.EdgeVectorParams(
            contract.dense.dimensions,
            getattr(edge.Distance, settings.dense.distance.capitalize()),
            datatype=_datatype(settings.dense.datatype),
            memory=edge.Memory.Cold if settings.dense.on_disk else None,
        )
    return edge.EdgeConfig(
        vectors=dense, sparse_vectors=dict.fromkeys(sparse, params), wal_enabled=wal
    )


def to_new_vector(contract: CollectionContract) -> Any:
    """Return the operation that adds the dense vector of an upgraded contract."""
    settings, dense = contract.settings.dense, contract.dense
    if dense is None:
        raise ValueError("the contract has no dense vector")
    return edge.UpdateOperation.create_dense_vector(
        settings.name,
        dense.dimensions,
        getattr(edge.Distance, settings.distance.capitalize()),
        datatype=_datatype(settings.datatype),
    )


def to_points(points: Sequence[Point], contract: CollectionContract) -> tuple[list[Any], int]:
    """Return points with their vectors under the names that the contract gives them.

    Returns:
        The engine's points, and about how many bytes it writes to store them: in its log, and then
        in its storage.
    """
    made = [
        edge.Point(
            point.id,
            {name: _vector(vector) for name, vector in named_vectors(point, contract).items()},
            point.payload,
        )
        for point in points
    ]
    return made, 2 * sum(
        point.vector.indices.size * _BYTES_A_TERM
        + (0 if point.dense is None else point.dense.nbytes)
        + len(str(point.payload).encode(errors="replace"))
        for point in points
    )


def to_queries(
    searches: Sequence[tuple[SearchRequest, int]], contract: CollectionContract
) -> list[Any]:
    """Return queries for the best n points each."""
    return [_query(each) for each in engine_queries(searches, contract)]


def _query(query: EngineQuery) -> Any:
    conditions = to_filter(query.request.filter)
    prefetches = []
    if first := query.first:
        nearest = edge.Query.Nearest(_vector(first.vector), using=first.using)
        prefetches = [edge.Prefetch(limit=first.limit, query=nearest, filter=conditions)]
    return edge.QueryRequest(
        limit=query.limit,
        query=edge.Query.Nearest(_vector(query.request.vector), using=query.using),
        prefetches=prefetches,
        filter=conditions,
        score_threshold=query.score_threshold,
        with_payload=query.with_payload,
        with_vector=query.with_vector,
    )


def from_answers(
    answers: Sequence[Sequence[Any]], contract: CollectionContract
) -> list[list[ScoredPoint]]:
    """Return the points that each query found."""
    return [
        [
            ScoredPoint(
                str(point.id), point.score, point.payload or {}, *_vectors(point.vector, contract)
            )
            for point in points
        ]
        for points in answers
    ]


def from_records(points: Sequence[Any], contract: CollectionContract) -> dict[str, Record]:
    """Return stored points by id, in their order."""
    return {
        str(point.id): Record(str(point.id), point.payload or {}, *_vectors(point.vector, contract))
        for point in points
    }


def to_payload_index(field: str, schema: str) -> Any:
    """Return the operation that indexes a payload field, such as ``metadata.year``."""
    kind = getattr(edge.PayloadSchemaType, schema.capitalize())
    return edge.UpdateOperation.create_field_index(field, kind)


def _datatype(name: str) -> Any:
    return getattr(edge.VectorStorageDatatype, name.capitalize())


def _vector(vector: SparseVector | FloatArray) -> Any:
    if isinstance(vector, SparseVector):
        return edge.SparseVector(vector.indices.tolist(), vector.values.tolist())
    return vector


def _vectors(
    vectors: Any, contract: CollectionContract
) -> tuple[SparseVector | None, FloatArray | None]:
    if not vectors:
        return None, None
    stored = vectors[contract.settings.sparse_vector]
    sparse = SparseVector(
        np.array(stored.indices, dtype=np.int32),
        np.array(stored.values, dtype=np.float32),
        contract.fingerprint.dimensions,
    )
    return sparse, to_dense(vectors.get(contract.settings.dense.name))


def to_filter(given: models.Filter | None) -> Any:
    """Return the engine's form of a filter.

    Raises:
        InvalidFilterError: if the embedded engine has no such condition.
    """
    if given is None:
        return None
    return edge.Filter(
        must=_optional(_conditions, given.must),
        should=_optional(_conditions, given.should),
        must_not=_optional(_conditions, given.must_not),
        min_should=_optional(_min_should, given.min_should),
    )


def _optional(convert: Callable[[Any], Any], given: Any) -> Any:
    return None if given is None else convert(given)


def _conditions(given: Any) -> list[Any]:
    return [_condition(each) for each in (given if isinstance(given, list) else [given])]


def _condition(given: Any) -> Any:
    if convert := _CONDITIONS.get(type(given).__name__):
        return convert(given)
    raise _unsupported(given)


def _min_should(given: models.MinShould) -> Any:
    return edge.MinShould(_conditions(given.conditions), given.min_count)


def _field(given: models.FieldCondition) -> Any:
    return edge.FieldCondition(
        given.key,
        match=_optional(_match, given.match),
        range=_optional(_range, given.range),
        geo_bounding_box=_optional(_geo_box, given.geo_bounding_box),
        geo_radius=_optional(_geo_radius, given.geo_radius),
        geo_polygon=_optional(_geo_polygon, given.geo_polygon),
        values_count=_optional(_values_count, given.values_count),
        is_empty=given.is_empty,
        is_null=given.is_null,
    )


def _match(given: models.Match) -> Any:
    if convert := _MATCHES.get(type(given).__name__):
        return convert(given)
    raise _unsupported(given)


def _match_value(given: models.MatchValue) -> Any:
    # The engine reads Python's own bool as the integer 0 or 1, which matches no stored bool.
    value: Any = np.bool_(given.value) if isinstance(given.value, bool) else given.value
    return edge.MatchValue(value)


def _range(given: models.Range | models.DatetimeRange) -> Any:
    if isinstance(given, models.Range):
        return edge.RangeFloat(**_bounds(given))
    return edge.RangeDateTime(
        **{name: bound and bound.isoformat() for name, bound in _bounds(given).items()}
    )


def _values_count(given: models.ValuesCount) -> Any:
    return edge.ValuesCount(**_bounds(given))


def _bounds(given: Any) -> dict[str, Any]:
    return {name: getattr(given, name) for name in ("gte", "gt", "lte", "lt")}


def _geo_point(given: models.GeoPoint) -> Any:
    return edge.GeoPoint(given.lon, given.lat)


def _geo_box(given: models.GeoBoundingBox) -> Any:
    return edge.GeoBoundingBox(_geo_point(given.top_left), _geo_point(given.bottom_right))


def _geo_radius(given: models.GeoRadius) -> Any:
    return edge.GeoRadius(_geo_point(given.center), given.radius)


def _geo_line(given: models.GeoLineString) -> list[Any]:
    return [_geo_point(point) for point in given.points]


def _geo_polygon(given: models.GeoPolygon) -> Any:
    holes = [_geo_line(line) for line in given.interiors or []]
    return edge.GeoPolygon(_geo_line(given.exterior), holes)


def _unsupported(given: object) -> InvalidFilterError:
    return InvalidFilterError(
        f"the embedded engine has no {type(given).__name__}: expected one of "
        f"{', '.join(sorted([*_CONDITIONS, *_MATCHES]))}"
    )


_CONDITIONS: dict[str, Callable[[Any], Any]] = {
    "FieldCondition": _field,
    "Filter": to_filter,
    "HasIdCondition": lambda given: edge.HasIdCondition(set(given.has_id)),
    "HasVectorCondition": lambda given: edge.HasVectorCondition(given.has_vector),
    "IsEmptyCondition": lambda given: edge.IsEmptyCondition(given.is_empty.key),
    "IsNullCondition": lambda given: edge.IsNullCondition(given.is_null.key),
    "NestedCondition": lambda given: edge.NestedCondition(
        given.nested.key, to_filter(given.nested.filter)
    ),
}

_MATCHES: dict[str, Callable[[Any], Any]] = {
    "MatchAny": lambda given: edge.MatchAny(given.any),
    "MatchExcept": lambda given: edge.MatchExcept(given.except_),
    "MatchPhrase": lambda given: edge.MatchPhrase(given.phrase),
    "MatchPrefix": lambda given: edge.MatchPrefix(given.prefix),
    "MatchSubstring": lambda given: edge.MatchSubstring(given.substring),
    "MatchText": lambda given: edge.MatchText(given.text),
    "MatchTextAny": lambda given: edge.MatchTextAny(given.text_any),
    "MatchValue": _match_value,
}
