"""Service: the encoder behind its queue, and what is known of it."""

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
from splade_sdk.errors import InvalidInputError
from splade_sdk.serving.batcher import Batcher, Kind, Vectors
from splade_sdk.serving.errors import told
from splade_sdk.serving.modes import supported_modes
from splade_sdk.serving.truncation import require_short

if TYPE_CHECKING:
    from starlette.requests import Request

    from splade_sdk.encoders.base import SparseEncoder
    from splade_sdk.retrieval.retriever import Retriever
    from splade_sdk.serving.metrics import Metrics
    from splade_sdk.serving.settings import ServiceSettings

__all__ = ["CLIENT_GONE", "Service", "read_body"]

CLIENT_GONE = 499
"""Status that is counted where the client left before the answer; nginx's number."""

Body = TypeVar("Body", bound=BaseModel)


class Service:
    """What the routes share.

    Attributes:
        encoder: The model.
        retriever: The collection that is searched, or None.
        settings: The limits.
        batcher: Encodes texts of many requests together.

    Args:
        encoder: The model.
        retriever: The collection that is searched, or None.
        settings: The limits.
        metrics: What batches are counted in.
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

    def info(self) -> ServiceInfo:
        """Return what ``/info`` says."""
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
                modes=supported_modes(self.retriever) if self.retriever is not None else (),
            ),
        )

    def tokenizer_json(self) -> str | None:
        """Return the model's tokenizer as its library writes it; None if it has no such."""
        tokenizer = getattr(self.encoder, "tokenizer", None)
        backend = getattr(tokenizer, "backend_tokenizer", None)
        return None if backend is None else str(backend.to_str())

    async def vectors(
        self, request: Request, kind: Kind, texts: Sequence[str], *, truncate: bool = True
    ) -> Vectors:
        """Encode texts, together with those of other requests.

        Args:
            request: Whose client is watched: texts of one that left are not encoded.
            kind: How to encode them.
            texts: At least one.
            truncate: Cut texts that are too long, instead of refusing them.

        Raises:
            HTTPException: if there are too many texts or characters, or the client left.
            InvalidInputError: if a text is too long for the model and must not be cut.
            RateLimitedError: if too many texts wait already.
        """
        self._require_size(texts)
        if not truncate:
            await run_in_threadpool(require_short, self.encoder, texts)
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
            job.cancel()  # at once; through the other future it would take a turn of the loop
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
    """Return the body of a request.

    Args:
        request: Its body is JSON.
        model: What it must be.

    Raises:
        InvalidInputError: if it is something else.
    """
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidInputError(told(errors)) from error


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
