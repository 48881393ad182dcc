"""``POST /search``: the best documents for a query, and why."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from splade_sdk.serving.batcher import Kind
from splade_sdk.serving.matches import Matches
from splade_sdk.serving.modes import require_mode, search
from splade_sdk.serving.openapi import documented
from splade_sdk.serving.service import read_body
from splade_sdk.serving.wire import SearchAnswer, SearchHit, SearchLeg, SearchQuery
from splade_sdk.types import Hit, SparseBatch, SparseVector

if TYPE_CHECKING:
    from splade_sdk.retrieval.retriever import Retriever
    from splade_sdk.serving.service import Service

__all__ = ["searching_routes"]


def searching_routes(service: Service, retriever: Retriever) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["search"])
    matches = Matches(service.encoder)

    def answer(asked: SearchQuery, vector: SparseVector) -> bytes:
        mode = require_mode(retriever, asked.mode)
        hits = search(
            retriever,
            asked.query,
            vector,
            mode,
            limit=asked.limit,
            offset=asked.offset,
            filter=asked.filter,
            score_threshold=asked.score_threshold,
            with_vectors=asked.with_terms,
        )
        explain = partial(_hit, asked, vector, matches)
        made = SearchAnswer(
            mode=mode,
            query_terms=matches.query_terms(asked.query, vector) if asked.with_terms else [],
            hits=[explain(hit) for hit in hits],
        )
        return made.model_dump_json().encode()

    @routes.post("/search", **documented(SearchQuery, SearchAnswer))
    async def find(request: Request) -> Response:
        """Return the best documents for a query, with the terms that matched."""
        asked = await read_body(request, SearchQuery)
        if asked.limit > service.settings.max_hits:
            most = service.settings.max_hits
            raise HTTPException(413, f"limit is {asked.limit}, at most {most} hits may be asked")
        vectors = await service.vectors(request, Kind("query"), [asked.query])
        if not isinstance(vectors, SparseBatch):
            vectors = vectors.sparse
        body = await run_in_threadpool(answer, asked, vectors[0])
        return Response(body, media_type="application/json")

    return routes


def _hit(asked: SearchQuery, vector: SparseVector, matches: Matches, hit: Hit) -> SearchHit:
    terms, spans = (
        matches.of(asked.query, vector, hit.text, hit.vector)
        if asked.with_terms and hit.vector is not None
        else ([], [])
    )
    return SearchHit(
        id=hit.id,
        score=hit.score,
        text=hit.text if asked.with_payload else "",
        metadata=dict(hit.metadata) if asked.with_payload else {},
        legs={name: SearchLeg(rank=leg.rank, score=leg.score) for name, leg in hit.legs.items()},
        terms=terms,
        spans=spans if asked.with_payload else [],
    )
