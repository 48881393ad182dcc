"""Turns the shared options into an encoder and a retriever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from splade_sdk.cli.options import RetrieverOptions
    from splade_sdk.encoders.base import BaseEncoder, DenseEncoder
    from splade_sdk.encoders.splade import SpladeEncoder
    from splade_sdk.retrieval.retriever import Retriever

__all__ = ["open_dense", "open_encoder", "open_retriever", "open_splade"]


def open_splade(
    model: str | None, *, windows: bool = False, max_length: int | None = None, idf: bool = False
) -> SpladeEncoder:
    """Load a SPLADE model, by default the one that comes along."""
    from splade_sdk.encoders.splade import SpladeEncoder

    long_documents: Literal["windows", "truncate"] = "windows" if windows else "truncate"
    return SpladeEncoder(model, max_length=max_length, long_documents=long_documents, idf=idf)


def open_encoder(
    model: str | None, *, windows: bool = False, max_length: int | None = None, idf: bool = False
) -> BaseEncoder:
    """Load a model, where ``bm25`` means the bag-of-words baseline."""
    if model == "bm25":
        from splade_sdk.encoders.bm25 import Bm25Encoder

        return Bm25Encoder()
    return open_splade(model, windows=windows, max_length=max_length, idf=idf)


def open_dense(model: str | None) -> DenseEncoder | Literal[False] | None:
    """Load a dense model, where ``none`` means none, and None the dense head of the SPLADE model.

    Raises:
        MissingDependencyError: if sentence-transformers is not installed.
    """
    if model is None or model == "none":
        return False if model else None
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        from splade_sdk.errors import MissingDependencyError

        raise MissingDependencyError.for_extra("sentence-transformers", "dense") from error
    made: DenseEncoder = SentenceTransformer(model)
    return made


def open_retriever(options: RetrieverOptions) -> Retriever:
    """Make the retriever of a folder or a server.

    Raises:
        typer.BadParameter: if not exactly one of the two is given.
    """
    if (options.index is None) == (options.url is None):
        raise typer.BadParameter(
            "give one of them: --index DIR for a folder, or --url URL for a Qdrant server",
            param_hint="'--index' / '--url'",
        )
    from splade_sdk.retrieval.retriever import Retriever

    return Retriever(
        options.url,
        path=options.index,
        collection=options.collection,
        encoder=open_encoder(options.model, windows=options.windows),
        dense_encoder=open_dense(options.dense_model),
        api_key=options.api_key,
        search_settings=options.settings,
        tenant=options.tenant,
    )
