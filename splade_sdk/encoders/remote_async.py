"""AsyncRemoteEncoder: a model behind an HTTP service, for coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

import httpx

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.base import EncodeKeywords, EncodeOptions, SideName, heaviest
from splade_sdk.encoders.remote_errors import transport_errors
from splade_sdk.encoders.remote_service import Job, RemoteModel, RemoteService
from splade_sdk.encoders.term_tokenizer import TermTokenizer
from splade_sdk.errors import EngineClosedError
from splade_sdk.keywords import shows
from splade_sdk.progress import progress_bar
from splade_sdk.retry import DEFAULT_RETRY, AsyncRetryPolicy, RetrySettings
from splade_sdk.types import SparseBatch, SparseVector
from splade_sdk.types.arguments import require_text, require_texts

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

__all__ = ["AsyncRemoteEncoder"]


class AsyncRemoteEncoder:
    """``RemoteEncoder`` for coroutines, with the same arguments; everything is awaited.

    It belongs to the event loop that it is first used in.

    Example:
        >>> async with AsyncRemoteEncoder("http://localhost:8080") as encoder:  # doctest: +SKIP
        ...     vectors = await encoder.encode_document(texts)
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        tokenizer: str | Path | None = None,
        dimensions: int | None = None,
        query_prompt_name: str | None = None,
        document_prompt_name: str | None = None,
        truncate: bool = True,
        batch_size: int | None = None,
        max_connections: int = 8,
        timeout_s: float = 30.0,
        connect_timeout_s: float = 5.0,
        retry: RetrySettings | None = DEFAULT_RETRY,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._service = RemoteService(
            url,
            api_key=api_key,
            truncate=truncate,
            prompt_names={"query": query_prompt_name, "document": document_prompt_name},
            batch_size=batch_size,
            max_connections=max_connections,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
        )
        self._tokenizer_file = tokenizer
        self._dimensions = dimensions
        self._retry = AsyncRetryPolicy(retry if retry is not None else RetrySettings(attempts=1))
        self._client = httpx.AsyncClient(**self._service.client_options(), transport=transport)
        self._known: RemoteModel | None = None
        self._lock = asyncio.Lock()

    async def fingerprint(self) -> Fingerprint:
        """Return what identifies the document vectors, as the service says."""
        model = await self._model()
        return model.info.fingerprint(model.dimensions)

    async def dimensions(self) -> int:
        """Return the size of the sparse space."""
        return (await self._model()).dimensions

    # A string is also a sequence of strings, so mypy sees overlapping overloads.
    @overload
    async def encode_document(  # type: ignore[overload-overlap]
        self, texts: str, **options: Unpack[EncodeKeywords]
    ) -> SparseVector: ...
    @overload
    async def encode_document(
        self, texts: Sequence[str], **options: Unpack[EncodeKeywords]
    ) -> SparseBatch: ...
    @shows(EncodeOptions, EncodeKeywords)
    async def encode_document(
        self, texts: str | Sequence[str], **options: Unpack[EncodeKeywords]
    ) -> SparseVector | SparseBatch:
        """Encode documents.

        Args:
            texts: A string gives one vector, a list gives a batch in the same order. A blank text
                gives a vector without terms.
            **options: As in ``RemoteEncoder.encode_document``.

        Raises:
            InvalidTypeError: if ``texts`` is not a string or a list of strings.
            InvalidInputError: if a text holds a lone surrogate.
            ConfigError: if a number is out of range.
            InvalidVectorError: if the service sends something that is not a vector of its space.
            ModelError: if it sends something else, or its model failed.
            EngineError: if it cannot be reached, refuses the request or fails.
        """
        return await self._encode(texts, "document", EncodeOptions(**options))

    encode = encode_document

    @overload
    async def encode_query(  # type: ignore[overload-overlap]
        self, texts: str, **options: Unpack[EncodeKeywords]
    ) -> SparseVector: ...
    @overload
    async def encode_query(
        self, texts: Sequence[str], **options: Unpack[EncodeKeywords]
    ) -> SparseBatch: ...
    @shows(EncodeOptions, EncodeKeywords)
    async def encode_query(
        self, texts: str | Sequence[str], **options: Unpack[EncodeKeywords]
    ) -> SparseVector | SparseBatch:
        """Encode queries; arguments and errors are those of ``encode_document``."""
        return await self._encode(texts, "query", EncodeOptions(**options))

    async def decode(
        self, vector: SparseVector, top_k: int | None = None
    ) -> list[tuple[str, float]]:
        """Return the terms of a vector with their weights, as ``RemoteEncoder.decode`` does."""
        terms, weights = heaviest(vector, await self.dimensions(), top_k)
        return list(zip((await self._tokenizer()).terms(terms), weights, strict=True))

    async def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text, without special tokens."""
        return (await self._tokenizer()).tokens(require_text(text))

    async def literal_terms(self, text: str) -> set[int]:
        """Return the ids of the terms that occur in a text; all others are expansion."""
        return set((await self._tokenizer()).ids(require_text(text)))

    async def aclose(self) -> None:
        """Close the connections; doing it twice is harmless, using the object after is an error."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncRemoteEncoder({self._service.shown_url!r})"

    async def _model(self) -> RemoteModel:
        if self._known is None:
            async with self._lock:
                if self._known is None:
                    given = self._tokenizer_file
                    self._known = RemoteModel(
                        self._service.info(await self._send("GET", "info")),
                        dimensions=self._dimensions,
                        tokenizer=None if given is None else TermTokenizer.from_file(given),
                        where=self._service.where,
                    )
        return self._known

    async def _tokenizer(self) -> TermTokenizer:
        model = await self._model()
        if model.tokenizer is None:
            model.require_tokenizer()
            async with self._lock:
                if model.tokenizer is None:
                    serialized = await self._send("GET", "tokenizer.json")
                    model.tokenizer = TermTokenizer(serialized.decode())
        return model.tokenizer

    async def _encode(
        self, texts: str | Sequence[str], side: SideName, options: EncodeOptions
    ) -> SparseVector | SparseBatch:
        single = isinstance(texts, str)
        listed = [require_text(texts)] if isinstance(texts, str) else require_texts(texts)
        job = self._service.plan(listed, await self._model(), options)
        shown = False if single else options.show_progress_bar
        with progress_bar(desc="Encoding", unit="text", show=shown, total=len(listed)) as bar:
            bar.update(job.rows - len(job.kept))
            parts = await self._parts(job, side, replace(options, advance=bar.update))
        whole = job.result(parts)
        return whole[0] if single else whole

    async def _parts(self, job: Job, side: SideName, options: EncodeOptions) -> list[SparseBatch]:
        """Return the vectors of each request, sent several at a time."""
        slots = asyncio.Semaphore(self._service.max_connections)

        async def embed(texts: list[str]) -> SparseBatch:
            model = await self._model()
            async with slots:
                body = self._service.body(texts, side, model)
                answer = await self._send("POST", "embed_sparse", body)
            part = self._service.vectors(answer, len(texts), model)
            options.advance(len(part))
            return part

        tasks = [asyncio.ensure_future(embed(texts)) for texts in job.requests]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Return the body of the response, retrying what may succeed."""

        async def once() -> bytes:
            if self._client.is_closed:
                raise EngineClosedError(
                    "the remote encoder was closed: make a new AsyncRemoteEncoder"
                )
            with transport_errors(self._service.where):
                response = await self._client.request(method, path, content=body)
            return self._service.read(response)

        return await self._retry(once)
