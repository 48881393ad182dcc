"""What encodes one side, queries or documents; and the side that needs no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.errors import ConfigError, InvalidTypeError, ModelFormatError
from splade_sdk.types import SparseBatch
from splade_sdk.types.arrays import FloatArray

__all__ = ["EncodedBlock", "Side", "TokenSide", "read_token_weights", "token_weights"]

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """The vectors of a block of texts.

    Attributes:
        vectors: A row for each text.
        cut: Texts that were cut short.
        dense: Rows of length 1, zeros for a blank text; None unless ``dense``. Shape:
            ``(texts, dense_dimensions)``.
    """

    vectors: SparseBatch
    cut: int
    dense: FloatArray | None = None


class Side(Protocol):
    """Encodes a block of texts."""

    text_tokenizer: TextTokenizer

    @property
    def dimensions(self) -> int:
        """Size of the sparse space."""
        ...

    @property
    def dense_dimensions(self) -> int | None:
        """Size of the dense vectors; None where there is no dense head."""
        ...

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None,
        advance: Callable[[int], object],
        dense: bool = False,
    ) -> EncodedBlock:
        """Encode ``texts``.

        Args:
            texts: At most some thousands.
            batch_size: Texts (or windows) in one pass at most; None leaves it to their tokens.
            advance: Called with the number of texts done since the last call.
            dense: Also make the dense vectors, in the same pass; only with a dense head.
        """
        ...


class TokenSide:
    """Gives each distinct token of a text its fixed weight; no model runs.

    This is the query side of document-only expansion (SPLADE-doc, arXiv 2109.10086) and of the
    inference-free models (arXiv 2411.04403).

    Args:
        weights: Weight of each token id; zero or less drops the token. Shape: ``(dimensions,)``.
        text_tokenizer: Its ids index ``weights``.
    """

    def __init__(self, weights: NDArray[np.float32], text_tokenizer: TextTokenizer) -> None:
        self.weights = weights
        self.text_tokenizer = text_tokenizer

    @property
    def dimensions(self) -> int:
        """Size of the sparse space."""
        return self.weights.size

    @property
    def dense_dimensions(self) -> None:
        """No model runs: there is no dense vector."""
        return None

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None,
        advance: Callable[[int], object],
        dense: bool = False,
    ) -> EncodedBlock:
        """See Side."""
        del batch_size, dense
        indptr = np.zeros(len(texts) + 1, dtype=np.int64)
        terms: list[NDArray[np.int32]] = []
        prompt = self.text_tokenizer.prompt
        prompted = [prompt + text if text and not text.isspace() else "" for text in texts]
        for row, ids in enumerate(self.text_tokenizer.ids(prompted)):
            unique = np.unique(np.asarray(ids, dtype=np.int32))
            unique = unique[self.weights[unique] > 0]
            terms.append(unique)
            indptr[row + 1] = indptr[row] + unique.size
        indices = np.concatenate(terms) if terms else np.empty(0, np.int32)
        advance(len(texts))
        return EncodedBlock(
            SparseBatch(indptr, indices, self.weights[indices], self.weights.size), cut=0
        )


def token_weights(
    table: Mapping[str, float], vocabulary: Mapping[str, int], dimensions: int
) -> NDArray[np.float32]:
    """Turn a table of token -> weight into weights by token id; other tokens get 0.

    Args:
        table: Such as an ``idf.json``.
        vocabulary: Token -> id.
        dimensions: Size of the result.

    Returns:
        Shape: ``(dimensions,)``.

    Raises:
        ConfigError: if a token is not in the vocabulary, or a weight is negative or not finite.
        InvalidTypeError: if a weight is no number.
    """
    weights = np.zeros(dimensions, dtype=np.float32)
    for token, weight in table.items():
        if token not in vocabulary:
            raise ConfigError(f"query token {token!r} is not in the model's vocabulary")
        if isinstance(weight, bool) or not isinstance(weight, int | float | np.number):
            raise InvalidTypeError(
                f"the weight of query token {token!r} is {weight!r} ({type(weight).__name__}): "
                "expected a number"
            )
        if not 0 <= weight <= _LARGEST:
            raise ConfigError(
                f"the weight of query token {token!r} is {weight}: expected a finite number of at "
                "least 0"
            )
        weights[vocabulary[token]] = weight
    return weights


def read_token_weights(
    path: Path, vocabulary: Mapping[str, int], dimensions: int
) -> NDArray[np.float32]:
    """Read the weights of a sentence-transformers static side.

    Args:
        path: ``idf.json`` (token -> weight), or safetensors with one tensor.
        vocabulary: Token -> id.
        dimensions: Size of the result.

    Returns:
        Shape: ``(dimensions,)``.

    Raises:
        ModelFormatError: if the file cannot be read, or has not one number for each term.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        if path.suffix == ".json":
            table: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
            return token_weights(table, vocabulary, dimensions)
        weights = next(iter(load_file(path).values())).astype(np.float32)
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        StopIteration,
        SafetensorError,
    ) as error:
        raise ModelFormatError(f"the token weights in {path} cannot be used: {error}") from error
    if weights.ndim != 1 or weights.size > dimensions:
        raise ModelFormatError(
            f"{path} has token weights of shape {weights.shape}: "
            f"expected one for each of the {dimensions} terms"
        )
    if not np.isfinite(weights).all():
        raise ModelFormatError(f"{path} has token weights that are not finite numbers")
    return np.concatenate([weights, np.zeros(dimensions - weights.size, np.float32)])
