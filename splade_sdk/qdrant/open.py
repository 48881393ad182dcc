"""Chooses the engine for an address."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

from splade_sdk.caller import stacklevel
from splade_sdk.config import CollectionSettings, DenseFingerprint, Fingerprint
from splade_sdk.errors import CollectionNotFoundError, ConfigError
from splade_sdk.qdrant.address import Address

if TYPE_CHECKING:
    from splade_sdk.qdrant.base import Collection

__all__ = ["open_collection"]


def open_collection(
    where: Address,
    *,
    fingerprint: Fingerprint,
    settings: CollectionSettings | None = None,
    dense: DenseFingerprint | None = None,
    create: bool = True,
) -> Collection:
    """Open a collection, or make it.

    A path, and the url ``":memory:"``, use the embedded engine where the extra ``edge`` is
    installed, and qdrant-client's local mode otherwise. ``":memory:"`` then means a folder among
    the temporary files that is deleted on ``close``: local mode, which compares every document
    with every query, is slower in memory than the embedded engine is on disk.

    Args:
        where: Url or path, and name.
        fingerprint: The encoder that will be used with it.
        settings: Layout of a new collection; of one that exists, what is expected of it.
        dense: The dense model that will be used with it: a new collection then has dense vectors,
            one that exists must have none or those of the same model.
        create: Make the collection where it does not exist.

    Raises:
        ConfigError: if the settings are for a server, and the address is not that of one.
        CollectionNotFoundError: if it does not exist and is not to be made.
        CollectionMismatchError: if another model, engine or layout made it.
        EngineError: if the engine cannot be reached or opened.
    """
    if settings is not None and settings.server is not None and not where.on_server:
        raise ConfigError(
            "settings.server is for a Qdrant server, and this collection is in "
            f"{where.folder or 'memory'}: leave it out, or pass the url of a server"
        )
    if not where.on_server and find_spec("qdrant_edge") is not None:
        return _open_embedded(where, fingerprint, settings, dense, create)
    from splade_sdk.qdrant.server import ServerCollection

    if where.folder is not None:
        if not create and not where.folder.exists():
            raise _not_found(where)
        warnings.warn(
            f"qdrant-edge-py is not installed, so {where.folder} is used in qdrant-client's local "
            "mode, which is slow beyond some thousand documents: pip install 'splade-sdk[edge]'",
            UserWarning,
            stacklevel=stacklevel(),
        )
    return ServerCollection.open(
        where, fingerprint=fingerprint, settings=settings, dense=dense, create=create
    )


def _open_embedded(
    where: Address,
    fingerprint: Fingerprint,
    settings: CollectionSettings | None,
    dense: DenseFingerprint | None,
    create: bool,
) -> Collection:
    from splade_sdk.qdrant.embedded import EmbeddedCollection

    if where.folder is not None:
        return EmbeddedCollection.open(
            where.folder,
            name=where.collection,
            fingerprint=fingerprint,
            settings=settings,
            dense=dense,
            create=create,
        )
    if not create:
        raise _not_found(where)
    return EmbeddedCollection.temporary(fingerprint=fingerprint, settings=settings, dense=dense)


def _not_found(where: Address) -> CollectionNotFoundError:
    return CollectionNotFoundError(f"there is no {where}: upsert documents first")
