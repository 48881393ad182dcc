"""What a Qdrant server, or local mode, says of a collection."""

from __future__ import annotations

from importlib.metadata import version

from qdrant_client import QdrantClient, models

from splade_sdk.qdrant.base import CollectionStatus
from splade_sdk.qdrant.schema import CollectionContract

__all__ = ["server_status"]

_ADVICE = {
    models.CollectionStatus.YELLOW: "wait until the server has optimized the collection",
    models.CollectionStatus.GREY: (
        "the server was started anew and optimizes when it is asked to: send any update of the "
        "collection's settings, or store a document"
    ),
    models.CollectionStatus.RED: "read the server's log",
}


def server_status(
    client: QdrantClient, name: str, contract: CollectionContract, *, local: bool, limit: int
) -> CollectionStatus:
    """Return what the engine says of a collection.

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
