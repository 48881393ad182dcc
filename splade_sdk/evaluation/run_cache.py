"""Keeps what searching a dataset gave, so that a second evaluation neither encodes nor searches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import TypeAdapter, ValidationError

from splade_sdk.config import CollectionSettings
from splade_sdk.datasets.beir import BeirDataset
from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.evaluation.engines import VectorFusion
from splade_sdk.evaluation.report import Outcome
from splade_sdk.evaluation.vectors import VectorMaker
from splade_sdk.retrieval.search.options import Mode

__all__ = ["RunCache", "cache_keys", "data_sha256"]

_FORMAT = 1  # of the files; also changes when what is computed changes
_OUTCOME = TypeAdapter(Outcome)


class RunCache:
    """A folder of outcomes, each under a hash of all that determines it.

    These are the encoder's fingerprint and settings, the texts of documents and queries, the
    engine with its settings, and how deep it was searched. A file that cannot be read counts as
    missing.

    Args:
        folder: Made when something is stored.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def load(self, key: str) -> Outcome | None:
        """Return what was stored under a key, or None."""
        try:
            return _OUTCOME.validate_json(self._path(key).read_bytes())
        except (OSError, ValidationError):
            return None

    def store(self, key: str, outcome: Outcome) -> None:
        """Keep an outcome; the file is there as a whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as file:
            file.write(_OUTCOME.dump_json(outcome))
        Path(file.name).replace(self._path(key))

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def cache_keys(
    encoder: SparseEncoder,
    maker: VectorMaker,
    dataset: BeirDataset,
    modes: Sequence[Mode],
    *,
    fused: VectorFusion,
    engine: str,
    settings: CollectionSettings,
    limit: int,
    ignore_identical_ids: bool,
) -> dict[Mode, str]:
    """Return, by mode, the hash of all that determines the hits.

    Args:
        encoder: Makes the sparse vectors.
        maker: Makes all vectors; where there are dense ones, it encodes one document and one
            query, whose vectors stand for the dense model.
        dataset: What is searched, and the queries.
        modes: By which vectors.
        fused: How a hybrid search fuses its legs.
        engine: What searches, with its version.
        settings: Layout of the collection.
        limit: Hits for each query at most.
        ignore_identical_ids: Whether a hit with the query's own id is dropped.
    """
    told = [
        _FORMAT,
        type(encoder).__qualname__,
        # The name does not matter: weights moved to another folder give the same vectors.
        encoder.fingerprint.model_dump(exclude={"model"}),
        str(getattr(encoder, "document_settings", "")),
        str(getattr(encoder, "query_settings", "")),
        data_sha256(dataset),
        engine,
        settings.model_dump(mode="json"),
        limit,
        ignore_identical_ids,
    ]
    fusion = [type(fused.fusion).__name__, fused.fusion.model_dump(), fused.prefetch_limit]
    dense = maker.dense_probe()
    by_mode: dict[Mode, list[object]] = {"sparse": [], "dense": [dense], "hybrid": [dense, fusion]}
    return {
        mode: hashlib.sha256(json.dumps([*told, mode, *by_mode[mode]]).encode()).hexdigest()
        for mode in modes
    }


def data_sha256(dataset: BeirDataset) -> str:
    """Return the hash of all documents and of the judged queries; judgements do not count."""
    made = hashlib.sha256()
    for query_id, text in dataset.queries.items():
        made.update(json.dumps([query_id, text]).encode())
    made.update(b"\0")
    for document in dataset.corpus():
        made.update(json.dumps([document.id, document.text]).encode())
    return made.hexdigest()
