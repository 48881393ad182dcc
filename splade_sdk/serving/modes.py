"""The one place that knows which modes of search a retriever has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from splade_sdk.errors import RequestRejectedError

if TYPE_CHECKING:
    from splade_sdk.retrieval.retriever import Retriever
    from splade_sdk.types import Hit, SparseVector

__all__ = ["search", "supported_modes"]


def supported_modes(retriever: Retriever) -> tuple[str, ...]:
    """Return the modes that the retriever's ``search`` takes; those without it have one."""
    return tuple(getattr(retriever, "modes", ("sparse",)))


def search(
    retriever: Retriever, query: str, vector: SparseVector, mode: str, **given: Any
) -> list[Hit]:
    """Search in a mode.

    Args:
        retriever: What to search.
        query: The text.
        vector: Its sparse vector, so that the sparse mode encodes nothing again.
        mode: One of ``supported_modes``.
        given: The other arguments of ``Retriever.search``.

    Raises:
        RequestRejectedError: if the retriever lacks the mode.
    """
    if mode not in (modes := supported_modes(retriever)):
        raise RequestRejectedError(f"mode is {mode!r}: this collection has {', '.join(modes)}")
    if mode == "sparse":
        return retriever.search(vector, **given)
    find: Any = retriever.search
    hits: list[Hit] = find(query, mode=mode, **given)
    return hits
