"""A collection behind qdrant-client: on a server, or in the client's own local mode."""

from __future__ import annotations

import math
import os
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal

from qdrant_client import QdrantClient, models

from splade_sdk.caller import stacklevel
from splade_sdk.config import CollectionSettings, DenseFingerprint, Fingerprint, ServerSettings
from splade_sdk.errors import (
    CollectionMismatchError,
    EngineClosedError,
    EngineError,
)
from splade_sdk.forks import disown, forked_error, own
from splade_sdk.qdrant import convert
from splade_sdk.qdrant.address import Address
from splade_sdk.qdrant.base import (
    CollectionStatus,
    PayloadFields,
    Point,
    Record,
    ScoredPoint,
    SearchRequest,
)
from splade_sdk.qdrant.errors import engine_errors
from splade_sdk.qdrant.folder import holds_embedded
from splade_sdk.qdrant.payload import CONTENT_HASH, has_content_hash, included
from splade_sdk.qdrant.ranking import search_all
from splade_sdk.qdrant.retrying_client import retrying_client
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.qdrant.server_collection import (
    METADATA_KEY,
    add_dense,
    create_index,
    index_fields,
    open_contract,
    pause_indexing,
    read_arguments,
    server_status,
    set_indexing_threshold,
    without_local_warnings,
    write_arguments,
)
from splade_sdk.qdrant.vectors import require_points, require_requests, returned_vectors
from splade_sdk.retry import RetryPolicy
from splade_sdk.types import SparseVector

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["ServerCollection"]

_LOCAL_MODE_LIMIT = 5_000  # points beyond which its brute force is slow


class ServerCollection:
    """One collection on a Qdrant server or in local mode; see the protocol ``Collection``.

    An upsert waits until the server has written it down. One larger than about 4 MB is sent in
    several requests, and if one of them fails those before it stay stored. Each request to a server
    is tried again for itself, under the retry policy: ids are explicit, so nothing is stored twice.

    Args:
        client: Connected client; closed with this object.
        name: Name of the collection.
        contract: What is kept with it.
        where: What to call it in messages.
        secret: The API key, so that no message repeats it.
        local: Whether the client is in local mode.
        retry: How calls that failed are tried again; None tries each once.
        settings: Consistency, ordering and shard key of its calls.
    """

    def __init__(
        self,
        client: QdrantClient,
        name: str,
        contract: CollectionContract,
        *,
        where: str,
        secret: str | None = None,
        local: bool = False,
        retry: RetryPolicy | None = None,
        settings: ServerSettings | None = None,
    ) -> None:
        self.contract = contract
        self._reading, self._writing = read_arguments(settings), write_arguments(settings)
        self._shard_key = None if settings is None else settings.shard_key
        self._client: QdrantClient | None = client
        self._process = os.getpid()
        own(client)  # a forked child would unlock the folder, or speak on our connections
        self._finalizer = weakref.finalize(self, disown, client)
        self._collection = name
        self._where = where
        self._secret = secret
        self._local = self._may_warn = local
        self._retry = retry
        # Local mode breaks when threads read and write at once; a server does not.
        self._one_at_a_time: AbstractContextManager[Any] = RLock() if local else nullcontext()

    @classmethod
    def open(
        cls,
        where: Address,
        *,
        fingerprint: Fingerprint,
        settings: CollectionSettings | None = None,
        dense: DenseFingerprint | None = None,
        create: bool = True,
    ) -> Self:
        """Open a collection, or make it.

        Args:
            where: Of a server; a path, or the url ``":memory:"``, is local mode.
            fingerprint: The encoder that will be used with it.
            settings: Layout of a new one; of one that exists, what is expected.
            dense: The dense model that will be used with it.
            create: Make it where it does not exist.

        Raises:
            CollectionNotFoundError: if it does not exist and is not to be made.
            CollectionMismatchError: if another model or layout made it, or another program.
            EngineError: if the server cannot be reached, or refuses.
        """
        if where.folder is not None and holds_embedded(where.folder):
            raise CollectionMismatchError(
                f"the index in {where.folder} was made by the embedded engine, not by "
                "qdrant-client's local mode: install it (pip install 'splade-sdk[edge]'), or "
                "choose another path"
            )
        doing = f"cannot open {where}"
        with engine_errors(doing, where.api_key), without_local_warnings():
            client = _connected(where)
        policy = RetryPolicy(where.retry) if where.on_server and where.retry else None
        try:
            with without_local_warnings():
                calls = retrying_client(client, policy, doing, where.api_key)
                wanted = CollectionContract.make(fingerprint, settings, dense)
                contract = open_contract(
                    calls, where.collection, wanted, settings, where=str(where), create=create
                )
                index_fields(calls, where.collection, settings or contract.settings)
        except BaseException:
            client.close()
            raise
        return cls(
            client,
            where.collection,
            contract,
            where=str(where),
            secret=where.api_key,
            local=not where.on_server,
            retry=policy,
            settings=settings.server if settings else None,
        )

    def upsert(self, points: Sequence[Point]) -> None:
        """Store points, replacing those with the same id; durable when it returns."""
        require_points(points, self.contract, self._where)
        with self._engine("store points") as client:
            for run in convert.uploads(points, self.contract):
                structs = convert.to_structs(run, self.contract)
                client.upsert(self._collection, points=structs, wait=True, **self._writing)
            if self._may_warn:
                self._warn_if_slow(client)

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """Return the best points by inner product, highest first, ties by id."""
        return self.search_batch([request])[0]

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """Answer several searches in one call, in order."""
        require_requests(requests, self.contract, self._where)
        with self._engine("search") as client:

            def ask(asked: Sequence[tuple[SearchRequest, int]]) -> list[list[ScoredPoint]]:
                return self._query(client, asked)

            return search_all(requests, ask, self.count)

    def get(
        self,
        ids: Sequence[str],
        *,
        with_payload: PayloadFields = True,
        with_vectors: bool = False,
    ) -> list[Record]:
        """Return the points that exist among ``ids``, in the order of ``ids``."""
        with self._engine("read points") as client:
            records = client.retrieve(
                self._collection,
                list(ids),
                with_payload=included(with_payload),
                with_vectors=self._returned(with_vectors),
                **self._reading,
            )
            found = convert.from_records(records, self.contract)
            return [found[each] for each in ids if each in found]

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the content hash of each point that exists among ``ids`` and has one, by id."""
        with self._engine("read points") as client:
            records = client.retrieve(
                self._collection,
                list(ids),
                with_payload=[CONTENT_HASH],
                with_vectors=False,
                **self._reading,
            )
            return {
                str(record.id): found[CONTENT_HASH]
                for record in records
                if (found := record.payload)
            }

    def delete(self, ids: Sequence[str] | models.Filter) -> None:
        """Delete by id or by filter; ids that do not exist are ignored."""
        selector: models.PointsSelector = (
            models.FilterSelector(filter=ids)
            if isinstance(ids, models.Filter)
            else models.PointIdsList(points=list(ids))
        )
        with self._engine("delete points") as client:
            if not isinstance(ids, models.Filter) and not ids:
                return  # the engine refuses an empty list
            client.delete(self._collection, points_selector=selector, wait=True, **self._writing)

    def count(self, filter: models.Filter | None = None) -> int:  # noqa: A002 - Qdrant's name
        """Count exactly the points that meet the filter."""
        with self._engine("count points") as client:
            return client.count(
                self._collection,
                count_filter=filter,
                exact=True,
                shard_key_selector=self._shard_key,
            ).count

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
        with self._engine("read points") as client:
            records, following = client.scroll(
                self._collection,
                scroll_filter=filter,
                limit=limit,
                offset=offset,
                with_payload=with_payload,
                with_vectors=self._returned(with_vectors),
                **self._reading,
            )
            page = convert.from_records(records, self.contract)
            return list(page.values()), None if following is None else str(following)

    def update(self, points: Sequence[Point], *, content_hashes: Sequence[str]) -> None:
        """Store points in place of those that are there and have one of the hashes still."""
        contract = self.contract.upgraded()
        require_points(points, contract, self._where)
        with self._engine("store points") as client:
            for run in convert.uploads(points, contract):
                client.upsert(
                    self._collection,
                    points=convert.to_structs(run, contract),
                    update_mode=models.UpdateMode.UPDATE_ONLY,
                    update_filter=has_content_hash(content_hashes),
                    wait=True,
                    **self._writing,
                )

    def keep_contract(self, contract: CollectionContract) -> None:
        """Keep another contract with the collection, and make room for the vectors it adds.

        Raises:
            EngineError: if the client is in local mode, which cannot add vectors.
        """
        with self._engine("keep its contract") as client:
            if contract.upgrading and self._local:
                raise EngineError(
                    f"{self._where}: qdrant-client's local mode cannot add vectors to a "
                    "collection: index again into another one, or use the embedded engine "
                    "(pip install 'splade-sdk[edge]') or a server"
                )
            client.update_collection(self._collection, metadata={METADATA_KEY: contract.to_json()})
            if contract.upgrading:
                add_dense(client, self._collection, contract.upgraded())
            self.contract = contract

    def create_payload_index(self, field: str, schema: str, *, is_tenant: bool = False) -> None:
        """Index a payload field so that filters on it are fast; doing it twice is harmless."""
        with self._engine(f"index the field {field!r}") as client:
            create_index(client, self._collection, field, schema, is_tenant=is_tenant)

    def bulk(self) -> AbstractContextManager[None]:
        """Return what lets the server build indexes of dense vectors only when it is left."""
        return nullcontext() if self._local else self._without_indexing()

    @contextmanager
    def _without_indexing(self) -> Iterator[None]:
        with self._engine("hold its indexing") as client:
            had = pause_indexing(client, self._collection)
        try:
            yield
        finally:
            with self._engine("let it index again") as client:
                set_indexing_threshold(client, self._collection, had)

    def optimize(self) -> None:
        """Do nothing: a server does so by itself, and local mode has no index."""
        with self._engine("optimize"):
            pass

    def status(self) -> CollectionStatus:
        """Return what the engine says of the collection."""
        with self._engine("read its state") as client:
            return server_status(
                client, self._collection, self.contract, local=self._local, limit=_LOCAL_MODE_LIMIT
            )

    def close(self) -> None:
        """Close the connection; doing it twice is harmless."""
        if self._client is None or os.getpid() != self._process:
            return
        client, self._client = self._client, None
        self._finalizer()
        with engine_errors(f"{self._where}: cannot close", self._secret):
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _engine(self, doing: str) -> Iterator[QdrantClient]:
        """Give the client, whose calls raise our errors; in local mode to one caller at a time."""
        if os.getpid() != self._process:
            raise forked_error(self._process, self._where)
        if self._client is None:
            raise EngineClosedError(f"{self._where} was closed: open it again")
        doing = f"{self._where}: cannot {doing}"
        with self._one_at_a_time:
            yield retrying_client(self._client, self._retry, doing, self._secret)

    def _query(
        self, client: QdrantClient, asked: Sequence[tuple[SearchRequest, int]]
    ) -> list[list[ScoredPoint]]:
        queries = convert.to_queries(asked, self.contract)
        queries = [each.model_copy(update={"shard_key": self._shard_key}) for each in queries]
        answers = client.query_batch_points(
            self._collection, requests=queries, consistency=self._reading.get("consistency")
        )
        # Local mode may return points that share no term with the query, with the score 0.
        return [
            [
                convert.from_scored(point, self.contract)
                for point in answer.points
                if point.score > 0 or not isinstance(request.vector, SparseVector)
            ]
            for (request, _), answer in zip(asked, answers, strict=True)
        ]

    def _returned(self, with_vectors: bool) -> list[str] | Literal[False]:
        return returned_vectors(self.contract) if with_vectors else False

    def _warn_if_slow(self, client: QdrantClient) -> None:
        if client.count(self._collection, exact=True).count > _LOCAL_MODE_LIMIT:
            self._may_warn = False
            warnings.warn(
                f"{self._where} has more than {_LOCAL_MODE_LIMIT:,} points, and qdrant-client's "
                "local mode compares each of them with every query: pip install "
                "'splade-sdk[edge]' for the embedded engine, or run a Qdrant server",
                UserWarning,
                stacklevel=stacklevel(),
            )


def _connected(where: Address) -> QdrantClient:
    if where.folder is not None:
        return QdrantClient(path=str(where.folder))
    if not where.on_server:
        return QdrantClient(":memory:")
    return QdrantClient(
        where.url,
        api_key=where.api_key,
        timeout=max(1, math.ceil(where.timeout_s)),
        check_compatibility=False,  # it would run in a thread of its own, and could only warn
    )
