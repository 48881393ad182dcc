"""Chooses the engine for a url or a path."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from splade_sdk.caller import stacklevel
from splade_sdk.config import CollectionSettings, DenseFingerprint, Fingerprint
from splade_sdk.errors import CollectionNotFoundError, ConfigError
from splade_sdk.qdrant.address import MEMORY, require_name, require_place
from splade_sdk.retry import DEFAULT_RETRY, RetrySettings

if TYPE_CHECKING:
    from splade_sdk.qdrant.base import Collection

__all__ = ["open_collection"]


def open_collection(
    url: str | None = None,
    *,
    path: str | Path | None = None,
    name: str,
    fingerprint: Fingerprint,
    settings: CollectionSettings | None = None,
    dense: DenseFingerprint | None = None,
    api_key: str | None = None,
    timeout_s: float = 30.0,
    retry: RetrySettings | None = DEFAULT_RETRY,
    create: bool = True,
) -> Collection:
    """Open a collection, or make it.

    A path, and the url ``":memory:"``, use the embedded engine where the extra ``edge`` is
    installed, and qdrant-client's local mode otherwise. ``":memory:"`` then means a folder among
    the temporary files that is deleted on ``close``: at 5,000 documents the embedded engine
    answers a query some thousand times faster than local mode does in memory.

    Args:
        url: Address of a Qdrant server, as in ``http://localhost:6333``, or ``":memory:"``.
        path: Folder of embedded collections, instead of a url.
        name: Name of the collection.
        fingerprint: The encoder that will be used with it.
        settings: Layout of a new collection; of one that exists, what is expected of it.
        dense: The dense model that will be used with it: a new collection then has dense vectors,
            one that exists must have none or those of the same model.
        api_key: Key of the server.
        timeout_s: Seconds to wait for an answer of the server.
        retry: How calls of the server that failed are tried again; None tries each once.
        create: Make the collection where it does not exist.

    Raises:
        ConfigError: if not exactly one of ``url`` and ``path`` is given, or one is malformed.
        CollectionNotFoundError: if it does not exist and is not to be made.
        CollectionMismatchError: if another model, engine or layout made it.
        EngineError: if the engine cannot be reached or opened.
    """
    url, path = require_place(url, path)
    require_name(name)
    if settings is not None and settings.server is not None and (path is not None or url == MEMORY):
        raise ConfigError(
            "settings.server is for a Qdrant server, and this collection is in "
            f"{path or 'memory'}: leave it out, or pass the url of a server"
        )
    embedded = (path is not None or url == MEMORY) and find_spec("qdrant_edge") is not None
    if embedded:
        return _open_embedded(path, name, fingerprint, settings, dense, create)
    from splade_sdk.qdrant.server import ServerCollection

    if path is not None:
        if not create and not path.exists():
            raise _not_found(name, path)
        warnings.warn(
            f"qdrant-edge-py is not installed, so {path} is used in qdrant-client's local mode, "
            "which is slow beyond some thousand documents: pip install 'splade-sdk[edge]'",
            UserWarning,
            stacklevel=stacklevel(),
        )
    return ServerCollection.open(
        url,
        path=path,
        name=name,
        fingerprint=fingerprint,
        settings=settings,
        dense=dense,
        api_key=api_key,
        timeout_s=timeout_s,
        retry=retry,
        create=create,
    )


def _open_embedded(
    path: str | Path | None,
    name: str,
    fingerprint: Fingerprint,
    settings: CollectionSettings | None,
    dense: DenseFingerprint | None,
    create: bool,
) -> Collection:
    from splade_sdk.qdrant.embedded import EmbeddedCollection

    if path is not None:
        return EmbeddedCollection.open(
            path, name=name, fingerprint=fingerprint, settings=settings, dense=dense, create=create
        )
    if not create:
        raise _not_found(name, MEMORY)
    return EmbeddedCollection.temporary(fingerprint=fingerprint, settings=settings, dense=dense)


def _not_found(name: str, place: str | Path) -> CollectionNotFoundError:
    return CollectionNotFoundError(
        f"there is no collection {name!r} at {place}: upsert documents first"
    )
