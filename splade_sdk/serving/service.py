"""Service: the encoder behind its queue, its limits, and its description."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from splade_sdk import __version__
from splade_sdk.encoders.base import EncodeOptions
from splade_sdk.encoders.remote_wire import ServiceInfo, SpladeServiceInfo
from splade_sdk.errors import EngineError, InvalidInputError
from splade_sdk.serving.batcher import Batcher, Kind, Vectors
from splade_sdk.serving.errors import validation_message

if TYPE_CHECKING:
    from starlette.requests import Request

    from splade_sdk.encoders.base import SparseEncoder
    from splade_sdk.retrieval.retriever import Retriever
    from splade_sdk.retrieval.search.options import Mode
    from splade_sdk.serving.metrics import Metrics
    from splade_sdk.serving.settings import ServiceSettings

__all__ = ["CLIENT_GONE", "Service", "read_body"]

CLIENT_GONE = 499
"""Status counted for a client that left before the answer, as in nginx."""

Body = TypeVar("Body", bound=BaseModel)


class Service:
    """State and operations that the routes share.

    Attributes:
        encoder: The model.
        retriever: Searches the collection; None for a service without one.
        settings: The limits.
        batcher: Encodes texts of many requests together.

    Args:
        encoder: The model.
        retriever: Searches the collection; None for a service without one.
        settings: The limits.
        metrics: Counts batches.
    """

    def __init__(
        self,
        encoder: SparseEncoder,
        retriever: Retriever | None,
        settings: ServiceSettings,
        metrics: Metrics,
    ) -> None:
        self.encoder = encoder
        self.retriever = retriever
        self.settings = settings
        self.batcher = Batcher(
            self._encode,
            max_texts=settings.max_batch_texts,
            max_characters=settings.max_batch_characters,
            max_waiting=settings.max_waiting_texts,
            retry_after_s=settings.retry_after_s,
            done=metrics.batch,
        )
        metrics.watch(lambda: self.batcher.waiting)

    @property
    def dense_dimensions(self) -> int | None:
        """Size of the dense vectors; None if the model has no dense head."""
        return getattr(self.encoder, "dense_dimensions", None)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Modes of the retriever; sparse alone while its collection cannot be opened."""
        if self.retriever is None:
            return ()
        try:
            return self.retriever.modes
        except EngineError:
            return ("sparse",)

    def info(self) -> ServiceInfo:
        """Return the body of ``/info``."""
        fingerprint = self.encoder.fingerprint
        return ServiceInfo(
            model_id=fingerprint.model,
            model_sha=fingerprint.revision,
            max_input_length=getattr(self.encoder, "max_length", None),
            max_client_batch_size=self.settings.max_client_batch_size,
            auto_truncate=True,
            version=__version__,
            splade_sdk=SpladeServiceInfo(
                fingerprint=fingerprint,
                document_settings=str(getattr(self.encoder, "document_settings", "")),
                dense_dimensions=self.dense_dimensions,
                has_tokenizer=self.tokenizer_json() is not None,
                modes=self.modes,
            ),
        )

    def tokenizer_json(self) -> str | None:
        """Return the model's tokenizer.json; None for a model without one."""
        tokenizer = getattr(self.encoder, "tokenizer", None)
        backend = getattr(tokenizer, "backend_tokenizer", None)
        return None if backend is None else str(backend.to_str())

    async def vectors(
        self, request: Request, kind: Kind, texts: Sequence[str], *, truncate: bool = True
    ) -> Vectors:
        """Encode texts, together with those of other requests.

        Args:
            request: The request; if its client disconnects, its texts are not encoded.
            kind: How to encode them.
            texts: At least one.
            truncate: Cut texts that are too long, instead of refusing them.

        Raises:
            HTTPException: 413 for too many texts or characters, 499 if the client disconnected.
            InvalidInputError: if a text is too long for the model and ``truncate`` is False.
            RateLimitedError: if too many texts wait already.
        """
        self._require_size(texts)
        if not truncate:
            await run_in_threadpool(_require_short, self.encoder, texts)
        job = self.batcher.submit(kind, texts)
        vectors = asyncio.wrap_future(job)
        leaving = asyncio.ensure_future(_client_leaves(request))
        try:
            both: list[asyncio.Future[Any]] = [vectors, leaving]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not vectors.done():
                raise HTTPException(CLIENT_GONE, "the client left")
            return vectors.result()
        finally:
            job.cancel()  # at once; through the asyncio future it would take a turn of the loop
            vectors.cancel()
            leaving.cancel()

    def _encode(self, kind: Kind, texts: list[str]) -> Vectors:
        encoder: Any = self.encoder
        encode = encoder.encode_hybrid if kind.dense else encoder.encode_texts
        vectors: Vectors = encode(texts, side=kind.side, options=EncodeOptions())
        return vectors

    def _require_size(self, texts: Sequence[str]) -> None:
        most = self.settings.max_client_batch_size
        if len(texts) > most:
            raise HTTPException(413, f"{len(texts)} texts came, at most {most} may: send fewer")
        longest = max(map(len, texts))
        if longest > self.settings.max_text_characters:
            raise HTTPException(
                413,
                f"a text has {longest:,} characters, at most {self.settings.max_text_characters:,} "
                "may come: split it",
            )


async def read_body(request: Request, model: type[Body]) -> Body:
    """Parse the body of a request.

    Args:
        request: A request with a JSON body.
        model: Type of the body.

    Raises:
        InvalidInputError: if the body does not validate as ``model``.
    """
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidInputError(validation_message(errors)) from error


def _require_short(encoder: SparseEncoder, texts: Sequence[str]) -> None:
    """Raise InvalidInputError naming the first text that would be cut, if there is one.

    An encoder without a tokenizer and a length, or that encodes long texts in windows, cuts none.
    """
    tokenizer = getattr(encoder, "tokenizer", None)
    most = getattr(encoder, "max_length", None)
    if tokenizer is None or most is None or getattr(encoder, "long_documents", "") == "windows":
        return
    for at, ids in enumerate(tokenizer(list(texts), verbose=False)["input_ids"]):
        if len(ids) > most:
            raise InvalidInputError(
                f"inputs[{at}] has {len(ids)} tokens, the model takes {most}: shorten it, or send "
                "truncate: true"
            )


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
