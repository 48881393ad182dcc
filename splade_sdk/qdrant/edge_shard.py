"""The engine's own files of an embedded collection: made, opened and released."""

from __future__ import annotations

import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import qdrant_edge as edge

from splade_sdk.config import CollectionSettings, DenseFingerprint, Fingerprint
from splade_sdk.errors import (
    CollectionMismatchError,
    EngineError,
    IndexDamagedError,
    IndexLockedError,
)
from splade_sdk.qdrant import edge_convert as convert
from splade_sdk.qdrant.edge_errors import edge_errors
from splade_sdk.qdrant.folder import CollectionFolder
from splade_sdk.qdrant.schema import CollectionContract, require_contract

__all__ = ["create_shard", "load_shard", "new_contract", "release_shard", "require_usable"]


def _engine_version() -> str:
    major_minor = version("qdrant-edge-py").split(".")[:2]
    return f"qdrant-edge {'.'.join(major_minor)}"


def new_contract(
    fingerprint: Fingerprint,
    settings: CollectionSettings | None,
    dense: DenseFingerprint | None,
) -> CollectionContract:
    """Return the contract of a new collection of the engine that is installed.

    Args:
        fingerprint: The encoder that will be used with it.
        settings: Its layout; None for the defaults.
        dense: The dense model that will be used with it.
    """
    return CollectionContract.make(fingerprint, settings, dense, engine=_engine_version())


_UNWRITABLE = ("Permission denied", "Read-only file system")


def create_shard(folder: CollectionFolder, contract: CollectionContract, *, wal: bool) -> None:
    """Make a collection with its contract.

    Args:
        folder: Where it will lie, locked by the caller.
        contract: What is kept with it.
        wal: Keep a write-ahead log.
    """

    def make_shard(path: Path) -> None:
        with edge_errors(f"{folder}: cannot create it"):
            edge.EdgeShard.create(str(path), convert.to_config(contract, wal=wal)).close()

    folder.create(contract, make_shard)


def require_usable(
    contract: CollectionContract,
    wanted: CollectionContract,
    settings: CollectionSettings | None,
    folder: CollectionFolder,
) -> None:
    """Check that a collection may be used by this engine and encoder.

    Args:
        contract: What is kept with it.
        wanted: What would be kept with a new one.
        settings: The layout that is expected of it; None for whatever it has.
        folder: Where it lies.

    Raises:
        CollectionMismatchError: if another model, engine or layout made it.
    """
    if contract.engine != wanted.engine:
        raise CollectionMismatchError(
            f"{folder} was written by {contract.engine}, but {wanted.engine} is installed, and "
            "its files are not known to be compatible: install the version that made it, or index "
            "anew (nothing was changed)"
        )
    require_contract(contract, wanted.fingerprint, settings, wanted.dense, where=str(folder))


def load_shard(folder: CollectionFolder, *, wal: bool) -> Any:
    """Open the engine's files.

    Args:
        folder: Where they lie, locked by the caller.
        wal: Whether there is a write-ahead log.

    Raises:
        IndexDamagedError: if they cannot be read.
        EngineError: if they cannot be written to.
        DiskFullError: if there is no room for what the engine writes when it opens them.
    """
    advice = f"restore a backup, or delete {folder.home} and index anew"
    # What the engine misses it makes anew, empty, and says nothing.
    for needed in ("segments/*/segment.json", *(["wal/*"] if wal else [])):
        if not any(folder.shard.glob(needed)):
            raise IndexDamagedError(f"{folder}: {folder.shard} has no {needed}; {advice}")
    for segment in folder.shard.glob("segments/*"):
        if missing := _missing(segment):
            raise IndexDamagedError(f"{folder}: {segment} has no {missing}; {advice}")
    folder.require_room(0)
    try:
        with edge_errors(f"{folder}: cannot open it"):
            return edge.EdgeShard.load(str(folder.shard))
    except IndexLockedError:
        raise
    except EngineError as error:
        if any(each in str(error) for each in _UNWRITABLE):
            raise folder.unwritable(error) from error
        raise IndexDamagedError(f"{error}; {advice}") from error


def _missing(segment: Path) -> str | None:
    """Return a part of a segment that it must have had, and has no more."""
    if segment.suffix == ".deleted" or not (segment / "version.info").exists():
        return None  # being deleted, or being made when the process was killed: not read
    try:
        config = json.loads((segment / "segment.json").read_bytes())["config"]
        vectors = [*config["vector_data"], *config["sparse_vector_data"]]
    except (OSError, ValueError, KeyError, TypeError):
        return "readable segment.json"
    needed = ["payload_storage/config.json"]
    needed += [
        f"{ids}.mappings"
        for ids in ("id_tracker", "mutable_id_tracker")
        if (segment / f"{ids}.versions").exists()
    ]
    needed += [f"vector_storage-{name}/*" for name in vectors]
    needed += [f"vector_storage-{name}/deleted/*" for name in config["sparse_vector_data"]]
    return next((each for each in needed if not any(segment.glob(each))), None)


def release_shard(
    shard: Any, folder: CollectionFolder, process: int, temporary: bool, flush: bool = False
) -> None:
    """Close the shard; in a forked child, where that would hang, only forget it."""
    if os.getpid() != process:
        return
    try:
        with edge_errors(f"{folder}: cannot close it"):
            if flush and not temporary and folder.is_still_there():
                shard.flush()
            shard.close()
    finally:
        folder.unlock()
        if temporary:
            shutil.rmtree(folder.root, ignore_errors=True)
