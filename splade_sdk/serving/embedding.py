"""``POST /embed_sparse`` and ``/embed``: texts to vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from splade_sdk.serving.batcher import Kind, Vectors
from splade_sdk.serving.service import read_body
from splade_sdk.serving.wire import (
    DenseRequest,
    EmbedRequest,
    SparseValue,
    dense_json,
    documented,
    sparse_json,
)
from splade_sdk.types import SparseBatch

if TYPE_CHECKING:
    from splade_sdk.serving.service import Service

__all__ = ["embedding_routes"]


def embedding_routes(service: Service) -> APIRouter:
    """Return the routes; ``/embed`` only if the model has a dense head."""
    routes = APIRouter(tags=["encode"])

    async def encode(request: Request, body: EmbedRequest, *, dense: bool) -> Response:
        texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
        answer = b"[]"
        if texts:
            kind = Kind(body.prompt_name or "document", dense)
            truncate = body.truncate is not False
            answer = _json(await service.vectors(request, kind, texts, truncate=truncate))
        return Response(answer, media_type="application/json")

    @routes.post("/embed_sparse", **documented(EmbedRequest, list[list[SparseValue]]))
    async def embed_sparse(request: Request) -> Response:
        """Return sparse vectors, a row for each text, as text-embeddings-inference does."""
        return await encode(request, await read_body(request, EmbedRequest), dense=False)

    if service.dense_dimensions is not None:

        @routes.post("/embed", **documented(DenseRequest, list[list[float]]))
        async def embed(request: Request) -> Response:
            """Return dense vectors of length 1, a row for each text."""
            return await encode(request, await read_body(request, DenseRequest), dense=True)

    return routes


def _json(vectors: Vectors) -> bytes:
    if isinstance(vectors, SparseBatch):
        return sparse_json(vectors)
    return dense_json(vectors.dense)
