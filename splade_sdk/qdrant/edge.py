"""The embedded engine itself: its files made, opened and released, its errors, its state.

It raises bare exceptions, built-in ones for values it cannot read, and where it panics a class of
its own that derives from BaseException.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
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
    RequestRejectedError,
    SpladeError,
)
from splade_sdk.forks import disown, own
from splade_sdk.qdrant import edge_convert as convert
from splade_sdk.qdrant.base import CollectionStatus
from splade_sdk.qdrant.folder import CollectionFolder
from splade_sdk.qdrant.schema import CollectionContract, require_contract
from splade_sdk.qdrant.vectors import vector_names

__all__ = [
    "create_shard",
    "dead_points",
    "edge_errors",
    "load_shard",
    "new_contract",
    "points",
    "release_shard",
    "require_usable",
    "shard_status",
    "translated",
]

_UNWRITABLE = ("Permission denied", "Read-only file system")
_FEW_DENSE = 10_000  # vectors that are compared one by one in a few milliseconds


@contextmanager
def edge_errors(doing: str) -> Iterator[None]:
    """Raise ours for whatever the engine raises.

    Args:
        doing: What was tried, and where; begins every message.
    """
    try:
        yield
    except BaseException as error:
        if (ours := translated(error, doing)) is None:
            raise
        raise ours from error


def translated(error: BaseException, doing: str) -> EngineError | None:
    """Return our error for one that the engine raised; None for ours, and for interrupts.

    Args:
        error: What was raised.
        doing: What was tried, and where; begins the message.
    """
    if isinstance(error, SpladeError):
        return None
    if isinstance(error, TypeError | ValueError | OverflowError):
        return RequestRejectedError(f"{doing}: the engine refused the request: {error}")
    if type(error).__name__ == "PanicException":
        return EngineError(
            f"{doing}: the engine panicked ({error}); close and reopen the collection, and report "
            "this with the steps that lead here"
        )
    if not isinstance(error, Exception):
        return None
    if "WouldBlock" in str(error):
        return IndexLockedError(f"{doing}: another process holds its files")
    return EngineError(f"{doing}: {error}")


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


def create_shard(folder: CollectionFolder, contract: CollectionContract, *, wal: bool) -> None:
    """Make a collection with its contract.

    Args:
        folder: Where it will lie, locked by the caller.
        contract: What is kept with it.
        wal: Keep a write-ahead log.
    """

    def make_shard(path: Path) -> None:
        with edge_errors(f"{folder}: cannot create it"):
            shard = edge.EdgeShard.create(str(path), convert.to_config(contract, wal=wal))
            own(shard)
            try:
                shard.close()
            finally:
                disown(shard)

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
            "again into another collection (nothing was changed)"
        )
    require_contract(contract, wanted.fingerprint, settings, wanted.dense, where=str(folder))


def load_shard(folder: CollectionFolder, *, wal: bool) -> Any:
    """Open the engine's files; in forked children the shard is then never destroyed.

    Args:
        folder: Where they lie, locked by the caller.
        wal: Whether there is a write-ahead log.

    Returns:
        The shard, for ``release_shard``.

    Raises:
        IndexDamagedError: if they cannot be read.
        EngineError: if they cannot be written to.
        DiskFullError: if there is no room for what the engine writes when it opens them.
    """
    advice = f"restore a backup, or delete {folder.home} and index again"
    # The engine silently recreates missing files, empty.
    for needed in ("segments/*/segment.json", *(["wal/*"] if wal else [])):
        if not any(folder.shard.glob(needed)):
            raise IndexDamagedError(f"{folder}: {folder.shard} has no {needed}; {advice}")
    for segment in folder.shard.glob("segments/*"):
        if missing := _missing(segment):
            raise IndexDamagedError(f"{folder}: {segment} has no {missing}; {advice}")
    folder.require_room(0)
    try:
        with edge_errors(f"{folder}: cannot open it"):
            shard = edge.EdgeShard.load(str(folder.shard))
    except IndexLockedError:
        raise
    except EngineError as error:
        if any(each in str(error) for each in _UNWRITABLE):
            raise folder.unwritable(error) from error
        raise IndexDamagedError(f"{error}; {advice}") from error
    own(shard, partial(_close_inherited, f"{folder.shard.resolve()}{os.sep}"))
    return shard


def _close_inherited(within: str) -> None:
    """Close this process's descriptors of files in a folder, for a forked child (Linux).

    The engine's lock is held for as long as any process has a descriptor of it: one in a child
    would keep the folder locked after the parent has closed it.
    """
    for each in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{each}").startswith(within):  # noqa: PTH115 - the same
                os.close(int(each))


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
    """Close a shard and let go of its folder, whatever fails; in a forked child do nothing.

    Args:
        shard: What ``load_shard`` returned.
        folder: Where it lies.
        process: The process that opened it.
        temporary: Delete the folder.
        flush: Write to the disk first what is only in the log.
    """
    if os.getpid() != process:
        return
    with ExitStack() as last:  # runs from the last to the first
        if temporary:
            last.callback(shutil.rmtree, folder.root, ignore_errors=True)
        last.callback(folder.unlock)
        last.callback(disown, shard)
        last.enter_context(edge_errors(f"{folder}: cannot close it"))
        last.callback(shard.close)
        if flush and not temporary and folder.is_still_there():
            shard.flush()


def points(shard: Any) -> int:
    """Return the number of points."""
    return int(shard.info().points_count)


def dead_points(shard: Any, contract: CollectionContract) -> int:
    """Return how many deleted points are known to be left in the index.

    The engine counts vectors, those of deleted points included, and dense ones only once their
    index is built: until then this is too low.
    """
    return _indexed(shard) // len(vector_names(contract)) - points(shard)


def shard_status(shard: Any, contract: CollectionContract) -> CollectionStatus:
    """Return the state of a collection; its files do not say whether it uses IDF."""
    info, pending = shard.info(), []
    # One index a sparse vector is always there; the dense one is built by optimize.
    names = vector_names(contract)
    built = contract.dense is None or _indexed(shard) >= len(names) * points(shard)
    if not built and points(shard) > _FEW_DENSE:
        pending.append(f"{points(shard)} dense vectors are compared one by one, without an index")
    if (dead := dead_points(shard, contract)) > points(shard) // 2:
        pending.append(f"{dead} deleted documents are still in the index")
    return CollectionStatus(
        engine=contract.engine or "qdrant-edge",
        points=points(shard),
        indexed_fields={path: str(kind) for path, kind in info.payload_schema.items()},
        pending=", and ".join(pending),
        advice="call optimize() at a quiet time" if pending else "",
    )


def _indexed(shard: Any) -> int:
    return int(shard.info().indexed_vectors_count)
