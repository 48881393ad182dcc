"""create_app: the service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from splade_sdk import __version__
from splade_sdk.errors import MissingDependencyError, SpladeError
from splade_sdk.serving.settings import ServiceSettings

try:
    from fastapi import FastAPI
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.staticfiles import StaticFiles

    from splade_sdk.serving.about import PAGE, about_routes
    from splade_sdk.serving.embedding import embedding_routes
    from splade_sdk.serving.errors import answer_error, problem
    from splade_sdk.serving.guard import Guard
    from splade_sdk.serving.metrics import Metrics
    from splade_sdk.serving.searching import searching_routes
    from splade_sdk.serving.service import Service
except ModuleNotFoundError as error:
    if (error.name or "").startswith("splade_sdk"):
        raise
    raise MissingDependencyError.for_extra(error.name or "fastapi", "serve") from error

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from splade_sdk.encoders.base import SparseEncoder
    from splade_sdk.retrieval.retriever import Retriever

__all__ = ["create_app"]

_DESCRIPTION = (
    "SPLADE vectors, as Hugging Face's text-embeddings-inference gives them, and search over a "
    "collection."
)
_PATHS = frozenset(
    ("/", "/embed", "/embed_sparse", "/health", "/info", "/metrics", "/search", "/tokenizer.json")
)


def create_app(
    encoder: SparseEncoder,
    retriever: Retriever | None = None,
    settings: ServiceSettings | None = None,
) -> FastAPI:
    """Make the service of a model, and of a collection where one is given.

    Run it with any ASGI server, one process a model: ``uvicorn.run(create_app(encoder))``. It
    serves ``POST /embed_sparse`` (and ``/embed``, if the model has a dense head) in
    text-embeddings-inference's form, ``POST /search``, ``GET /health``, ``/info``, ``/metrics``,
    ``/tokenizer.json``, ``/openapi.json``, and a search page at ``/``.

    Texts of requests that come together are encoded together.

    Args:
        encoder: The model; that of the retriever, where one is given.
        retriever: What ``/search`` and the page search; closed by the caller.
        settings: Limits and key; None for the defaults.

    Raises:
        MissingDependencyError: if the extra ``serve`` is not installed.
    """
    settings = settings or ServiceSettings()
    metrics = Metrics(_PATHS)
    service = Service(encoder, retriever, settings, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.batcher.close)

    # No page of documentation: FastAPI's loads its scripts from elsewhere.
    app = FastAPI(
        title="splade-sdk",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(about_routes(service, metrics))
    app.include_router(embedding_routes(service))
    if retriever is not None:
        app.include_router(searching_routes(service, retriever))
    app.mount("/static", StaticFiles(directory=PAGE), name="static")
    app.add_exception_handler(SpladeError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    return app


async def _ours(_: Request, error: Exception) -> Response:
    return answer_error(error)


async def _http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return answer_error(error)
    return problem(error.status_code, str(error.detail), error.headers)
