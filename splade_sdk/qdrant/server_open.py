"""Opens or makes a collection behind qdrant-client, and agrees on its contract."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qdrant_client import QdrantClient, models

from splade_sdk.config import CollectionSettings, ServerSettings
from splade_sdk.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    RequestRejectedError,
)
from splade_sdk.qdrant.payload import metadata_path
from splade_sdk.qdrant.schema import (
    CollectionContract,
    dense_params,
    require_contract,
    sparse_params,
)
from splade_sdk.qdrant.server_settings import creating

__all__ = [
    "METADATA_KEY",
    "add_dense",
    "add_shard_key",
    "agree",
    "create_index",
    "index_fields",
    "quiet",
]

METADATA_KEY = "splade_sdk"
"""Where the contract lies in a collection's metadata."""

_INDEXING_THRESHOLD = 20_000  # Qdrant's default, in kB


def agree(
    client: QdrantClient,
    name: str,
    wanted: CollectionContract,
    settings: CollectionSettings | None,
    *,
    where: str,
    create: bool,
) -> CollectionContract:
    """Return the contract kept with the collection, making the collection if need be."""
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
                **(creating(server) if server else {}),
            )
        except Exception:
            # Another process may have been faster, or an answer was lost and the retry came too
            # late; then the contract that is there counts.
            if not client.collection_exists(name):
                raise
    if server is not None and server.shard_key is not None and create:
        add_shard_key(client, name, server)
    kept = (client.get_collection(name).config.metadata or {}).get(METADATA_KEY)
    if kept is None:
        raise CollectionMismatchError(
            f"{where} was not made by this package (its metadata has no {METADATA_KEY!r}), so "
            "the model of its vectors is not known: choose another collection (nothing was changed)"
        )
    contract = CollectionContract.from_json(json.dumps(kept), where=where)
    require_contract(contract, wanted.fingerprint, settings, wanted.dense, where=where)
    return contract


def add_shard_key(client: QdrantClient, name: str, server: ServerSettings) -> None:
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
    with quiet():
        client.create_payload_index(name, path, kind, wait=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what qdrant-client says about local mode that our own warning says better."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Payload indexes have no effect in the local")
        warnings.filterwarnings("ignore", message="Local mode is not recommended for collections")
        yield


def hold_indexing(client: QdrantClient, name: str) -> int:
    """Let no more graphs of dense vectors be built; return what the threshold was, in kB."""
    had = client.get_collection(name).config.optimizer_config.indexing_threshold
    let_index(client, name, 0)
    return _INDEXING_THRESHOLD if had is None else had


def let_index(client: QdrantClient, name: str, threshold: int) -> None:
    """Set the size in kB from which on a segment gets a graph; 0 for none."""
    client.update_collection(
        name, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=threshold)
    )
