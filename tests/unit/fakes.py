"""A tiny encoder for tests: one dimension a word, weights that can be added up by hand."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.inputs import require_text, require_texts
from splade_sdk.types import SparseBatch, SparseVector

DIMENSIONS = 65_536


class WordEncoder:
    """Weighs each word by how often it occurs: 1.0, 2.0, ..."""

    def __init__(self, name: str = "words", dimensions: int = DIMENSIONS) -> None:
        self.name = name
        self.dimensions = dimensions
        self.calls: list[list[str]] = []

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(
            kind="other",
            model=self.name,
            revision=self.name,
            vocabulary_sha256=self.name,
            dimensions=self.dimensions,
        )

    def _encode(self, text: str) -> SparseVector:
        counts = Counter(
            zlib.crc32(word.encode()) % self.dimensions for word in re.findall(r"\w+", text.lower())
        )
        return SparseVector.from_dict({i: float(n) for i, n in counts.items()}, self.dimensions)

    def encode_document(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        max_active_dims: int | None = None,
    ) -> SparseVector | SparseBatch:
        if isinstance(texts, str):
            return self._encode(require_text(texts))
        checked = require_texts(texts)
        self.calls.append(checked)
        return SparseBatch.from_vectors([self._encode(text) for text in checked], self.dimensions)

    encode_query = encode_document
    encode = encode_document

    def decode(self, vector: SparseVector, top_k: int | None = None) -> list[tuple[str, float]]:
        ordered = sorted(vector.to_dict().items(), key=lambda item: (-item[1], item[0]))
        return [(f"term{index}", weight) for index, weight in ordered[:top_k]]
