"""By which vectors a service searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from splade_sdk.errors import EngineError, RequestRejectedError

if TYPE_CHECKING:
    from splade_sdk.retrieval.retriever import Retriever
    from splade_sdk.retrieval.search.query import Mode
    from splade_sdk.types import Hit, SparseVector

__all__ = ["require_mode", "search", "supported_modes"]


def supported_modes(retriever: Retriever) -> tuple[Mode, ...]:
    """Return the retriever's modes; the sparse one while its collection cannot be opened."""
    try:
        return retriever.modes
    except EngineError:
        return ("sparse",)


def require_mode(retriever: Retriever, mode: Mode | None) -> Mode:
    """Return the mode that is meant: the last of the retriever's where none is named.

    Raises:
        RequestRejectedError: if the retriever lacks it.
    """
    modes = supported_modes(retriever)
    if mode is None:
        return modes[-1]
    if mode not in modes:
        raise RequestRejectedError(f"mode is {mode!r}: this collection has {', '.join(modes)}")
    return mode


def search(
    retriever: Retriever, query: str, vector: SparseVector, mode: Mode, **given: Any
) -> list[Hit]:
    """Search in a mode.

    Args:
        retriever: What to search.
        query: The text; whose dense vector it needs, only the retriever knows.
        vector: The sparse vector of the text, so that the sparse mode encodes nothing again.
        mode: One that the retriever has.
        given: The other arguments of ``Retriever.search``.
    """
    return retriever.search(vector if mode == "sparse" else query, mode=mode, **given)
