"""AsyncRetriever: a Retriever for coroutines, which never holds the event loop up.

Everything but a server's answers is work of this machine: encoding, and an embedded engine that
keeps the interpreter's lock (GIL) for the length of each call. So there is one implementation, the
synchronous one, and it is run elsewhere:

- In threads, where the engine is a server: waiting for it, and encoding in torch, release the GIL.
  A second client stack on asyncio would double every adapter, only to save these few threads.
- In a worker process, encoder included, where the engine is in process: its calls, of which one
  stores a whole batch, would hold up every other thread.
"""

from __future__ import annotations

import asyncio
import warnings
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from typing_extensions import Unpack

from splade_sdk.caller import stacklevel
from splade_sdk.config import CollectionSettings
from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
from splade_sdk.keywords import shows
from splade_sdk.retrieval.hosting.base import Host
from splade_sdk.retrieval.hosting.feeding import ingest
from splade_sdk.retrieval.hosting.process import ProcessHost
from splade_sdk.retrieval.hosting.threads import ThreadHost
from splade_sdk.retrieval.ingest.options import UpsertKeywords, UpsertOptions
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.options import (
    GroupKeywords,
    Mode,
    SearchKeywords,
    SearchOptions,
    SearchSettings,
    read_search_settings,
)
from splade_sdk.retrieval.search.query import Query, is_single, require_queries
from splade_sdk.retry import DEFAULT_RETRY, RetrySettings
from splade_sdk.types import (
    DoctorReport,
    Document,
    Explanation,
    Hit,
    HitGroup,
    HybridBatch,
    IngestReport,
    SparseBatch,
    UpgradeReport,
)
from splade_sdk.types.arguments import require_whole

if TYPE_CHECKING:
    from types import TracebackType

    from qdrant_client import models
    from typing_extensions import Self

__all__ = ["AsyncRetriever"]

T = TypeVar("T")


class AsyncRetriever:
    """``Retriever`` for coroutines: the same methods and arguments, and they are awaited.

    With a server it works in threads; with a ``path``, or ``":memory:"``, in a worker process that
    holds the encoder and the engine, starts at first use, and ends with ``close`` or with this
    process. If it dies, the calls under way raise an EngineError, and the next call starts another.
    Searches are answered while documents are stored. It may be used from several event loops and
    threads, but not in a fork.

    The worker process makes the encoder anew: SpladeEncoder, Bm25Encoder and RemoteEncoder from
    their arguments, others by pickle. Leave ``encoder`` out for the default model, and this process
    loads none.

    A call that is cancelled, as by ``asyncio.timeout``, ends at once, though it may still be
    carried out. A cancelled ``upsert`` or ``sync`` ends after the batch in flight: what it stored
    stays, and the CancelledError has the attribute ``report``. Either way the retriever can be
    used on.

    Args:
        url: See ``Retriever``, also for the rest.
        path: Folder of an embedded collection, instead of a server.
        collection: Name of the collection.
        encoder: Makes the sparse vectors.
        dense_encoder: Makes the dense ones.
        api_key: Key of the server.
        settings: Layout of a collection that is created.
        timeout_s: Seconds to wait for an answer of the server.
        retry: How calls of the server that failed are tried again.
        search_settings: What is done unless a call says otherwise.
        tenant: Whose documents these are.
        max_concurrency: Ingests under way at most, and other calls at most; more wait their turn.

    Raises:
        ConfigError: if not exactly one of ``url`` and ``path`` is given; from the first call on, if
            the worker process cannot make the encoder.
        InvalidTypeError: if ``dense_encoder`` cannot encode.

    Example:
        >>> async with AsyncRetriever(path="./index") as retriever:  # doctest: +SKIP
        ...     await retriever.upsert([Document("a1", "symptoms of a heart attack")])
        ...     await retriever.search("cardiac arrest signs", limit=3)
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        path: str | Path | None = None,
        collection: str = "documents",
        encoder: SparseEncoder | None = None,
        dense_encoder: DenseEncoder | Literal[False] | None = None,
        api_key: str | None = None,
        settings: CollectionSettings | None = None,
        timeout_s: float = 30.0,
        retry: RetrySettings | None = DEFAULT_RETRY,
        search_settings: SearchSettings | str | Path | None = None,
        tenant: str | None = None,
        max_concurrency: int = 8,
    ) -> None:
        require_whole(max_concurrency, "max_concurrency", 1)
        given: dict[str, Any] = {
            "url": url,
            "path": path,
            "collection": collection,
            "encoder": encoder,
            "dense_encoder": dense_encoder,
            "api_key": api_key,
            "settings": settings,
            "timeout_s": timeout_s,
            "retry": retry,
            "search_settings": read_search_settings(search_settings),
            "tenant": tenant,
        }
        retriever = Retriever(**given)
        self._shown = f"Async{retriever!r}"
        self._host: Host = (
            ProcessHost(given, self._shown, max_concurrency)
            if url is None or url == ":memory:"
            else ThreadHost(retriever, max_concurrency)
        )
        self._reading = ThreadPoolExecutor(max_concurrency, "splade-async-documents")
        self._retriever = retriever
        weakref.finalize(self, self._host.release)

    @property
    def encoder(self) -> SparseEncoder:
        """The encoder in use, in this process; loads the default model at first use."""
        return self._retriever.encoder

    @property
    def url(self) -> str | None:
        """Address of the server, or ``":memory:"``; None for a folder."""
        return self._retriever.url

    @property
    def search_settings(self) -> SearchSettings:
        """What is done unless a call says otherwise."""
        return self._retriever.search_settings

    @shows(UpsertOptions, UpsertKeywords)
    async def upsert(
        self,
        documents: Iterable[Document] | AsyncIterable[Document],
        **options: Unpack[UpsertKeywords],
    ) -> IngestReport:
        """Encode and store documents; see ``Retriever.upsert``.

        Args:
            documents: Any iterable, read in a thread, or async iterable, read in the event loop; a
                few hundred documents at most are read ahead of what is stored.
            options: See UpsertOptions.
        """
        return await self._ingest("upsert", documents, **options)

    @shows(UpsertOptions, UpsertKeywords)
    async def sync(
        self,
        documents: Iterable[Document] | AsyncIterable[Document],
        *,
        allow_empty: bool = False,
        **options: Unpack[UpsertKeywords],
    ) -> IngestReport:
        """Make the collection hold these documents and no others; see ``Retriever.sync``.

        Args:
            documents: As in ``upsert``.
            allow_empty: Let no documents at all mean that all are deleted.
            options: See UpsertOptions.
        """
        return await self._ingest("sync", documents, allow_empty=allow_empty, **options)

    async def upgrade_to_hybrid(
        self, *, batch_size: int = 256, show_progress_bar: bool | None = None
    ) -> UpgradeReport:
        """Add dense vectors to a collection that has none; see ``Retriever.upgrade_to_hybrid``."""
        report: UpgradeReport = await self._call(
            "upgrade_to_hybrid", batch_size=batch_size, show_progress_bar=show_progress_bar
        )
        return report

    async def modes(self) -> tuple[Mode, ...]:
        """Return the modes that ``search`` can take for a text; see ``Retriever.modes``."""
        found: tuple[Mode, ...] = await self._call("_modes")
        return found

    @overload
    async def search(  # type: ignore[overload-overlap]  # a string is a sequence, too
        self, query: Query, **options: Unpack[SearchKeywords]
    ) -> list[Hit]: ...
    @overload
    async def search(
        self, query: Sequence[Query] | SparseBatch | HybridBatch, **options: Unpack[SearchKeywords]
    ) -> list[list[Hit]]: ...
    @shows(SearchOptions, SearchKeywords)
    async def search(
        self,
        query: Query | Sequence[Query] | SparseBatch | HybridBatch,
        **options: Unpack[SearchKeywords],
    ) -> list[Hit] | list[list[Hit]]:
        """Return the best documents of one query, or of each of several; see Retriever."""
        given = query if is_single(query) else require_queries(query)
        hits: list[Hit] | list[list[Hit]] = await self._call("search", query=given, **options)
        return hits

    @shows(SearchOptions, SearchKeywords)
    async def search_batch(
        self,
        queries: Sequence[Query] | SparseBatch | HybridBatch,
        **options: Unpack[SearchKeywords],
    ) -> list[list[Hit]]:
        """Answer several queries, in order; see ``Retriever.search_batch``."""
        hits: list[list[Hit]] = await self._call(
            "search_batch", queries=require_queries(queries), **options
        )
        return hits

    @shows(SearchOptions, SearchKeywords)
    async def explain(
        self, query: Query, hit: Hit | str, **options: Unpack[SearchKeywords]
    ) -> Explanation:
        """Return what each shared term gave to a document's score; see ``Retriever.explain``."""
        explanation: Explanation = await self._call("explain", query=query, hit=hit, **options)
        return explanation

    @shows(SearchOptions, GroupKeywords)
    async def search_groups(
        self, query: Query, *, group_by: str, group_size: int = 3, **options: Unpack[GroupKeywords]
    ) -> list[HitGroup]:
        """Return the best documents of the best groups; see ``Retriever.search_groups``."""
        groups: list[HitGroup] = await self._call(
            "search_groups", query=query, group_by=group_by, group_size=group_size, **options
        )
        return groups

    @shows(SearchOptions, SearchKeywords)
    async def recommend(
        self,
        positive: str | Sequence[str],
        *,
        negative: str | Sequence[str] = (),
        **options: Unpack[SearchKeywords],
    ) -> list[Hit]:
        """Return the documents that are most like stored ones; see ``Retriever.recommend``."""
        hits: list[Hit] = await self._call(
            "recommend", positive=positive, negative=negative, **options
        )
        return hits

    @overload
    async def get(  # type: ignore[overload-overlap]
        self, ids: str, *, with_vectors: bool = ...
    ) -> Document | None: ...
    @overload
    async def get(self, ids: Sequence[str], *, with_vectors: bool = ...) -> list[Document]: ...
    async def get(
        self, ids: str | Sequence[str], *, with_vectors: bool = False
    ) -> Document | list[Document] | None:
        """Return documents by id; see ``Retriever.get``."""
        found: Document | list[Document] | None = await self._call(
            "get", ids=ids, with_vectors=with_vectors
        )
        return found

    async def documents(
        self,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        batch_size: int = 256,
        with_vectors: bool = False,
    ) -> AsyncIterator[Document]:
        """Iterate over all documents that meet the filter; see ``Retriever.documents``."""
        offset: str | None = None
        while True:
            page: tuple[list[Document], str | None] = await self._call(
                "_page",
                filter=filter,
                batch_size=batch_size,
                with_vectors=with_vectors,
                offset=offset,
            )
            found, offset = page
            for document in found:
                yield document
            if offset is None:
                return

    async def count(
        self,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
    ) -> int:
        """Count exactly the documents that meet the filter; see ``Retriever.count``."""
        counted: int = await self._call("count", filter=filter)
        return counted

    async def delete(
        self,
        ids: str | Sequence[str] | None = None,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
    ) -> None:
        """Delete documents by id or by filter; see ``Retriever.delete``."""
        await self._call("delete", ids=ids, filter=filter)

    async def doctor(self) -> DoctorReport:
        """Check the collection and the encoders; see ``Retriever.doctor``."""
        report: DoctorReport = await self._call("doctor")
        return report

    async def optimize(self) -> None:
        """Clean out deleted documents and flush to disk; a server does so by itself."""
        await self._call("optimize")

    async def close(self) -> None:
        """Wait for the calls under way, end ingests after the batch in flight, release the engine.

        Doing it twice is harmless, using the object after is an error.
        """
        await asyncio.to_thread(self._host.close)
        self._reading.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return self._shown

    async def _call(self, method: str, **arguments: object) -> Any:
        return await self._told(asyncio.wrap_future(self._host.call(method, arguments)))

    async def _ingest(
        self,
        method: str,
        documents: Iterable[Document] | AsyncIterable[Document],
        **arguments: object,
    ) -> IngestReport:
        return await self._told(ingest(self._host, method, documents, arguments, self._reading))

    async def _told(self, under_way: Awaitable[T]) -> T:
        """Return the result of a call, and warn here of what the worker process warned of."""
        try:
            result = await under_way
        except Exception:
            self._warn()
            raise
        self._warn()
        return result

    def _warn(self) -> None:
        for each in self._host.warnings():
            warnings.warn(each, stacklevel=stacklevel())
