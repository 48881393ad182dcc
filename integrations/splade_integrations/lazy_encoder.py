"""The encoder of a framework's component: given, or loaded at first use and shared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from splade_sdk.encoders.base import SparseEncoder

__all__ = ["LazyEncoder"]

_loaded: WeakValueDictionary[str, Any] = WeakValueDictionary()
_loading = Lock()


class LazyEncoder:
    """An encoder, or the name of a model that is loaded when it is needed.

    Components that name the same model with the same options share one encoder, as long as one of
    them lives.

    Args:
        model: Name or folder of a model for SpladeEncoder, None for the default one, or any
            encoder.
        options: Other arguments of SpladeEncoder, as JSON values.
    """

    def __init__(
        self, model: str | SparseEncoder | None, options: Mapping[str, Any] | None = None
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

    def _load(self, model: str | None) -> SparseEncoder:
        from splade_sdk.encoders.splade import SpladeEncoder

        key = json.dumps([model, self.options], sort_keys=True, default=str)
        with _loading:
            encoder: SparseEncoder | None = _loaded.get(key)
            if encoder is None:
                encoder = _loaded[key] = SpladeEncoder(model, **self.options)
            return encoder
