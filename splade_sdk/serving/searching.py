"""``POST /search``: the best documents for a query, explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from fastapi import APIRouter, HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from splade_sdk.encoders.base import decode
from splade_sdk.errors import RequestRejectedError
from splade_sdk.serving.batcher import Kind
from splade_sdk.serving.service import read_body
from splade_sdk.serving.wire import (
    HitTerm,
    QueryTerm,
    SearchAnswer,
    SearchHit,
    SearchLeg,
    SearchQuery,
    documented,
)
from splade_sdk.types import Explanation, Hit, SparseBatch, SparseVector
from splade_sdk.types.explanation_parts import highlights

if TYPE_CHECKING:
    from splade_sdk.encoders.base import SparseEncoder
    from splade_sdk.retrieval.retriever import Retriever
    from splade_sdk.retrieval.search.options import Mode
    from splade_sdk.serving.service import Service
    from splade_sdk.serving.settings import ServiceSettings

__all__ = ["searching_routes"]


def searching_routes(service: Service, retriever: Retriever) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["search"])

    def answer(body: SearchQuery, vector: SparseVector) -> bytes:
        mode = _mode(service, body)
        # A sparse search takes the vector that is there; only the retriever makes dense ones.
        hits = retriever.search(
            vector if mode == "sparse" else body.query,
            **{**body.keywords(), "mode": mode, "with_vectors": body.with_terms},
        )
        terms = _query_terms(service.encoder, body.query, vector) if body.with_terms else []
        made = SearchAnswer(mode=mode, query_terms=terms, hits=[_hit(body, hit) for hit in hits])
        return made.model_dump_json().encode()

    @routes.post("/search", **documented(SearchQuery, SearchAnswer))
    async def find(request: Request) -> Response:
        """Return the best documents for a query, with the terms that matched."""
        body = await read_body(request, SearchQuery)
        _require_bounds(body, service.settings)
        vectors = await service.vectors(request, Kind("query"), [body.query])
        if not isinstance(vectors, SparseBatch):
            vectors = vectors.sparse
        found = await run_in_threadpool(answer, body, vectors[0])
        return Response(found, media_type="application/json")

    return routes


def _require_bounds(body: SearchQuery, settings: ServiceSettings) -> None:
    """Refuse searches whose cost is out of proportion.

    Raises:
        HTTPException: 413 for too many hits, 422 for going too far down the ranking.
    """
    if body.limit > settings.max_hits:
        raise HTTPException(
            413, f"limit is {body.limit}, at most {settings.max_hits} hits may be asked"
        )
    most = settings.max_depth
    if body.offset + body.limit > most:
        raise HTTPException(
            422, f"offset is {body.offset}: expected offset + limit to be at most {most:,}"
        )
    if (body.prefetch_limit or 0) > most:
        raise HTTPException(
            422, f"prefetch_limit is {body.prefetch_limit}: expected at most {most:,}"
        )


def _mode(service: Service, body: SearchQuery) -> Mode:
    """Return the mode of a search: the last of the collection's where none is named.

    Raises:
        RequestRejectedError: if the collection lacks it.
    """
    modes = service.modes
    if body.mode is None:
        return modes[-1]
    if body.mode not in modes:
        raise RequestRejectedError(f"mode is {body.mode!r}: this collection has {', '.join(modes)}")
    return body.mode


def _query_terms(encoder: SparseEncoder, query: str, vector: SparseVector) -> list[QueryTerm]:
    """Return the terms of a query's vector, heaviest first; runs no model."""
    literal_terms = getattr(encoder, "literal_terms", None)
    literal: set[int] | None = None if literal_terms is None else literal_terms(query)
    order = np.lexsort((vector.indices, -vector.values))
    return [
        QueryTerm(term=term, weight=weight, literal=None if literal is None else index in literal)
        for index, (term, weight) in zip(
            vector.indices[order].tolist(), decode(encoder, vector), strict=True
        )
    ]


def _hit(body: SearchQuery, hit: Hit) -> SearchHit:
    explanation = hit.explain(query=body.query) if body.with_terms else None
    return SearchHit(
        id=hit.id,
        score=hit.score,
        text=hit.text if body.with_payload else "",
        metadata=dict(hit.metadata) if body.with_payload else {},
        legs={name: SearchLeg(rank=leg.rank, score=leg.score) for name, leg in hit.legs.items()},
        terms=_terms(explanation) if explanation else [],
        spans=_spans(explanation) if explanation and body.with_payload else [],
    )


def _terms(explanation: Explanation) -> list[HitTerm]:
    return [
        HitTerm(
            term=each.term,
            score=each.contribution,
            in_query=each.in_query,
            in_text=each.in_document,
        )
        for each in explanation.terms
    ]


def _spans(explanation: Explanation) -> list[tuple[int, int]]:
    return [(each.start, each.end) for each in highlights(explanation)]
