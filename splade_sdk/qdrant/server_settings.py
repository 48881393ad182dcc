"""ServerSettings -> the arguments of qdrant-client's methods; pure."""

from __future__ import annotations

from typing import Any

from qdrant_client import models

from splade_sdk.config import ServerSettings

__all__ = ["creating", "reading", "writing"]

_QUANTIZATION = {
    "scalar": models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8)
    ),
    "binary": models.BinaryQuantization(binary=models.BinaryQuantizationConfig()),
}


def creating(settings: ServerSettings) -> dict[str, Any]:
    """Return the arguments with which a collection is created."""
    optimizers = {
        name: getattr(settings, name)
        for name in ("default_segment_number", "max_segment_size", "indexing_threshold")
    }
    method = settings.sharding_method
    given = {
        "shard_number": settings.shard_number,
        "sharding_method": None if method is None else models.ShardingMethod(method),
        "replication_factor": settings.replication_factor,
        "write_consistency_factor": settings.write_consistency_factor,
        "on_disk_payload": settings.on_disk_payload,
        "hnsw_config": (
            None
            if settings.hnsw is None
            else models.HnswConfigDiff(**settings.hnsw.model_dump(exclude_none=True))
        ),
        "quantization_config": (
            None if settings.quantization is None else _QUANTIZATION[settings.quantization]
        ),
        "optimizers_config": (
            models.OptimizersConfigDiff(**optimizers) if _given(optimizers) else None
        ),
    }
    return _given(given)


def reading(settings: ServerSettings | None) -> dict[str, Any]:
    """Return the arguments of a call that reads points."""
    if settings is None:
        return {}
    asked = settings.consistency
    kind = models.ReadConsistencyType(asked) if isinstance(asked, str) else asked
    return _given({"consistency": kind, "shard_key_selector": settings.shard_key})


def writing(settings: ServerSettings | None) -> dict[str, Any]:
    """Return the arguments of a call that writes points."""
    if settings is None:
        return {}
    ordering = None if settings.ordering is None else models.WriteOrdering(settings.ordering)
    return _given({"ordering": ordering, "shard_key_selector": settings.shard_key})


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}
