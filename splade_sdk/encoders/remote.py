"""RemoteEncoder: a model behind an HTTP service."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import httpx

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.base import BaseEncoder, EncodeOptions, SideName
from splade_sdk.encoders.remote_errors import transport_errors
from splade_sdk.encoders.remote_service import Job, RemoteModel, RemoteService
from splade_sdk.encoders.term_tokenizer import TermTokenizer
from splade_sdk.errors import EngineClosedError
from splade_sdk.retry import DEFAULT_RETRY, RetryPolicy, RetrySettings
from splade_sdk.types import SparseBatch
from splade_sdk.types.arguments import require_text

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["RemoteEncoder"]


class RemoteEncoder(BaseEncoder):
    """Encodes with a model behind an HTTP service.

    The service is ``splade serve``, or Hugging Face's text-embeddings-inference with a SPLADE
    model. The constructor sends nothing: the first request goes out at first use. It may be used
    from several threads; long lists are sent as several requests at a time. ``AsyncRemoteEncoder``
    is the same for coroutines.

    A collection filled through ``splade serve`` can be searched with the same model in process, and
    the other way round.

    Args:
        url: Such as ``http://localhost:8080``.
        api_key: Key of the service.
        tokenizer: The ``tokenizer.json`` of the service's model, or the folder it lies in, to name
            terms with; ``splade serve`` sends its own.
        dimensions: Size of the sparse space; needed for a service that does not say it, where no
            tokenizer is given.
        query_prompt_name: Prompt of the query side, where the service is not ours.
        document_prompt_name: Prompt of the document side, where the service is not ours.
        truncate: Let the service cut texts that are too long; False makes it refuse them.
        batch_size: Texts of a request at most; None for as many as the service takes.
        max_connections: Requests under way at most.
        timeout_s: Seconds to wait for an answer.
        connect_timeout_s: Seconds to wait for a connection.
        retry: How requests that failed are tried again; None tries each once.
        transport: What httpx sends requests through, for proxies and Unix sockets.

    Raises:
        ConfigError: if ``url`` is not an http(s) address, or a number is out of range.
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name != "self"}
        self._reconstruct = partial(type(self), **given)
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
        self._retry = RetryPolicy(retry if retry is not None else RetrySettings(attempts=1))
        self._client = httpx.Client(**self._service.client_options(), transport=transport)
        self._known: RemoteModel | None = None
        self._lock = RLock()

    @property
    def fingerprint(self) -> Fingerprint:
        """What identifies the document vectors, as the service says."""
        return self._model.info.fingerprint(self._model.dimensions)

    @property
    def dimensions(self) -> int:
        """Size of the sparse space."""
        return self._model.dimensions

    @property
    def document_settings(self) -> str:
        """What the vectors of documents depend on beside the fingerprint."""
        return self._service.settings(self._model)

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        """Return the vectors of texts, in several requests at a time.

        Raises:
            InvalidVectorError: if the service sends something that is not a vector of its space.
            ModelError: if it sends something else, or its model failed.
            EngineError: if it cannot be reached, refuses a request or fails.
        """
        job = self._service.plan(texts, self._model, options)
        options.advance(job.rows - len(job.kept))
        return job.result(self._parts(job, side, options))

    def term_names(self, terms: list[int]) -> list[str]:
        """Return the token of each term id."""
        return self._tokenizer.terms(terms)

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text, without special tokens."""
        return self._tokenizer.tokens(require_text(text))

    def literal_terms(self, text: str) -> set[int]:
        """Return the ids of the terms that occur in a text; all others are expansion."""
        return set(self._tokenizer.ids(require_text(text)))

    def close(self) -> None:
        """Close the connections; doing it twice is harmless, using the object after is an error."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by how it was made, key included, with connections of its own."""
        return self._reconstruct, ()

    def __repr__(self) -> str:
        return f"RemoteEncoder({self._service.shown_url!r})"

    @property
    def _model(self) -> RemoteModel:
        with self._lock:
            if self._known is None:
                given = self._tokenizer_file
                self._known = RemoteModel(
                    self._service.info(self._send("GET", "info")),
                    dimensions=self._dimensions,
                    tokenizer=None if given is None else TermTokenizer.from_file(given),
                    where=self._service.where,
                )
            return self._known

    @property
    def _tokenizer(self) -> TermTokenizer:
        with self._lock:
            model = self._model
            if model.tokenizer is None:
                model.require_tokenizer()
                model.tokenizer = TermTokenizer(self._send("GET", "tokenizer.json").decode())
            return model.tokenizer

    def _parts(self, job: Job, side: SideName, options: EncodeOptions) -> list[SparseBatch]:
        """Return the vectors of each request, sent several at a time."""
        embed = partial(self._embed, side)
        parts = []
        pool = ThreadPoolExecutor(self._service.max_connections, "splade-remote")
        try:
            for part in (pool.map if len(job.requests) > 1 else map)(embed, job.requests):
                parts.append(part)
                options.advance(len(part))
        finally:
            pool.shutdown(cancel_futures=True)
        return parts

    def _embed(self, side: SideName, texts: list[str]) -> SparseBatch:
        model = self._model
        answer = self._send("POST", "embed_sparse", self._service.body(texts, side, model))
        return self._service.vectors(answer, len(texts), model)

    def _send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Return the body of the response, retrying what may succeed."""

        def once() -> bytes:
            if self._client.is_closed:
                raise EngineClosedError("the remote encoder was closed: make a new RemoteEncoder")
            with transport_errors(self._service.where):
                response = self._client.request(method, path, content=body)
            return self._service.read(response)

        return self._retry(once)
