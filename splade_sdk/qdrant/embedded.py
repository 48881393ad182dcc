"""The embedded engine: Qdrant Edge, in process and on disk, without a server."""

from __future__ import annotations

import os
import shutil
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qdrant_client import models

from splade_sdk.config import CollectionSettings, DenseFingerprint, Fingerprint
from splade_sdk.errors import (
    CollectionNotFoundError,
    ConfigError,
    DiskFullError,
    EngineClosedError,
    MissingDependencyError,
)
from splade_sdk.forks import forked_error
from splade_sdk.qdrant.base import (
    CollectionStatus,
    PayloadFields,
    Point,
    Record,
    ScoredPoint,
    SearchRequest,
)
from splade_sdk.qdrant.folder import CollectionFolder, temporary_folder
from splade_sdk.qdrant.payload import CONTENT_HASH, has_content_hash, included, metadata_path
from splade_sdk.qdrant.ranking import search_all
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.qdrant.vectors import require_points, require_requests, returned_vectors

try:
    import qdrant_edge as edge

    from splade_sdk.qdrant import edge_convert as convert
    from splade_sdk.qdrant.edge import (
        create_shard,
        dead_points,
        load_shard,
        new_contract,
        points,
        release_shard,
        require_usable,
        shard_status,
        translated,
    )
except ImportError as error:
    raise MissingDependencyError.for_extra("qdrant-edge-py", "edge") from error

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["EmbeddedCollection"]

_FLUSH_EVERY = 20_000  # changed points; bounds the log that is replayed after a crash to ~2 s
_DEAD_FLOOR = 10_000  # deleted points below which rebuilding is never worth its time


class EmbeddedCollection:
    """One collection in a folder, searched in process; see the protocol ``Collection``.

    An upsert that returned outlives the process, also one that is killed: it is in the write-ahead
    log. It outlives a power cut from the next flush on: after every 20,000 changed points, in
    ``optimize`` and in ``close``.

    Thread-safe, one call at a time. Not picklable. A forked child cannot use it, and does it no
    harm.

    Deleted points are cleaned out when they outnumber the living. Nothing else triggers a rebuild:
    it does not speed up sparse search. With an encoder that asks for idf, deleted points count in
    the document frequencies until they are cleaned out.
    Dense vectors are compared one by one until ``optimize`` builds their index.

    Args:
        folder: Where it lies, locked by the caller.
        contract: What is kept with it.
        temporary: Delete the folder on ``close``.

    Raises:
        IndexDamagedError: if the engine cannot read its files.
    """

    def __init__(
        self, folder: CollectionFolder, contract: CollectionContract, *, temporary: bool = False
    ) -> None:
        self.contract = contract
        self._folder = folder
        self._where = str(folder)
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._changed = 0
        self._temporary = temporary
        self._shard: Any = load_shard(folder, wal=not temporary)
        folder.mark_opened()
        self._finalizer = weakref.finalize(
            self, release_shard, self._shard, folder, self._process, temporary
        )
        self._index_fields(contract.settings)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        name: str,
        fingerprint: Fingerprint,
        settings: CollectionSettings | None = None,
        dense: DenseFingerprint | None = None,
        create: bool = True,
    ) -> Self:
        """Open a collection, or make it.

        Args:
            path: Folder of all collections.
            name: Name of the collection.
            fingerprint: The encoder that will be used with it.
            settings: Layout of a new one; of one that exists, what is expected.
            dense: The dense model that will be used with it.
            create: Make it where it does not exist.

        Raises:
            CollectionNotFoundError: if it does not exist and is not to be made.
            CollectionMismatchError: if another model, engine or layout made it.
            IndexLockedError: if another process holds it.
            IndexDamagedError: if it cannot be read.
            DiskFullError: if the disk has not the room that the engine needs to go on safely.
        """
        folder = CollectionFolder(path, name)
        wanted = new_contract(fingerprint, settings, dense)
        if not folder.exists():
            if not create:
                raise CollectionNotFoundError(f"there is no {folder}: upsert documents first")
            folder.prepare()
        else:
            # Before the lock is taken, so that nothing is written into a foreign folder.
            require_usable(folder.read_contract(), wanted, settings, folder)
        folder.lock()
        try:
            if not folder.exists():
                create_shard(folder, wanted, wal=True)
            contract = folder.read_contract()
            require_usable(contract, wanted, settings, folder)
            made = cls(folder, contract)
        except BaseException:
            folder.unlock()
            raise
        if settings is not None:
            made._index_fields(settings)
        return made

    @classmethod
    def temporary(
        cls,
        *,
        fingerprint: Fingerprint,
        settings: CollectionSettings | None = None,
        dense: DenseFingerprint | None = None,
    ) -> Self:
        """Make a collection in a folder of its own that is deleted on ``close``.

        The folder of a process that was killed is removed by the next temporary collection.

        Args:
            fingerprint: The encoder that will be used with it.
            settings: Its layout.
            dense: The dense model that will be used with it.
        """
        folder = temporary_folder()
        try:
            create_shard(folder, new_contract(fingerprint, settings, dense), wal=False)
            return cls(folder, folder.read_contract(), temporary=True)
        except BaseException:
            folder.unlock()
            shutil.rmtree(folder.root, ignore_errors=True)
            raise

    def upsert(self, points: Sequence[Point]) -> None:
        """Store points, replacing those with the same id; survives a kill when it returns."""
        with self._engine("store points") as shard:
            require_points(points, self.contract, self._where)
            if not points:
                return
            made, size = convert.to_points(points, self.contract)
            self._folder.require_writable(size)
            shard.update(edge.UpdateOperation.upsert_points(made))
            self._note(len(points))

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """Return the best points by inner product, highest first, ties by id."""
        return self.search_batch([request])[0]

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """Answer several searches in one call, in order."""
        require_requests(requests, self.contract, self._where)
        with self._engine("search") as shard:

            def ask(asked: Sequence[tuple[SearchRequest, int]]) -> list[list[ScoredPoint]]:
                queries = convert.to_queries(asked, self.contract)
                found = (
                    [shard.query(queries[0])]
                    if len(queries) == 1
                    else shard.query_batch(edge.QueryBatchRequest(queries))
                )
                return convert.from_answers(found, self.contract)

            return search_all(requests, ask, lambda: points(shard))

    def get(
        self,
        ids: Sequence[str],
        *,
        with_payload: PayloadFields = True,
        with_vectors: bool = False,
    ) -> list[Record]:
        """Return the points that exist among ``ids``, in the order of ``ids``."""
        with self._engine("read points") as shard:
            records = shard.retrieve(
                list(ids), included(with_payload), self._returned(with_vectors)
            )
            found = convert.from_records(records, self.contract)
            return [found[each] for each in ids if each in found]

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the content hash of each point that exists among ``ids`` and has one, by id."""
        with self._engine("read points") as shard:
            return {
                str(record.id): found[CONTENT_HASH]
                for record in shard.retrieve(list(ids), [CONTENT_HASH], False)
                if (found := record.payload)
            }

    def delete(self, ids: Sequence[str] | models.Filter) -> None:
        """Delete by id or by filter; ids that do not exist are ignored."""
        with self._engine("delete points") as shard:
            self._folder.require_writable()
            before = points(shard)
            if isinstance(ids, models.Filter):
                operation = edge.UpdateOperation.delete_points_by_filter(convert.to_filter(ids))
            else:
                operation = edge.UpdateOperation.delete_points(list(ids))
            shard.update(operation)
            self._note(before - points(shard))
            if dead_points(shard, self.contract) >= max(_DEAD_FLOOR, points(shard)):
                with suppress(DiskFullError):  # this can wait until there is room
                    self._folder.require_room(self._folder.allocated_bytes())
                    shard.optimize()

    def count(self, filter: models.Filter | None = None) -> int:  # noqa: A002 - Qdrant's name
        """Count exactly the points that meet the filter."""
        with self._engine("count points") as shard:
            conditions = convert.to_filter(filter)
            return int(shard.count(edge.CountRequest(exact=True, filter=conditions)))

    def scroll(
        self,
        *,
        filter: models.Filter | None = None,  # noqa: A002 - Qdrant's name
        limit: int = 256,
        offset: str | None = None,
        with_payload: bool = True,
        with_vectors: bool = False,
    ) -> tuple[list[Record], str | None]:
        """Return a page of points ordered by id, and the offset of the next one (None: last)."""
        with self._engine("read points") as shard:
            records, following = shard.scroll(
                edge.ScrollRequest(
                    offset=offset,
                    limit=limit,
                    filter=convert.to_filter(filter),
                    with_payload=with_payload,
                    with_vector=self._returned(with_vectors),
                )
            )
            page = convert.from_records(records, self.contract)
            return list(page.values()), following and str(following)

    def update(self, points: Sequence[Point], *, content_hashes: Sequence[str]) -> None:
        """Store points in place of those that are there and have one of the hashes still."""
        contract = self.contract.upgraded()
        with self._engine("store points") as shard:
            require_points(points, contract, self._where)
            if not points:
                return
            made, size = convert.to_points(points, contract)
            self._folder.require_writable(size)
            unchanged = convert.to_filter(has_content_hash(content_hashes))
            only = edge.UpdateMode.UpdateOnly
            shard.update(edge.UpdateOperation.upsert_points(made, unchanged, only))
            self._note(len(points))

    def keep_contract(self, contract: CollectionContract) -> None:
        """Keep another contract with the collection, and make room for the vectors it adds.

        Raises:
            ConfigError: if they are to be kept on disk, which the engine cannot do later.
        """
        if contract.upgrading and contract.settings.dense.on_disk:
            raise ConfigError(
                "the embedded engine cannot add dense vectors that are kept on disk: leave "
                "on_disk out, or index again into another collection"
            )
        with self._engine("keep its contract") as shard:
            self._folder.require_writable()
            self._folder.keep_contract(contract)
            if contract.upgrading:
                shard.update(convert.to_new_vector(contract.upgraded()))
            self._flush()
            self.contract = contract

    def create_payload_index(self, field: str, schema: str, *, is_tenant: bool = False) -> None:
        """Index a payload field so that filters on it are fast; doing it twice is harmless."""
        del is_tenant  # there is one folder for all
        with self._engine(f"index the field {field!r}") as shard:
            self._folder.require_writable()
            shard.update(convert.to_payload_index(field, schema))

    def bulk(self) -> AbstractContextManager[None]:
        """Return what does nothing: indexes of dense vectors are built by ``optimize`` only."""
        return nullcontext()

    def optimize(self) -> None:
        """Clean out deleted points, merge what was stored lately, and flush to disk."""
        with self._engine("optimize") as shard:
            self._folder.require_writable(self._folder.allocated_bytes())
            shard.optimize()
            self._flush()

    def status(self) -> CollectionStatus:
        """Return what the engine says of the collection."""
        with self._engine("read its state") as shard:
            return shard_status(shard, self.contract)

    def disk_bytes(self) -> int:
        """Return how much of the disk the collection occupies; what is not flushed is not there."""
        return self._folder.allocated_bytes()

    def close(self) -> None:
        """Flush and release the folder; doing it twice is harmless."""
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._shard is None:
                return
            shard, self._shard = self._shard, None
            self._finalizer.detach()
            release_shard(shard, self._folder, self._process, self._temporary, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> str:
        raise TypeError("an embedded collection cannot be pickled: open it where it is used")

    @contextmanager
    def _engine(self, doing: str) -> Iterator[Any]:
        """Give the shard to one caller at a time, and translate what it raises."""
        if os.getpid() != self._process:
            raise forked_error(self._process, self._where)
        with self._lock:
            if self._shard is None:
                raise EngineClosedError(f"{self._where} was closed: open it again")
            try:
                yield self._shard
            except BaseException as error:
                if (ours := translated(error, f"{self._where}: cannot {doing}")) is None:
                    raise
                raise ours from error

    def _returned(self, with_vectors: bool) -> list[str] | Literal[False]:
        return returned_vectors(self.contract) if with_vectors else False

    def _index_fields(self, settings: CollectionSettings) -> None:
        with self._engine("index payload fields") as shard:
            has = shard.info().payload_schema
            for field, schema in settings.indexed_fields.items():
                if (path := metadata_path(field)) not in has:
                    self._folder.require_writable()
                    shard.update(convert.to_payload_index(path, schema))

    def _note(self, changed: int) -> None:
        """Flush once enough has changed, so that reopening has little to replay."""
        self._changed += changed
        if self._changed >= _FLUSH_EVERY and not self._temporary:
            self._flush()

    def _flush(self) -> None:
        self._shard.flush()
        self._changed = 0
