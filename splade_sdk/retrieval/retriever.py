"""Stores documents and finds them again: the encoder and the engine behind one object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from typing_extensions import Unpack

from splade_sdk.config import CollectionSettings
from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
from splade_sdk.errors import InvalidFilterError, InvalidInputError, InvalidTypeError
from splade_sdk.keywords import shows
from splade_sdk.qdrant.address import Address
from splade_sdk.qdrant.base import Record
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import document_parts, metadata_path
from splade_sdk.retrieval.connection import Connection
from splade_sdk.retrieval.ingest.options import UpsertKeywords, UpsertOptions
from splade_sdk.retrieval.search.explain import Explainer
from splade_sdk.retrieval.search.options import (
    GroupKeywords,
    Mode,
    SearchKeywords,
    SearchOptions,
    SearchSettings,
    read_search_settings,
)
from splade_sdk.retrieval.search.query import (
    LegQueries,
    Query,
    is_single,
    like_examples,
    query_legs,
    require_queries,
    without,
)
from splade_sdk.retrieval.search.run import Job, search
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

__all__ = ["Retriever"]


class Retriever:
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
        InvalidDataError: if the search-settings file is missing or malformed.
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
        where = Address(
            url=url,
            path=path,
            collection=collection,
            api_key=api_key,
            timeout_s=timeout_s,
            retry=retry,
        )
        whose = "" if tenant is None else f", tenant={tenant!r}"
        self._shown = f"Retriever({where.place!r}, collection={collection!r}{whose})"
        self._connection = Connection(
            where,
            encoder=encoder,
            dense_encoder=dense_encoder,
            settings=settings,
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
        return self._connection.where.url

    @property
    def search_settings(self) -> SearchSettings:
        """What is done unless a call says otherwise."""
        return self._connection.search_settings

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes that ``search`` can take for a text: the last one is its default.

        Raises:
            CollectionNotFoundError: if nothing has been upserted yet.
            EngineError: if the engine fails.
        """
        return self._modes()

    def _modes(self) -> tuple[Mode, ...]:
        has_dense = self._connection.open().contract.dense is not None
        if has_dense and self._connection.encoding.dense is not None:
            return ("sparse", "dense", "hybrid")
        return ("sparse",)

    @shows(UpsertOptions, UpsertKeywords)
    def upsert(
        self, documents: Iterable[Document], **options: Unpack[UpsertKeywords]
    ) -> IngestReport:
        """Encode and store documents, replacing those with the same id.

        The iterable is read batch by batch: memory does not grow with it. A batch is encoded while
        the one before is being stored. An id that comes more than once is stored once, as its last
        document, and counted in the report. A document with a ready-made vector is stored with it.
        Documents of an empty vector are stored too, and never match.

        A content hash is kept with each document, so that running the same upsert again encodes
        and writes nothing; where only the metadata changed, the stored vector is kept.

        A batch that the engine refuses is reported in ``failed``, and the next one is tried; an
        unreachable engine or a rejected key raises. Whatever ends it, also what ``documents``
        itself raises, all batches before stay stored, and calling it again with the same documents
        does no harm. An error that comes while documents are read and stored has the attribute
        ``report``: the IngestReport up to then.

        Args:
            documents: Any iterable of Document, also a generator.
            options: See UpsertOptions.

        Raises:
            InvalidTypeError: if an item is not a Document, or an option does not exist.
            InvalidDocumentError: if metadata cannot be stored as JSON.
            InvalidVectorError: if a ready-made vector is not of the encoder's space.
            ConfigError: if the folder of a file does not exist; or if the collection has dense
                vectors, a document has none, and there is no encoder for it.
            EngineError: if no later batch could be stored either.
        """
        from splade_sdk.retrieval.ingest.run import upsert

        given, stream = _ingest(documents, options)
        collection = self._connection.open(create=True)
        return upsert(stream, collection, self._connection.encoding, given)

    @shows(UpsertOptions, UpsertKeywords)
    def sync(
        self,
        documents: Iterable[Document],
        *,
        allow_empty: bool = False,
        **options: Unpack[UpsertKeywords],
    ) -> IngestReport:
        """Make the collection hold these documents and no others: upsert, then delete the rest.

        Nothing is deleted before all documents have been read without an error. A document that
        could not be stored keeps its stored version. What others store meanwhile is deleted too.
        Errors have the attribute ``report``, as with ``upsert``.

        Args:
            documents: All documents that are wanted.
            allow_empty: Let no documents at all mean that all are deleted.
            options: See UpsertOptions.

        Raises:
            InvalidInputError: if there are no documents, without ``allow_empty``.
            EngineError: what ``upsert`` raises, and if the engine cannot delete.
        """
        from splade_sdk.retrieval.ingest.run import sync

        given, stream = _ingest(documents, options)
        collection = self._connection.open(create=True)
        return sync(stream, collection, self._connection.encoding, given, allow_empty=allow_empty)

    @overload
    def search(  # type: ignore[overload-overlap]  # a string is a sequence, too
        self, query: Query, **options: Unpack[SearchKeywords]
    ) -> list[Hit]: ...
    @overload
    def search(
        self, query: Sequence[Query] | SparseBatch | HybridBatch, **options: Unpack[SearchKeywords]
    ) -> list[list[Hit]]: ...
    @shows(SearchOptions, SearchKeywords)
    def search(
        self,
        query: Query | Sequence[Query] | SparseBatch | HybridBatch,
        **options: Unpack[SearchKeywords],
    ) -> list[Hit] | list[list[Hit]]:
        """Return the best documents for a query, highest score first, ties by id.

        A ``sparse`` search scores by the inner product of the sparse vectors, and does not find
        documents that share no term with the query. A ``dense`` search scores by what the
        collection compares dense vectors by, cosine unless its settings say otherwise. A
        ``hybrid`` search does both, its two legs, and fuses what each finds; ``Hit.legs`` has
        the rank and score of a hit in each leg that found it. A blank query finds nothing.

        Several queries are encoded at once, and all legs of up to 128 of them are one request to
        the engine. Where the hits are to be read after fusing or skipping others, that is a second
        one, also for all of them.

        Args:
            query: A text, or ready-made vectors of the collection's models: a SparseVector, a
                dense array, or a HybridVector. A list gives a list of hits for each, in order.
            options: See SearchOptions.

        Raises:
            InvalidInputError: if an argument is out of range or the filter has the wrong shape.
            InvalidTypeError: if an argument has the wrong type, or does not exist.
            ConfigError: if there is no dense encoder, and the mode needs one.
            CollectionNotFoundError: if nothing has been upserted yet.
            CollectionMismatchError: if the collection lacks the vectors that are asked for.
            EngineError: if the engine fails.
        """
        if is_single(query):
            return self._search([query], SearchOptions(**options))[0]
        return self._search(query, SearchOptions(**options))

    @shows(SearchOptions, SearchKeywords)
    def search_batch(
        self,
        queries: Sequence[Query] | SparseBatch | HybridBatch,
        **options: Unpack[SearchKeywords],
    ) -> list[list[Hit]]:
        """Answer several queries, in order: what ``search`` does with a list.

        Args:
            queries: Texts, or ready-made vectors.
            options: See SearchOptions.

        Raises:
            InvalidInputError: as ``search`` does, also for the rest.
        """
        return self._search(queries, SearchOptions(**options))

    def _search(self, queries: object, options: SearchOptions) -> list[list[Hit]]:
        checked = require_queries(queries)
        collection = self._connection.open()
        jobs = self._jobs(checked, options)
        if not jobs:
            return []
        explainers = map(Explainer, repeat(self._connection), checked, jobs)
        return search(collection, jobs, explainers)

    def _jobs(self, queries: Sequence[Query], options: SearchOptions) -> list[Job]:
        encoding, contract = self._connection.encoding, self._connection.open().contract
        legs = query_legs(queries, options.mode, encoding, contract)
        return [Job(each, options, self._connection.search_settings) for each in legs]

    @shows(SearchOptions, SearchKeywords)
    def explain(
        self, query: Query, hit: Hit | str, **options: Unpack[SearchKeywords]
    ) -> Explanation:
        """Return what each shared term gave to a document's score, and where it comes from.

        A hit of a search explains itself (``Hit.explain``); this explains any document, also one
        that a search does not find, and hits that were copied or pickled.

        Args:
            query: What was searched for.
            hit: What was found; or the id of any document.
            options: Those of the search; see SearchOptions.

        Raises:
            DocumentNotFoundError: if there is no such document.
            EngineError: if the engine fails; and what ``search`` raises of its arguments.
        """
        checked = require_queries([query])
        [job] = self._jobs(checked, SearchOptions(**options))
        return Explainer(self._connection, checked[0], job)(hit)

    @shows(SearchOptions, GroupKeywords)
    def search_groups(
        self,
        query: Query,
        *,
        group_by: str,
        group_size: int = 3,
        **options: Unpack[GroupKeywords],
    ) -> list[HitGroup]:
        """Return the best documents of the best groups, such as the best passages of each book.

        Groups are in the order of their best hits. A document is in the group of each value that
        it has of the field, and in none if it has none, or one that is an object or null. Scores
        are those of ``search``; hits that were found by filters, to fill a group far down in a
        ranking, have no ``legs``. A hybrid search is as deep as it must be to show ``limit``
        groups, within bounds, unless ``prefetch_limit`` says otherwise.

        Args:
            query: As in ``search``.
            group_by: Field of the metadata, such as ``book`` or ``parent.id``.
            group_size: Hits of a group at most.
            options: See SearchOptions; ``limit`` counts groups.

        Raises:
            InvalidInputError: as in ``search``, and if ``group_by`` names no field.
            InvalidTypeError: as in ``search``, also for the rest.
            CollectionMismatchError: if the collection lacks the vectors that are asked for.
            EngineError: if the engine fails.
        """
        from splade_sdk.retrieval.search.groups import search_groups

        size = require_whole(group_size, "group_size", 1)
        if not isinstance(group_by, str):
            raise InvalidTypeError(f"group_by is {group_by!r}: expected the name of a field")
        path = metadata_path(group_by)
        checked = require_queries([query])
        collection = self._connection.open()
        [job] = self._jobs(checked, SearchOptions(**options))
        groups = search_groups(collection, job, path=path, group_size=size)
        explainer = Explainer(self._connection, checked[0], job)
        for hit in (hit for group in groups for hit in group.hits):
            hit._found_by(explainer)
        return groups

    @shows(SearchOptions, SearchKeywords)
    def recommend(
        self,
        positive: str | Sequence[str],
        *,
        negative: str | Sequence[str] = (),
        **options: Unpack[SearchKeywords],
    ) -> list[Hit]:
        """Return documents that are like some stored ones, and unlike others; not those themselves.

        The query is the mean of their vectors: mean(positive), or, with negative ones,
        2 · mean(positive) - mean(negative), where sparse weights of 0 and below are dropped. No
        text is encoded.

        Args:
            positive: Id of a document, or several.
            negative: Ids of documents that are unlike what is looked for.
            options: See SearchOptions; a ``mode`` of None is ``hybrid`` where the collection has
                dense vectors.

        Raises:
            InvalidInputError: as in ``search``, and if a document is not stored.
            InvalidTypeError: as in ``search``, also for the rest.
            CollectionMismatchError: if the collection lacks the vectors that are asked for.
            EngineError: if the engine fails.
        """
        given = SearchOptions(**options)
        liked, unliked = _ids(positive), _ids(negative)
        collection = self._connection.open()
        legs: LegQueries = like_examples(collection, liked, unliked, given.mode)
        job = Job(legs, given, self._connection.search_settings).changed(
            filter=without([*liked, *unliked], given.filter)
        )
        return search(collection, [job], [Explainer(self._connection, None, job)])[0]

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
        wanted = _ids(ids)
        records = self._connection.open().get(
            [point_id(each) for each in wanted], with_vectors=with_vectors
        )
        found = [_document(record) for record in records]
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
        return [_document(record) for record in records], following

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
            wanted = _ids(ids)
            self._connection.open().delete([point_id(each) for each in wanted])

    def upgrade_to_hybrid(
        self, *, batch_size: int = 256, show_progress_bar: bool | None = None
    ) -> UpgradeReport:
        """Add dense vectors to a collection that was indexed without, in place.

        Texts are encoded by the dense encoder only; sparse vectors and metadata stay as they are.
        The collection can be searched meanwhile, as it was before, and by its dense vectors when
        this returns. Killed on the way, it goes on where it was when it is called again. On a
        server others may write meanwhile: what they stored without a dense vector gets one too.
        Retrievers that were opened before must be made anew to see the dense vectors.

        Args:
            batch_size: Documents read, encoded and stored at a time.
            show_progress_bar: Draw a bar on stderr; None shows one on a terminal, for work that
                takes a while.

        Returns:
            What was done; nothing where the collection is hybrid already.

        Raises:
            ConfigError: if there is no dense encoder.
            CollectionNotFoundError: if there is no such collection.
            CollectionMismatchError: if another model made it, or an upgrade by another dense model
                is under way.
            EngineError: if the engine cannot add vectors (qdrant-client's local mode cannot).
        """
        from splade_sdk.retrieval.ingest.upgrade import upgrade_to_hybrid

        return upgrade_to_hybrid(
            self._connection.open(without_dense=True),
            self._connection.encoding,
            self._connection.dense_settings,
            batch_size=require_whole(batch_size, "batch_size", least=1),
            show_progress_bar=show_progress_bar,
        )

    def doctor(self) -> DoctorReport:
        """Check the collection and the encoders, and say what to do.

        Model and vocabulary, IDF, versions of client and server, what the optimizer has to do,
        vectors that are empty, missing or other than the encoder makes, and metadata fields without
        an index. Looks at a thousand documents and encodes three.

        Returns:
            What was found; also that there is no such collection, or that it cannot be opened.
        """
        from splade_sdk.retrieval.doctor import checkup

        return checkup(self._connection, self._shown)

    def optimize(self) -> None:
        """Clean out deleted documents and flush to disk; a server does so by itself."""
        self._connection.open().optimize()

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


def _ids(ids: object) -> list[str]:
    """Return one document id or several as a list of strings.

    Raises:
        InvalidTypeError: if it is not a sequence of strings; the message names the position.
    """
    if isinstance(ids, str):
        return [ids]
    if isinstance(ids, bytes) or not isinstance(ids, Sequence | set | frozenset):
        raise InvalidTypeError(
            f"ids is {type(ids).__name__}: expected one id or a list of them, each a string"
        )
    for at, each in enumerate(ids):
        if not isinstance(each, str):
            raise InvalidTypeError(
                f"ids[{at}] is {each!r} ({type(each).__name__}): document ids are strings, as in "
                f"{str(each)!r}"
            )
    return list(ids)


def _document(record: Record) -> Document:
    """Return the document that a stored point holds."""
    [parts] = document_parts([record.payload])
    return Document(*parts, record.vector, record.dense)


def _ingest(
    documents: Iterable[Document], options: UpsertKeywords
) -> tuple[UpsertOptions, Iterable[Any]]:
    """Check the options of an ingest, and that its first item can be read."""
    from splade_sdk.retrieval.ingest.stream import peek_first

    given = UpsertOptions(**options)
    return given, peek_first(documents, skip_bad=given.on_bad_document == "skip")
