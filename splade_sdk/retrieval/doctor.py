"""What ``doctor`` does: a checkup of a collection and of the encoders that are used with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice

import numpy as np
from qdrant_client import models

from splade_sdk.errors import EngineError
from splade_sdk.qdrant.base import Collection, CollectionStatus, Record
from splade_sdk.qdrant.content_hash import ContentHasher, same_vector
from splade_sdk.qdrant.payload import CONTENT_HASH, from_payload, metadata_path
from splade_sdk.retrieval.connection import Connection
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.types import DoctorReport, Finding, SparseVector

__all__ = ["checkup"]

_SAMPLE = 1_000  # documents that are looked at one by one
_ENCODED = 3  # documents that are encoded again
_MANY = 10_000  # documents from which on a filter without an index is slow
_SAME = 0.999  # cosine of a stored vector and one made now


def checkup(connection: Connection, shown: str) -> DoctorReport:
    """Check a collection; what keeps it from being opened is a finding too.

    Args:
        connection: Of a retriever.
        shown: What to call the collection.
    """
    try:
        collection = connection.open(without_dense=True)
    except EngineError as error:
        told, _, advice = str(error).partition(": ")
        finding = Finding("opening", "error", told, advice or "see the message")
        return DoctorReport(shown, (finding,), ("opening",))
    examined = _Examined(collection, connection.encoding)
    order = ("error", "warning", "info")
    found = [each for check in _CHECKS.values() for each in check(examined)]
    found.sort(key=lambda each: order.index(each.severity))
    return DoctorReport(shown, tuple(found), ("opening", "model", "vocabulary", *_CHECKS))


class _Examined:
    """A collection, and what several checks look at."""

    def __init__(self, collection: Collection, encoding: EncoderPair) -> None:
        self.collection = collection
        self.contract = collection.contract
        self.encoding = encoding

    @cached_property
    def status(self) -> CollectionStatus:
        return self.collection.status()

    @cached_property
    def sample(self) -> list[Record]:
        records, _ = self.collection.scroll(limit=_SAMPLE, with_vectors=True)
        return records

    @property
    def of_sample(self) -> str:
        return f"of {len(self.sample)} documents looked at"


def _idf(examined: _Examined) -> Iterator[Finding]:
    wanted, has = examined.contract.fingerprint.idf, examined.status.idf
    if has is None or has == wanted:
        return
    if wanted:
        what = "the encoder asks for the engine's IDF, which is off: rare words weigh too little"
    else:
        what = "the engine's IDF is on, and weighs terms once more that the model weighs already"
    yield Finding("idf", "error", what, "index anew into another collection")


def _optimizer(examined: _Examined) -> Iterator[Finding]:
    if examined.status.pending:
        yield Finding("optimizer", "warning", examined.status.pending, examined.status.advice)


def _engine(examined: _Examined) -> Iterator[Finding]:
    status = examined.status
    if status.slow:
        advice = "pip install 'splade-sdk[edge]' for the embedded engine, or run a Qdrant server"
        yield Finding("engine", "warning", status.slow, advice)
    if status.client_version and status.server_version:
        client, server = (
            tuple(map(int, each.split(".")[:2]))
            for each in (status.client_version, status.server_version)
        )
        if client[0] != server[0] or abs(client[1] - server[1]) > 1:
            yield Finding(
                "engine",
                "warning",
                f"qdrant-client {status.client_version} speaks to Qdrant {status.server_version}, "
                "and they are made for at most one minor version of difference",
                "update the older of the two",
            )


def _empty(examined: _Examined) -> Iterator[Finding]:
    empty = [
        record for record in examined.sample if record.vector is not None and not len(record.vector)
    ]
    if empty:
        yield Finding(
            "empty vectors",
            "warning",
            f"{len(empty)} {examined.of_sample} have a sparse vector without terms, such as "
            f"{from_payload(empty[0].payload).id!r}, and are never found by one",
            "see whether their texts are blank or in a language that the model does not know",
        )


def _dense(examined: _Examined) -> Iterator[Finding]:
    contract = examined.contract
    if contract.upgrading is not None:
        yield Finding(
            "dense vectors",
            "warning",
            f"an upgrade to hybrid by {contract.upgrading.model!r} was begun and not finished",
            "call upgrade_to_hybrid() again",
        )
    if contract.dense is None:
        return
    name = contract.settings.dense.name
    lacking = models.Filter(must_not=[models.HasVectorCondition(has_vector=name)])
    if without := examined.collection.count(lacking):
        yield Finding(
            "dense vectors",
            "warning",
            f"{without} documents have no dense vector, and are never found by one",
            "documents of blank text have none; store others again with skip_unchanged=False",
        )
    if examined.encoding.dense is None:
        yield Finding(
            "dense vectors",
            "info",
            f"the collection has dense vectors by {contract.dense.model!r}, and this retriever no "
            "dense encoder: it searches by sparse ones only",
            "pass dense_encoder= for hybrid search",
        )


def _fields(examined: _Examined) -> Iterator[Finding]:
    if examined.status.points <= _MANY:
        return
    met: Counter[str] = Counter()
    for record in examined.sample:
        metadata = from_payload(record.payload).metadata
        met.update(key for key, value in metadata.items() if isinstance(value, str | int | float))
    indexed = examined.status.indexed_fields
    bare = [key for key, _ in met.most_common() if metadata_path(key) not in indexed]
    if bare:
        told = ", ".join([*bare[:5], *(["..."] if len(bare) > 5 else [])])
        yield Finding(
            "indexed fields",
            "info",
            f"no payload index for {told}: filters on them look at all {examined.status.points} "
            "documents",
            "name those that you filter by in CollectionSettings(indexed_fields={...})",
        )


def _drift(examined: _Examined) -> Iterator[Finding]:
    """Encode some documents again: what is stored must be what the encoder makes."""
    dense = examined.contract.dense
    hasher = ContentHasher(
        examined.encoding.document_settings, dense.model_dump_json() if dense else ""
    )
    other, compared = 0, []
    for record in examined.sample:
        document, vector = from_payload(record.payload), record.vector
        if vector is None or not document.text.strip():
            continue
        if not same_vector(record.payload.get(CONTENT_HASH, ""), hasher(document.text, {})):
            other += 1  # other settings, or a vector that came with the document
        else:
            compared.append((document, vector))
    if other:
        yield Finding(
            "settings",
            "info",
            f"{other} {examined.of_sample} were encoded with other settings (such as max_length), "
            "or brought their vectors",
            "upsert encodes them anew where their text is the source",
        )
    texts = [document.text for document, _ in islice(compared, _ENCODED)]
    made = examined.encoding.documents(texts).sparse
    for document, vector in islice(compared, _ENCODED):
        if _cosine(vector, made[document.text]) < _SAME:
            yield Finding(
                "model",
                "error",
                f"the encoder makes another vector of document {document.id!r} than is stored, "
                "though it says that nothing has changed",
                "see whether the encoder is deterministic, then index anew",
            )
            return


def _cosine(one: SparseVector, other: SparseVector) -> float:
    a, b = one.to_dict(), other.to_dict()
    lengths = np.linalg.norm(list(a.values())) * np.linalg.norm(list(b.values()))
    product = sum(weight * b.get(term, 0.0) for term, weight in a.items())
    return float(product / lengths) if lengths else float(not a and not b)


_CHECKS: dict[str, Callable[[_Examined], Iterator[Finding]]] = {
    "idf": _idf,
    "engine": _engine,
    "optimizer": _optimizer,
    "empty vectors": _empty,
    "dense vectors": _dense,
    "indexed fields": _fields,
    "settings": _drift,
}
