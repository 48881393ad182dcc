"""``/health``, ``/info``, ``/metrics``, ``/tokenizer.json``, and the page at ``/``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response

from splade_sdk.serving.metrics import METRICS_TYPE, Metrics

if TYPE_CHECKING:
    from splade_sdk.serving.service import Service

__all__ = ["PAGE", "about_routes"]

PAGE = Path(__file__).with_name("page")
"""Folder of the page's files."""


def about_routes(service: Service, metrics: Metrics) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["about"])

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """Say that the service answers."""
        return {"status": "ok"}

    @routes.head("/health", include_in_schema=False)
    async def health_head() -> Response:
        return Response()

    @routes.get("/info")
    async def info() -> Response:
        """Describe the model and the limits, as text-embeddings-inference does."""
        info = await run_in_threadpool(service.info)
        return JSONResponse(info.model_dump(mode="json"))

    @routes.get("/metrics")
    async def prometheus() -> Response:
        """Return the counters in Prometheus' format."""
        return Response(metrics.exposition(), media_type=METRICS_TYPE)

    @routes.get("/tokenizer.json")
    async def tokenizer() -> Response:
        """Return the model's tokenizer, by which clients name terms."""
        serialized = await run_in_threadpool(service.tokenizer_json)
        if serialized is None:
            raise HTTPException(404, "the model has no tokenizer that can be sent")
        return Response(serialized, media_type="application/json")

    @routes.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    return routes
