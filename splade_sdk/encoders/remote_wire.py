"""Requests to an encoding service, and its answers, as bytes; pure.

The service is Hugging Face's text-embeddings-inference (``POST /embed_sparse``), or ours, which
speaks the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from splade_sdk.config import Fingerprint
from splade_sdk.errors import InvalidVectorError, ModelError
from splade_sdk.types import SparseBatch

__all__ = [
    "ServiceInfo",
    "SpladeServiceInfo",
    "embed_request",
    "plan_requests",
    "read_info",
    "read_vectors",
    "with_empty_rows",
]

# Text of a request at most; text-embeddings-inference takes 2,000,000 bytes in all.
_MAX_BYTES = 1_000_000
_MAX_SHOWN = 80


class SpladeServiceInfo(BaseModel):
    """What ``splade serve`` says beyond text-embeddings-inference.

    Attributes:
        fingerprint: What identifies the document vectors.
        document_settings: What they depend on beside the fingerprint.
        dense_dimensions: Size of the dense vectors of ``/embed``; None without a dense head.
        has_tokenizer: Whether ``/tokenizer.json`` gives the tokenizer.
        modes: What ``/search`` offers, such as ``sparse``; empty where nothing is searched.
    """

    model_config = ConfigDict(frozen=True)

    fingerprint: Fingerprint
    document_settings: str = ""
    dense_dimensions: int | None = None
    has_tokenizer: bool = False
    modes: tuple[str, ...] = ()


class ServiceInfo(BaseModel):
    """What a client has to know of a service; other fields of the answer are ignored.

    Attributes:
        model_id: Name or folder of the model.
        model_sha: Commit of the model; None where it was loaded from a folder.
        max_input_length: Tokens of a text at most; None where the service does not say.
        max_client_batch_size: Texts of a request at most.
        auto_truncate: Whether texts that are too long are cut where a request does not say.
        version: Of the server.
        splade_sdk: Ours; None for text-embeddings-inference.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    model_id: str
    model_sha: str | None = None
    max_input_length: int | None = None
    max_client_batch_size: Annotated[int, Field(gt=0)] = 32
    auto_truncate: bool = False
    version: str = ""
    splade_sdk: SpladeServiceInfo | None = None

    def fingerprint(self, dimensions: int) -> Fingerprint:
        """Return what identifies the document vectors; our own services say it themselves.

        Args:
            dimensions: Size of the sparse space, where the service does not say.
        """
        if self.splade_sdk is not None:
            return self.splade_sdk.fingerprint
        identity = f"{self.model_id} {self.model_sha}"
        return Fingerprint(
            kind="remote",
            model=self.model_id,
            revision=self.model_sha or self.model_id,
            vocabulary_sha256=hashlib.sha256(identity.encode()).hexdigest(),
            dimensions=dimensions,
        )


def plan_requests(texts: Sequence[str], max_texts: int) -> Iterator[list[str]]:
    """Cut texts into requests, in order, bounded in texts and bytes; a huge text goes alone."""
    batch: list[str] = []
    size = 0
    for text in texts:
        more = len(text) if text.isascii() else len(text.encode())
        if batch and (len(batch) == max_texts or size + more > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += more
    if batch:
        yield batch


def embed_request(texts: Sequence[str], *, prompt_name: str | None, truncate: bool) -> bytes:
    """Return the body of ``POST /embed_sparse``.

    Args:
        texts: Not blank: text-embeddings-inference refuses blank ones.
        prompt_name: Which of the model's prompts to put before each text.
        truncate: Cut texts that are too long, instead of refusing them.
    """
    asked: dict[str, object] = {"inputs": list(texts), "truncate": truncate}
    if prompt_name is not None:
        asked["prompt_name"] = prompt_name
    return json.dumps(asked, ensure_ascii=False).encode()


def read_vectors(body: bytes, *, rows: int, dimensions: int, where: str) -> SparseBatch:
    """Return the vectors of an answer of ``POST /embed_sparse``.

    Args:
        body: ``[[{"index": 7, "value": 0.5}, ...], ...]``; the terms of a row in any order.
        rows: Number of texts that were sent.
        dimensions: Size of the sparse space.
        where: What answered; begins every message.

    Raises:
        ModelError: if the answer has another form, or another number of rows.
        InvalidVectorError: if a row is no vector of the space.
    """
    answer = _json(body, where)
    if not isinstance(answer, list) or not all(isinstance(row, list) for row in answer):
        raise _unexpected(body, where, '[[{"index": 7, "value": 0.5}, ...], ...]')
    if len(answer) != rows:
        raise ModelError(
            f"{where}: {len(answer)} vectors came for {rows} texts: is it an /embed_sparse service?"
        )
    try:
        terms = [entry["index"] for row in answer for entry in row]
        weights = [entry["value"] for row in answer for entry in row]
    except (KeyError, TypeError, IndexError) as error:
        raise _unexpected(body, where, '[[{"index": 7, "value": 0.5}, ...], ...]') from error
    indptr = np.zeros(rows + 1, dtype=np.int64)
    np.cumsum([len(row) for row in answer], out=indptr[1:])
    try:
        indices, values = np.asarray(terms), np.asarray(weights)
        if indices.dtype.kind in "iu":
            order = np.lexsort((indices, np.repeat(np.arange(rows), np.diff(indptr))))
            indices, values = indices[order], values[order]
        return SparseBatch(indptr, indices, values, dimensions)
    except (InvalidVectorError, ValueError) as error:
        raise InvalidVectorError(f"{where}: the answer holds a bad vector: {error}") from error


def with_empty_rows(batch: SparseBatch, kept: Sequence[int], rows: int) -> SparseBatch:
    """Spread the rows of a batch to their positions among rows without terms.

    Args:
        batch: As many rows as ``kept``.
        kept: Position of each row, ascending.
        rows: Rows of the result.
    """
    if len(kept) == rows:
        return batch
    lengths = np.zeros(rows, dtype=np.int64)
    lengths[np.asarray(kept, dtype=np.int64)] = np.diff(batch.indptr)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return SparseBatch(indptr, batch.indices, batch.values, batch.dimensions)


def read_info(body: bytes, where: str) -> ServiceInfo:
    """Return what the answer of ``GET /info`` says.

    Raises:
        ModelError: if it has another form.
    """
    answer = _json(body, where)
    try:
        return ServiceInfo.model_validate(answer)
    except ValidationError as error:
        raise _unexpected(body, where, '{"model_id": ..., "model_sha": ..., ...}') from error


def _json(body: bytes, where: str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unexpected(body, where, "JSON") from error


def _unexpected(body: bytes, where: str, expected: str) -> ModelError:
    shown = body[: 4 * _MAX_SHOWN].decode(errors="replace")[:_MAX_SHOWN]
    return ModelError(
        f"{where}: the answer begins with {shown!r}, expected {expected}: is there a proxy or "
        "another service at this address?"
    )
