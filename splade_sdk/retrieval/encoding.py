"""The two encoders of a retriever as one, each text encoded once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple

from splade_sdk.config import DenseFingerprint
from splade_sdk.encoders.base import EncodeOptions, SideName, SparseEncoder
from splade_sdk.encoders.dense import DenseSide, ExternalDense, OnePassDense, dense_fingerprint
from splade_sdk.errors import InvalidVectorError
from splade_sdk.retrieval.search.options import SearchSettings
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray

__all__ = ["Encoded", "EncoderPair"]


class Encoded(NamedTuple):
    """The vectors of texts, by text; blank texts have no dense vector."""

    sparse: Mapping[str, SparseVector]
    dense: Mapping[str, FloatArray]


class EncoderPair:
    """Makes both vectors of texts: from one pass where the sparse encoder has a dense head.

    Blank texts get no dense vector, so that they never match, as with sparse vectors.

    Args:
        encoder: Makes the sparse vectors.
        dense: Makes the dense ones; None for the dense head of ``encoder``, if it has one; False
            for none.
        settings: How many terms they keep, and by which vectors texts are searched.
    """

    def __init__(
        self,
        encoder: SparseEncoder,
        dense: ExternalDense | Literal[False] | None = None,
        settings: SearchSettings | None = None,
    ) -> None:
        self.encoder = encoder
        self.settings = settings or SearchSettings()
        self._one_pass: OnePassDense | None = None
        self._dense: DenseSide | None = dense or None
        if dense is None and getattr(encoder, "dense_dimensions", None) is not None:
            hybrid: Any = encoder
            self._dense = self._one_pass = OnePassDense(hybrid, encoder.fingerprint.model)

    @cached_property
    def dense(self) -> DenseFingerprint | None:
        """The model of the dense vectors; None without them. Encodes one text at first use."""
        return None if self._dense is None else dense_fingerprint(self._dense)

    @property
    def document_settings(self) -> str:
        """What the vectors of documents depend on beside the encoder's fingerprint."""
        own = str(getattr(self.encoder, "document_settings", ""))
        kept = self.settings.document_max_active_dims
        return own if kept is None else f"{own} max_active_dims={kept}"

    def documents(self, sparse_of: Iterable[str], dense_of: Iterable[str] = ()) -> Encoded:
        """Encode documents, each text once.

        Args:
            sparse_of: Texts whose sparse vector is wanted.
            dense_of: Texts whose dense vector is wanted; there must be a dense model.

        Raises:
            InvalidVectorError: if a dense vector is not a row of finite numbers of the right size.
        """
        return self._encode("document", sparse_of, dense_of)

    def queries(self, sparse_of: Iterable[str], dense_of: Iterable[str] = ()) -> Encoded:
        """Encode queries; takes and raises what ``documents`` does."""
        return self._encode("query", sparse_of, dense_of)

    def _encode(self, side: SideName, sparse_of: Iterable[str], dense_of: Iterable[str]) -> Encoded:
        dense_texts = [text for text in dict.fromkeys(dense_of) if text.strip()]
        sparse: dict[str, SparseVector] = {}
        rows: Iterable[FloatArray] = ()
        if dense_texts and self._one_pass:
            both = self._one_pass.encode_hybrid(dense_texts, side)
            sparse = dict(zip(dense_texts, both.sparse, strict=True))
            rows = both.dense
        elif dense_texts and self._dense:
            rows = self._dense.encode(dense_texts, side)
        dense = dict(zip(dense_texts, map(self._require_size, rows), strict=True))
        if rest := [text for text in dict.fromkeys(sparse_of) if text not in sparse]:
            made = self.encoder.encode_texts(rest, side=side, options=EncodeOptions())
            sparse |= zip(rest, made, strict=True)
        return Encoded(self._pruned(side, sparse), dense)

    def _pruned(self, side: SideName, sparse: dict[str, SparseVector]) -> dict[str, SparseVector]:
        kept = (
            self.settings.query_max_active_dims
            if side == "query"
            else self.settings.document_max_active_dims
        )
        if kept is None:
            return sparse
        return {text: vector.prune(kept) for text, vector in sparse.items()}

    def _require_size(self, row: FloatArray) -> FloatArray:
        if self.dense is not None and row.size != self.dense.dimensions:
            raise InvalidVectorError(
                f"the dense encoder {self.dense.model!r} made a vector of {row.size} dimensions: "
                f"expected {self.dense.dimensions}, as it made before"
            )
        return row
