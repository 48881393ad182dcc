"""A hash of what determines a stored document, so that an unchanged one is known; pure.

The hash of a text has two halves: the first covers what determines the vectors (the text and the
settings of the encoders), the second the rest. A document whose first half is unchanged can keep
the vector it is stored with.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray

__all__ = ["ContentHasher", "same_vector"]

_HALF_BYTES = 8


class ContentHasher:
    """Hashes documents, 32 hexadecimal digits each.

    Args:
        settings: What the vectors depend on beside the text and the encoder's fingerprint, such as
            the length at which texts are cut.
        dense: What identifies the dense model of the collection; empty where there is none.
    """

    def __init__(self, settings: str = "", dense: str = "") -> None:
        self._models = settings.encode() + b"\0" + (b"dense\0" + dense.encode() if dense else b"")
        self._of_text = blake2b(self._models, digest_size=_HALF_BYTES)
        self._has_dense = bool(dense)

    def __call__(
        self,
        text: str,
        metadata: Mapping[str, Any],
        vector: SparseVector | None = None,
        dense: FloatArray | None = None,
    ) -> str:
        """Return the hash of a document.

        Args:
            text: Its text.
            metadata: JSON values; the order of the outermost keys does not matter.
            vector: Its ready-made sparse vector, where it has one.
            dense: Its ready-made dense vector, where it has one.
        """
        # repr tells all JSON values apart, and is faster than json.dumps.
        rest = repr(sorted(metadata.items())).encode() if metadata else b""
        if vector is None and dense is None:
            of_text = self._of_text.copy()
            of_text.update(text.encode())
            return of_text.hexdigest() + blake2b(rest, digest_size=_HALF_BYTES).hexdigest()
        whole = blake2b(digest_size=2 * _HALF_BYTES)
        if vector is not None:
            whole.update(vector.indices.data)
            whole.update(vector.values.data)
        if dense is not None:
            whole.update(b"dense\0")
            whole.update(dense.data)
        if vector is None or (dense is None and self._has_dense):  # then a model makes the other
            whole.update(self._models)
        whole.update(b"%d\0" % len(rest))
        whole.update(rest)
        whole.update(text.encode())
        return whole.hexdigest()


def same_vector(one: str, other: str) -> bool:
    """Return whether two hashes of texts belong to the same vectors."""
    return one[: 2 * _HALF_BYTES] == other[: 2 * _HALF_BYTES]
