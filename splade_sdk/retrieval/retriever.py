"""Stores documents and finds them again: the encoder and the engine behind one object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from splade_sdk.config import CollectionSettings
from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
from splade_sdk.errors import InvalidFilterError, InvalidInputError
from splade_sdk.qdrant.address import require_name, require_place, without_credentials
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.ids import point_id
from splade_sdk.retrieval.batches import begun
from splade_sdk.retrieval.connection import Connection
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.maintenance import MaintenanceMethods
from splade_sdk.retrieval.requests import require_ids
from splade_sdk.retrieval.results import to_document
from splade_sdk.retrieval.search_methods import SearchMethods
from splade_sdk.retrieval.search_settings import SearchSettings, read_search_settings
from splade_sdk.retry import DEFAULT_RETRY, RetrySettings
from splade_sdk.types import Document, IngestReport
from splade_sdk.types.arguments import require_whole

if TYPE_CHECKING:
    from types import TracebackType

    from qdrant_client import models
    from typing_extensions import Self

__all__ = ["Retriever"]


class Retriever(SearchMethods, MaintenanceMethods):
    """One collection of documents, searched by sparse vectors, dense ones, or both.

    Making one does no work: the model loads and the collection opens at first use. ``upsert``
    creates the collection where it does not exist; everything else then raises
    CollectionNotFoundError.

    Args:
        url: Address of a Qdrant server, or ``":memory:"`` for a collection that lives as long as
            this object.
        path: Folder of an embedded collection, instead of a server; ``~`` is the user's home.
        collection: Name of the collection.
        encoder: Makes the sparse vectors; None for SpladeEncoder() with the default model.
        dense_encoder: Makes the dense ones: an object with ``encode(texts) -> array`` such as a
            SentenceTransformer (its ``encode_query`` and ``encode_document`` are used where it
            has them). None for the dense head of ``encoder``, if its model has one: one pass then
            gives both vectors. False for no dense vectors.
        api_key: Key of the server.
        settings: Layout of a collection that is created; None for the defaults.
        timeout_s: Seconds to wait for an answer of the server.
        retry: How calls of the server that failed are tried again; None tries each once.
        search_settings: What is done unless a call says otherwise: mode, fusion, pruning; the path
            of a file that ``splade tune`` wrote, or SearchSettings.
        tenant: Whose documents these are, in a collection of several tenants. This object then
            neither sees nor touches documents of others, whatever is called, and ids of two tenants
            may be equal. None sees the documents of all.

    Raises:
        InvalidDataError: if there is no file of search settings, or it is none.
        ConfigError: if not exactly one of ``url`` and ``path`` is given, or one of them or the name
            is malformed.
        InvalidTypeError: if an argument has the wrong type, or an encoder cannot encode.

    Example:
        >>> with Retriever(":memory:") as retriever:  # doctest: +SKIP
        ...     retriever.upsert([Document("a1", "symptoms of a heart attack")])
        ...     retriever.search("cardiac arrest signs", limit=3)
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
    ) -> None:
        url, path = require_place(url, path)
        require_name(collection)
        place = without_credentials(url) if url is not None else str(path)
        whose = "" if tenant is None else f", tenant={tenant!r}"
        self._shown = f"Retriever({place!r}, collection={collection!r}{whose})"
        self._connection = Connection(
            url,
            path=path,
            name=collection,
            encoder=encoder,
            dense_encoder=dense_encoder,
            api_key=api_key,
            settings=settings,
            timeout_s=timeout_s,
            retry=retry,
            search_settings=read_search_settings(search_settings),
            tenant=tenant,
        )

    @property
    def encoder(self) -> SparseEncoder:
        """The encoder in use; loads the default model at first use."""
        return self._connection.encoding.encoder

    @property
    def url(self) -> str | None:
        """Address of the server, or ``":memory:"``; None for a folder."""
        return self._connection.url

    @property
    def encoding(self) -> EncoderPair:
        """Both encoders in use, as one; loads the default model at first use."""
        return self._connection.encoding

    @property
    def search_settings(self) -> SearchSettings:
        """What is done unless a call says otherwise."""
        return self._connection.search_settings

    def upsert(
        self,
        documents: Iterable[Document],
        *,
        batch_size: int = 256,
        skip_unchanged: bool = True,
        checkpoint: str | Path | None = None,
        dead_letter: str | Path | None = None,
        bulk: bool = False,
        show_progress_bar: bool | None = None,
    ) -> IngestReport:
        """Encode and store documents, replacing those with the same id.

        The iterable is read batch by batch: memory does not grow with it. A batch is encoded while
        the one before is being stored. An id that comes more than once is stored once, as its last
        document. A document with a ready-made vector is stored with it. Documents of an empty
        vector are stored too, and never match.

        A content hash is kept with each document, so that running the same upsert again encodes
        and writes nothing; where only the metadata changed, the stored vector is kept.

        A batch that the engine refuses is reported in ``failed``, and the next one is tried; an
        engine that cannot be reached, or does not let us in, raises. Whatever ends it, also
        what ``documents`` itself raises, all batches before stay stored, and calling it again with
        the same documents does no harm. An error that comes while documents are read and stored
        has the attribute ``report``: the IngestReport up to then.

        Args:
            documents: Any iterable of Document, also a generator.
            batch_size: Documents stored at once at most; a batch of more than about 4 MB of text
                and vectors is smaller.
            skip_unchanged: Leave out documents that are stored already, as they are; False encodes
                and writes all of them.
            checkpoint: File that remembers how far the stream is stored, so that the same upsert
                of the same stream goes on there after a crash; removed when all is stored. What
                it says is checked against the stream and the collection.
            dead_letter: File to which documents that could not be stored are appended, as JSON
                lines with their cause.
            bulk: Let a server build indexes of dense vectors after the load instead of during it,
                for big ones; other engines do so in any case.
            show_progress_bar: Draw a bar on stderr; None shows one on a terminal, for work that
                takes a while.

        Raises:
            InvalidTypeError: if an item is not a Document.
            InvalidDocumentError: if metadata cannot be stored as JSON.
            InvalidVectorError: if a ready-made vector is not of the encoder's space.
            ConfigError: if the folder of a file does not exist; or if the collection has dense
                vectors, a document has none, and there is no encoder for it.
            EngineError: if no later batch could be stored either.
        """
        from splade_sdk.retrieval.upload import UploadOptions, upsert

        options = UploadOptions(
            batch_size, skip_unchanged, checkpoint, dead_letter, show_progress_bar
        )
        documents = begun(documents)
        collection = self._connection.open(create=True)
        with collection.bulk() if bulk else nullcontext():
            return upsert(documents, collection, self._connection.encoding, options)

    def sync(
        self,
        documents: Iterable[Document],
        *,
        allow_empty: bool = False,
        batch_size: int = 256,
        skip_unchanged: bool = True,
        checkpoint: str | Path | None = None,
        dead_letter: str | Path | None = None,
        bulk: bool = False,
        show_progress_bar: bool | None = None,
    ) -> IngestReport:
        """Make the collection hold these documents and no others: upsert, then delete the rest.

        Nothing is deleted before all documents have been read without an error. A document that
        could not be stored keeps its stored version. What others store meanwhile is deleted too.
        Errors have the attribute ``report``, as with ``upsert``.

        Args:
            documents: All documents that are wanted.
            allow_empty: Let no documents at all mean that all are deleted.
            batch_size: See ``upsert``, also for the rest.
            skip_unchanged: Leave out documents that are stored already, as they are.
            checkpoint: File that remembers how far the stream is stored.
            dead_letter: File to which documents that could not be stored are appended.
            bulk: Let a server build indexes after the load.
            show_progress_bar: Draw a bar on stderr.

        Raises:
            InvalidInputError: if there are no documents, without ``allow_empty``.
            EngineError: what ``upsert`` raises, and if the engine cannot delete.
        """
        from splade_sdk.retrieval.upload import UploadOptions, sync

        options = UploadOptions(
            batch_size, skip_unchanged, checkpoint, dead_letter, show_progress_bar
        )
        documents = begun(documents)
        collection = self._connection.open(create=True)
        encoding = self._connection.encoding
        with collection.bulk() if bulk else nullcontext():
            return sync(documents, collection, encoding, options, allow_empty=allow_empty)

    @overload
    def get(  # type: ignore[overload-overlap]
        self, ids: str, *, with_vectors: bool = ...
    ) -> Document | None: ...
    @overload
    def get(self, ids: Sequence[str], *, with_vectors: bool = ...) -> list[Document]: ...
    def get(
        self, ids: str | Sequence[str], *, with_vectors: bool = False
    ) -> Document | list[Document] | None:
        """Return documents by id.

        Args:
            ids: One id gives its document, or None where there is none; a list gives those that
                exist, in the order asked for.
            with_vectors: Return the stored vectors with them.
        """
        wanted = [ids] if isinstance(ids, str) else require_ids(ids)
        records = self._connection.open().get(
            [point_id(each) for each in wanted], with_vectors=with_vectors
        )
        found = [to_document(record) for record in records]
        if isinstance(ids, str):
            return found[0] if found else None
        return found

    def documents(
        self,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        batch_size: int = 256,
        with_vectors: bool = False,
    ) -> Iterator[Document]:
        """Iterate over all documents that meet the filter, a page at a time, in the engine's order.

        Args:
            filter: Conditions on the metadata.
            batch_size: Documents fetched at once.
            with_vectors: Return the stored vectors with them.

        Raises:
            InvalidTypeError: if ``batch_size`` is no whole number.
            ConfigError: if it is below 1.
        """
        conditions = _page_filter(filter, batch_size)
        self._connection.open()

        def pages() -> Iterator[Document]:
            offset = None
            while True:
                page, offset = self._page(
                    filter=conditions,
                    batch_size=batch_size,
                    with_vectors=with_vectors,
                    offset=offset,
                )
                yield from page
                if offset is None:
                    return

        return pages()

    def _page(
        self,
        *,
        filter: Mapping[str, Any] | models.Filter | None,  # noqa: A002 - Qdrant's name
        batch_size: int,
        with_vectors: bool,
        offset: str | None,
    ) -> tuple[list[Document], str | None]:
        """Return a page of ``documents``, and the offset of the next one (None: last)."""
        records, following = self._connection.open().scroll(
            filter=_page_filter(filter, batch_size),
            limit=int(batch_size),
            offset=offset,
            with_vectors=with_vectors,
        )
        return [to_document(record) for record in records], following

    def count(
        self,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
    ) -> int:
        """Count exactly the documents that meet the filter."""
        return self._connection.open().count(to_filter(filter))

    def delete(
        self,
        ids: str | Sequence[str] | None = None,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
    ) -> None:
        """Delete documents by id or by filter; ids that do not exist are ignored.

        Args:
            ids: One id or several.
            filter: Conditions on the metadata; an empty filter, which would match every
                document, is refused.

        Raises:
            InvalidInputError: if not exactly one of ``ids`` and ``filter`` is given.
            InvalidFilterError: if the filter is empty or has the wrong shape.
        """
        if (ids is None) == (filter is None):
            raise InvalidInputError(
                f"ids is {ids!r} and filter is {filter!r}: give exactly one of them"
            )
        if ids is None:
            conditions = to_filter(filter)
            if conditions is None or not any(
                (conditions.must, conditions.should, conditions.must_not, conditions.min_should)
            ):
                raise InvalidFilterError(
                    f"filter is {filter!r}: it has no condition, so it would delete every document"
                )
            self._connection.open().delete(conditions)
        else:
            wanted = [ids] if isinstance(ids, str) else require_ids(ids)
            self._connection.open().delete([point_id(each) for each in wanted])

    def close(self) -> None:
        """Release the engine; doing it twice is harmless, using the object after is an error."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return self._shown


def _page_filter(
    filter: Mapping[str, Any] | models.Filter | None,  # noqa: A002 - Qdrant's name
    batch_size: int,
) -> models.Filter | None:
    """Return the filter of pages of a size, both checked."""
    require_whole(batch_size, "batch_size", least=1)
    return to_filter(filter)
