"""The models of components: loaded when they warm up, written into pipelines by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from threading import Lock
from typing import Any, Literal
from weakref import WeakValueDictionary

from haystack.core.errors import SerializationError

from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
from splade_sdk.errors import MissingDependencyError

__all__ = ["LazyEncoder", "load_dense_encoder", "serialized_dense_encoder"]

_loaded: WeakValueDictionary[str, Any] = WeakValueDictionary()
_loading = Lock()


class LazyEncoder:
    """What a component was told of its encoder, and the encoder once it is needed.

    Components that name the same model with the same options share one, as long as one of them
    lives.

    Args:
        model: Name or folder of a model for SpladeEncoder, None for the default one, or any
            encoder.
        options: Other arguments of SpladeEncoder, as JSON values.
    """

    def __init__(
        self, model: str | SparseEncoder | None, options: Mapping[str, Any] | None
    ) -> None:
        self.model = model
        self.options = dict(options or {})
        self._encoder: SparseEncoder | None = None

    def get(self) -> SparseEncoder:
        """Return the encoder; loads the model at first use.

        Raises:
            ModelError: if it cannot be loaded.
        """
        if self._encoder is None:
            self._encoder = (
                self._load(self.model)
                if self.model is None or isinstance(self.model, str)
                else self.model
            )
        return self._encoder

    def serialized_model(self) -> str | None:
        """Return the name that a pipeline's file can hold.

        Raises:
            SerializationError: if the component was given an encoder instead of a name.
        """
        if self.model is None or isinstance(self.model, str):
            return self.model
        raise _unwritable("encoder", self.model)

    def _load(self, model: str | None) -> SparseEncoder:
        from splade_sdk.encoders.splade import SpladeEncoder

        key = json.dumps([model, self.options], sort_keys=True, default=str)
        with _loading:
            encoder: SparseEncoder | None = _loaded.get(key)
            if encoder is None:
                encoder = _loaded[key] = SpladeEncoder(model, **self.options)
            return encoder


def load_dense_encoder(
    given: str | DenseEncoder | Literal[False] | None,
) -> DenseEncoder | Literal[False] | None:
    """Return the dense encoder that a store was told of, loading a SentenceTransformer by name.

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
