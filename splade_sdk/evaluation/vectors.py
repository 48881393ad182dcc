"""Makes the vectors that an evaluation's modes of search need, each text once."""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Sequence
from time import perf_counter
from typing import Literal, NamedTuple

from splade_sdk.config import DenseFingerprint
from splade_sdk.encoders.base import DenseEncoder, EncodeOptions, SparseEncoder
from splade_sdk.encoders.dense import PROBE, ExternalDense
from splade_sdk.errors import ConfigError
from splade_sdk.evaluation.engines import QueryVector
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.search.options import Mode
from splade_sdk.types import HybridVector, SparseBatch, SparseVector
from splade_sdk.types.arguments import require_texts
from splade_sdk.types.arrays import FloatArray

__all__ = ["MODES", "VectorMaker", "Vectors"]

MODES: tuple[Mode, ...] = ("sparse", "dense", "hybrid")


class Vectors(NamedTuple):
    """Vectors of texts, in their order.

    Attributes:
        sparse: Without terms where no mode needs them, and they did not come along.
        dense: None for blank texts, and where no mode needs them.
        sparse_s: Seconds spent on sparse vectors, or on both where one pass gives both.
        dense_s: Seconds spent on dense vectors by a model of their own.
    """

    sparse: SparseBatch
    dense: list[FloatArray | None]
    sparse_s: float
    dense_s: float

    def encode_s(self, mode: Mode) -> float:
        """Return the seconds that a mode alone would have taken, as far as that is known."""
        if mode == "hybrid" or not self.dense_s:
            return self.sparse_s + self.dense_s
        return self.sparse_s if mode == "sparse" else self.dense_s

    def without_terms(self) -> SparseBatch:
        """Return sparse vectors without terms, for what is searched by dense ones only."""
        return SparseBatch.empty(self.sparse.dimensions, len(self.sparse))

    def query(self, row: int, mode: Mode) -> QueryVector:
        """Return what a query is searched by; a blank one finds nothing."""
        dense = self.dense[row]
        if mode == "sparse" or dense is None:
            sparse = self.sparse[row]
            return sparse if mode != "dense" else SparseVector.empty(sparse.dimensions)
        return dense if mode == "dense" else HybridVector(self.sparse[row], dense)


class VectorMaker:
    """The encoders of an evaluation.

    Args:
        encoder: Makes the sparse vectors.
        dense_encoder: Makes the dense ones; None for the dense head of ``encoder``.
        modes: What will be searched.
        batch_size: Texts encoded in one pass at most, where there are sparse vectors only.

    Raises:
        ConfigError: if a mode does not exist, or needs dense vectors that nothing makes.
        InvalidTypeError: if ``dense_encoder`` cannot encode.
    """

    def __init__(
        self,
        encoder: SparseEncoder,
        dense_encoder: DenseEncoder | None,
        modes: Container[Mode],
        batch_size: int | None,
    ) -> None:
        for mode in modes:
            if mode not in MODES:
                raise ConfigError(f"mode is {mode!r}: expected one of {', '.join(MODES)}")
        self._encoder = encoder
        self._batch_size = batch_size
        self._needs_sparse = any(mode != "dense" for mode in modes)
        self._needs_dense = any(mode != "sparse" for mode in modes)
        external = ExternalDense(dense_encoder) if dense_encoder is not None else None
        self._encoding = EncoderPair(encoder, external if self._needs_dense else False)
        self._one_pass = external is None
        if self._needs_dense and self._encoding.dense is None:
            raise ConfigError(
                f"the model {encoder.fingerprint.model!r} has no dense head, which the modes dense "
                "and hybrid need: pass dense_encoder=, such as a SentenceTransformer"
            )

    @property
    def dense(self) -> DenseFingerprint | None:
        """The model of the dense vectors; None where none are made."""
        return self._encoding.dense

    def dense_probe(self) -> list[float]:
        """Return what the dense model makes of a short text on either side; empty without one."""
        if self._encoding.dense is None:
            return []
        (query,) = self._encoding.queries((), [PROBE]).dense.values()
        made = [*self._encoding.dense.probe, *query.astype(float).tolist()]
        return [round(each, 5) for each in made]

    def make(self, side: Literal["document", "query"], texts: Sequence[str]) -> Vectors:
        """Encode texts.

        Args:
            side: What the texts are.
            texts: Any texts.
        """
        started = perf_counter()
        if not self._needs_dense:
            options = EncodeOptions(batch_size=self._batch_size)
            made = self._encoder.encode_texts(require_texts(texts), side=side, options=options)
            return Vectors(made, [None] * len(texts), perf_counter() - started, 0.0)
        encode_both = self._encoding.queries if side == "query" else self._encoding.documents
        sparse_s = 0.0
        sparse: dict[str, SparseVector] = {}
        if self._needs_sparse and not self._one_pass:
            sparse.update(encode_both(texts).sparse)
            sparse_s = perf_counter() - started
        both = encode_both(texts if self._one_pass and self._needs_sparse else (), texts)
        sparse.update(both.sparse)
        spent = perf_counter() - started - sparse_s
        dimensions = self._encoder.fingerprint.dimensions
        empty = SparseVector.empty(dimensions)
        return Vectors(
            SparseBatch.from_vectors([sparse.get(text, empty) for text in texts], dimensions),
            [both.dense.get(text) for text in texts],
            spent if self._one_pass else sparse_s,
            0.0 if self._one_pass else spent,
        )
