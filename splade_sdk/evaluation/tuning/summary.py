"""Search settings in a few words; pure."""

from __future__ import annotations

from splade_sdk.retrieval.search.fusion import RRF, Fusion, Weighted
from splade_sdk.retrieval.search.options import SearchSettings

__all__ = ["short"]


def short(settings: SearchSettings) -> str:
    """Return what is not as by default, such as ``hybrid, DBSF, queries to 32 terms``.

    Args:
        settings: Any.
    """
    parts: list[str] = [settings.mode] if settings.mode else []
    if settings.mode != "dense":
        if settings.mode != "sparse":
            parts.append(_fusion(settings.fusion))
            if settings.prefetch_limit is not None:
                parts.append(f"{settings.prefetch_limit} hits a leg")
        if settings.query_max_active_dims is not None:
            parts.append(f"queries to {settings.query_max_active_dims} terms")
        if settings.document_max_active_dims is not None:
            parts.append(f"documents to {settings.document_max_active_dims} terms")
        if settings.datatype is not None:
            parts.append(settings.datatype)
    return ", ".join(parts)


def _fusion(fusion: Fusion) -> str:
    if isinstance(fusion, RRF):
        weights = f"{fusion.sparse_weight:g}:{fusion.dense_weight:g}"
        return f"RRF k={fusion.k}" + ("" if weights == "1:1" else f" weights {weights}")
    if isinstance(fusion, Weighted):
        return f"Weighted alpha={fusion.alpha:g}"
    return type(fusion).__name__
