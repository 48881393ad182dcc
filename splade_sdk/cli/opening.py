"""Turns the shared options into an encoder and a retriever."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from splade_sdk.encoders.base import SparseEncoder
    from splade_sdk.encoders.splade import SpladeEncoder
    from splade_sdk.retrieval.retriever import Retriever

__all__ = ["open_encoder", "open_retriever", "open_splade"]


def open_splade(
    model: str | None, *, windows: bool = False, max_length: int | None = None
) -> SpladeEncoder:
    """Load a SPLADE model, by default the one that comes along."""
    from splade_sdk.encoders.splade import SpladeEncoder

    return SpladeEncoder(
        model, max_length=max_length, long_documents="windows" if windows else "truncate"
    )


def open_encoder(
    model: str | None, *, windows: bool = False, max_length: int | None = None
) -> SparseEncoder:
    """Load a model, where ``bm25`` means the bag-of-words baseline."""
    if model == "bm25":
        from splade_sdk.encoders.bm25 import Bm25Encoder

        return Bm25Encoder()
    return open_splade(model, windows=windows, max_length=max_length)


def open_retriever(
    index: Path | None,
    url: str | None,
    collection: str,
    *,
    api_key: str | None,
    model: str | None,
    windows: bool = False,
) -> Retriever:
    """Make the retriever of a folder or a server.

    Raises:
        typer.BadParameter: if not exactly one of the two is given.
    """
    if (index is None) == (url is None):
        raise typer.BadParameter(
            "give one of them: --index DIR for a folder, or --url URL for a Qdrant server",
            param_hint="'--index' / '--url'",
        )
    from splade_sdk.retrieval.retriever import Retriever

    encoder = open_encoder(model, windows=windows)
    return Retriever(url, path=index, collection=collection, encoder=encoder, api_key=api_key)
