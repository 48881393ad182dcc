"""A collection behind qdrant-client: created, opened and indexed, its settings and its state."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from qdrant_client import QdrantClient, models

from splade_sdk.config import CollectionSettings, ServerSettings
from splade_sdk.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    RequestRejectedError,
)
from splade_sdk.qdrant.base import CollectionStatus
from splade_sdk.qdrant.payload import metadata_path
from splade_sdk.qdrant.schema import (
    CollectionContract,
    dense_params,
    require_contract,
    sparse_params,
)

__all__ = [
    "METADATA_KEY",
    "add_dense",
    "create_index",
    "index_fields",
    "open_contract",
    "pause_indexing",
    "read_arguments",
    "server_status",
    "set_indexing_threshold",
    "without_local_warnings",
    "write_arguments",
]

METADATA_KEY = "splade_sdk"
"""Where the contract lies in a collection's metadata."""

_INDEXING_THRESHOLD = 20_000  # Qdrant's default, in kB

_QUANTIZATION = {
    "scalar": models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8)
    ),
    "binary": models.BinaryQuantization(binary=models.BinaryQuantizationConfig()),
}

_ADVICE = {
    models.CollectionStatus.YELLOW: "wait until the server has optimized the collection",
    models.CollectionStatus.GREY: (
        "the server was restarted and has not resumed optimizing: send any update of the "
        "collection's settings, or store a document"
    ),
    models.CollectionStatus.RED: "read the server's log",
}


def open_contract(
    client: QdrantClient,
    name: str,
    wanted: CollectionContract,
    settings: CollectionSettings | None,
    *,
    where: str,
    create: bool,
) -> CollectionContract:
    """Return the contract kept with a collection, creating the collection where it is missing.

    Args:
        client: Connected.
        name: Name of the collection.
        wanted: Contract of a new collection.
        settings: Layout that is expected of an existing one; None for whatever it has.
        where: What to call it in messages.
        create: Create it where it does not exist.

    Raises:
        CollectionNotFoundError: if it does not exist and is not to be created.
        CollectionMismatchError: if another program, another model or another layout made it.
    """
    server = settings.server if settings else None
    if not client.collection_exists(name):
        if not create:
            raise CollectionNotFoundError(f"there is no {where}: upsert documents first")
        try:
            client.create_collection(
                name,
                vectors_config=dense_params(wanted) or None,
                sparse_vectors_config=sparse_params(wanted),
                metadata={METADATA_KEY: wanted.to_json()},
                **(_create_arguments(server) if server else {}),
            )
        except Exception:
            # Another process may have been faster, or an answer was lost and the retry came too
            # late; then the contract that is there counts.
            if not client.collection_exists(name):
                raise
    if server is not None and server.shard_key is not None and create:
        _add_shard_key(client, name, server)
    kept = (client.get_collection(name).config.metadata or {}).get(METADATA_KEY)
    if kept is None:
        raise CollectionMismatchError(
            f"{where} was not made by this package (its metadata has no {METADATA_KEY!r}), so "
            "the model of its vectors is not known: choose another collection (nothing was changed)"
        )
    contract = CollectionContract.from_json(json.dumps(kept), where=where)
    require_contract(contract, wanted.fingerprint, settings, wanted.dense, where=where)
    return contract


def _add_shard_key(client: QdrantClient, name: str, server: ServerSettings) -> None:
    """Make the shards of a key, unless they are there."""
    if server.shard_key is None:
        return
    found = client.list_shard_keys(name).shard_keys or []
    if server.shard_key not in [each.key for each in found]:
        client.create_shard_key(
            name,
            server.shard_key,
            shards_number=server.shard_number,
            replication_factor=server.replication_factor,
        )


def add_dense(client: QdrantClient, name: str, contract: CollectionContract) -> None:
    """Add the dense vector of a contract to a collection that may have it already."""
    has = client.get_collection(name).config.params.vectors
    for vector, params in dense_params(contract).items():
        if not isinstance(has, dict) or vector not in has:
            kept = models.DenseVectorConfig(
                size=params.size,
                distance=params.distance,
                datatype=models.VectorStorageDatatype(contract.settings.dense.datatype),
            )
            config = models.DenseVectorNameConfig(dense=kept)
            client.create_vector_name(name, vector, config, wait=True)
        if params.on_disk:
            change = {vector: models.VectorParamsDiff(on_disk=True)}
            client.update_collection(name, vectors_config=change)


def index_fields(client: QdrantClient, name: str, settings: CollectionSettings) -> None:
    """Index the metadata fields that settings name and the collection has no index of."""
    if not settings.indexed_fields:
        return
    has: dict[str, Any] = client.get_collection(name).payload_schema
    for field, schema in settings.indexed_fields.items():
        if (path := metadata_path(field)) not in has:
            create_index(client, name, path, schema)


def create_index(
    client: QdrantClient, name: str, path: str, schema: str, *, is_tenant: bool = False
) -> None:
    """Index one payload field.

    Raises:
        RequestRejectedError: if there is no such schema.
    """
    try:
        kind: Any = models.PayloadSchemaType(schema)
    except ValueError as error:
        valid = ", ".join(sorted(each.value for each in models.PayloadSchemaType))
        raise RequestRejectedError(f"schema is {schema!r}: expected one of {valid}") from error
    if is_tenant:
        kind = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    with without_local_warnings():
        client.create_payload_index(name, path, kind, wait=True)


@contextmanager
def without_local_warnings() -> Iterator[None]:
    """Silence the warnings of qdrant-client about local mode, which has one of ours."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Payload indexes have no effect in the local")
        warnings.filterwarnings("ignore", message="Local mode is not recommended for collections")
        yield


def pause_indexing(client: QdrantClient, name: str) -> int:
    """Stop the building of dense indexes; return the threshold there was, in kB."""
    had = client.get_collection(name).config.optimizer_config.indexing_threshold
    set_indexing_threshold(client, name, 0)
    return _INDEXING_THRESHOLD if had is None else had


def set_indexing_threshold(client: QdrantClient, name: str, threshold: int) -> None:
    """Set the size in kB from which on a segment gets a dense index; 0 for never."""
    client.update_collection(
        name, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=threshold)
    )


def _create_arguments(settings: ServerSettings) -> dict[str, Any]:
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
            models.OptimizersConfigDiff(**optimizers) if _without_none(optimizers) else None
        ),
    }
    return _without_none(given)


def read_arguments(settings: ServerSettings | None) -> dict[str, Any]:
    """Return the arguments of a call that reads points."""
    if settings is None:
        return {}
    wanted = settings.consistency
    kind = models.ReadConsistencyType(wanted) if isinstance(wanted, str) else wanted
    return _without_none({"consistency": kind, "shard_key_selector": settings.shard_key})


def write_arguments(settings: ServerSettings | None) -> dict[str, Any]:
    """Return the arguments of a call that writes points."""
    if settings is None:
        return {}
    ordering = None if settings.ordering is None else models.WriteOrdering(settings.ordering)
    return _without_none({"ordering": ordering, "shard_key_selector": settings.shard_key})


def _without_none(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def server_status(
    client: QdrantClient, name: str, contract: CollectionContract, *, local: bool, limit: int
) -> CollectionStatus:
    """Return the state of a collection, as the server or local mode reports it.

    Args:
        client: Connected.
        name: Of the collection.
        contract: What is kept with it.
        local: Whether the client is in local mode.
        limit: Points beyond which local mode is slow.
    """
    info = client.get_collection(name)
    sparse = (info.config.params.sparse_vectors or {}).get(contract.settings.sparse_vector)
    points = client.count(name, exact=True).count
    pending = "" if info.status == models.CollectionStatus.GREEN else f"status {info.status.value}"
    if isinstance(info.optimizer_status, models.OptimizersStatusOneOf1):
        pending = f"the optimizer failed: {info.optimizer_status.error}"
    if info.config.optimizer_config.indexing_threshold == 0 and contract.dense is not None:
        pending = "no index of dense vectors is built (indexing_threshold is 0)"
    server = None if local else client.info().version
    return CollectionStatus(
        engine="qdrant-client's local mode" if local else f"Qdrant {server}",
        points=points,
        indexed_fields={
            path: str(each.data_type.value) for path, each in info.payload_schema.items()
        },
        idf=None if sparse is None else sparse.modifier == models.Modifier.IDF,
        pending=pending,
        advice="run the bulk load that was cut short again, or set indexing_threshold"
        if "indexing_threshold" in pending
        else _ADVICE.get(info.status, "read the server's log")
        if pending
        else "",
        client_version=None if local else version("qdrant-client"),
        server_version=server,
        slow=f"local mode compares all {points} points with every query"
        if local and points > limit
        else "",
    )
