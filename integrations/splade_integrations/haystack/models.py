"""The models of components, as a pipeline's file holds them: by name."""

from __future__ import annotations

from typing import Literal

from haystack.core.errors import SerializationError

from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
from splade_sdk.errors import MissingDependencyError

__all__ = ["load_dense_encoder", "serialized_dense_encoder", "serialized_model"]


def serialized_model(model: str | SparseEncoder | None) -> str | None:
    """Return the name that a pipeline's file can hold.

    Raises:
        SerializationError: if it is an encoder instead of a name.
    """
    if model is None or isinstance(model, str):
        return model
    raise _unwritable("encoder", model)


def load_dense_encoder(
    given: str | DenseEncoder | Literal[False] | None,
) -> DenseEncoder | Literal[False] | None:
    """Return the dense encoder of a store, loading a SentenceTransformer by name.

    Raises:
        MissingDependencyError: if a name is given and sentence-transformers is not installed.
    """
    if not isinstance(given, str):
        return given
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as error:
        raise MissingDependencyError.for_extra("sentence-transformers", "dense") from error
    loaded: DenseEncoder = SentenceTransformer(given)
    return loaded


def serialized_dense_encoder(
    given: str | DenseEncoder | Literal[False] | None,
) -> str | Literal[False] | None:
    """Return what a pipeline's file can hold of a dense encoder.

    Raises:
        SerializationError: if it is an object instead of a name.
    """
    if given is None or given is False or isinstance(given, str):
        return given
    raise _unwritable("dense encoder", given)


def _unwritable(what: str, given: object) -> SerializationError:
    return SerializationError(
        f"the {what} is a {type(given).__name__} object, which a pipeline's file cannot hold: give "
        "the name or folder of a model instead"
    )
