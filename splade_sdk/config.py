"""Settings of collections, and what identifies an encoder; units are in the names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from splade_sdk.errors import CollectionMismatchError
from splade_sdk.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "CollectionSettings",
    "DenseFingerprint",
    "DenseSettings",
    "FieldSchema",
    "Fingerprint",
    "HnswSettings",
    "PrunedSettings",
    "ServerSettings",
    "Settings",
]

FieldSchema: TypeAlias = Literal[
    "keyword", "integer", "float", "bool", "datetime", "text", "uuid", "geo"
]
"""Kind of a payload index."""

_SAME_MODEL = 0.99  # cosine of two probes from which on they count as one model's


_SHA256_DIGITS = 64
# Fields of a fingerprint that are compared only where both have them.
_IF_KNOWN = ("document_prompt_sha256", "query_side_sha256")


class Fingerprint(Settings):
    """What must be equal for two vectors to be comparable.

    Attributes:
        kind: Family of the encoder.
        model: Name or folder the user gave; told in messages, not compared.
        revision: Hash of what determines the weights (weights file, or the parameters of a
            bag-of-words encoder).
        pooling: ``max`` or ``sum``; None where there is none.
        activation: ``log1p_relu`` or ``log1p_log1p_relu``; None where there is none.
        vocabulary_sha256: Hash of the ordered vocabulary.
        dimensions: Size of the sparse space.
        idf: True where the engine must multiply query weights by the inverse document
            frequency of its collection: BM25, and SPLADE that was asked to.
        document_prompt_sha256: Hash of what is put before every document; where one of two
            fingerprints has none, such as one stored by an earlier version, it is not compared.
        query_side_sha256: Hash of what determines the query vectors (prompt, and the model or table
            of weights that makes them); compared like ``document_prompt_sha256``.
    """

    kind: Literal["splade", "bm25", "remote", "other"]
    model: str
    revision: str
    pooling: Literal["max", "sum"] | None = None
    activation: Literal["log1p_relu", "log1p_log1p_relu"] | None = None
    vocabulary_sha256: str
    dimensions: int = Field(gt=0)
    idf: bool = False
    document_prompt_sha256: str | None = None
    query_side_sha256: str | None = None

    def differences(self, other: Fingerprint) -> dict[str, tuple[Any, Any]]:
        """Return the fields that make vectors incomparable, as name -> (ours, theirs)."""
        mine = self.model_dump(exclude={"model"})
        theirs = other.model_dump(exclude={"model"})
        return {
            name: (mine[name], theirs[name])
            for name in mine
            if mine[name] != theirs[name]
            and not (name in _IF_KNOWN and None in (mine[name], theirs[name]))
        }

    def require_same(self, other: Fingerprint, *, where: str) -> None:
        """Check that a query by ``other`` may search what ``self`` has indexed.

        Args:
            other: The encoder in use.
            where: What holds our vectors; named in the message.

        Raises:
            CollectionMismatchError: if any compared field differs.
        """
        if differences := self.differences(other):
            told = ", ".join(
                f"{name} {_short(a)} != {_short(b)}" for name, (a, b) in differences.items()
            )
            advice = "use the model that made it, or another collection"
            if list(differences) == ["query_side_sha256"]:
                advice = (
                    "only their query sides differ: use an encoder with the prompt and query side "
                    "that made it, and pass queries of another one as vectors"
                )
            raise CollectionMismatchError(
                f"{where} was made by the model {self.model!r}, but the encoder in use is "
                f"{other.model!r} ({told}); {advice}"
            )


def _short(value: object) -> str:
    """Return a value as it is told in a message: of a hash, the beginning is enough."""
    told = repr(value)
    return f"{told[:13]}...'" if isinstance(value, str) and len(value) == _SHA256_DIGITS else told


class DenseFingerprint(Settings):
    """What must be equal for two dense vectors to be comparable.

    Dense models come as any object with ``encode``, so that neither a name nor a hash of weights
    can be relied on: two models are taken for one if they make the same of a probe text. The same
    model is so recognised from another folder or in another precision.

    Attributes:
        model: Name or folder of the model; told in messages, not compared.
        dimensions: Size of its vectors.
        probe: First coordinates of the vector of a fixed text.
    """

    model: str
    dimensions: int = Field(gt=0)
    probe: tuple[float, ...]

    def require_same(self, other: DenseFingerprint, *, where: str) -> None:
        """Check that a query by ``other`` may search what ``self`` has indexed.

        Args:
            other: The dense encoder in use.
            where: What holds our vectors; named in the message.

        Raises:
            CollectionMismatchError: if the size differs, or the probes by more than rounding.
        """
        if self.dimensions != other.dimensions:
            told = f"dimensions {self.dimensions} != {other.dimensions}"
        elif (cosine := _cosine(self.probe, other.probe)) < _SAME_MODEL:
            told = f"the vectors of a probe text differ: cosine {cosine:.2f}"
        else:
            return
        raise CollectionMismatchError(
            f"the dense vectors of {where} were made by the model {self.model!r}, but the dense "
            f"encoder in use is {other.model!r} ({told}); use the model that made them, or another "
            "collection, or dense_encoder=False to search without dense vectors"
        )


class DenseSettings(Settings):
    """How the dense vectors of a collection are kept, where it has them.

    Attributes:
        name: Name of the dense vector in each point.
        distance: How two vectors are compared; with cosine they are stored with length 1.
        datatype: Storage of their coordinates.
        on_disk: Keep them on disk instead of in memory.
    """

    name: str = Field(default="dense", min_length=1)
    distance: Literal["cosine", "dot"] = "cosine"
    datatype: Literal["float32", "float16"] = "float32"
    on_disk: bool = False


class PrunedSettings(Settings):
    """A second, short sparse vector in each point, for searches in two steps.

    Attributes:
        terms: Heaviest terms of a document that it keeps.
        name: Name of that vector in each point.
    """

    terms: int = Field(default=50, gt=0)
    name: str = Field(default="splade_pruned", min_length=1)


class HnswSettings(Settings):
    """The graph index of the dense vectors; None leaves a setting to the server.

    Attributes:
        m: Edges of a node; 0 builds no graph.
        ef_construct: Neighbours considered while it is built.
        full_scan_threshold: Size in kB below which vectors are compared one by one.
        payload_m: Edges of a node within each tenant; with ``m=0``, graphs of tenants only.
        on_disk: Keep the graph on disk instead of in memory.
    """

    m: int | None = Field(default=None, ge=0)
    ef_construct: int | None = Field(default=None, ge=4)
    full_scan_threshold: int | None = Field(default=None, ge=0)
    payload_m: int | None = Field(default=None, ge=0)
    on_disk: bool | None = None


class ServerSettings(Settings):
    """What only a Qdrant server knows, under Qdrant's names; None leaves it to the server.

    The first group counts when the collection is made, the second with every call.

    Attributes:
        shard_number: Shards of the collection; with custom sharding, of each key.
        sharding_method: ``custom`` puts points into the shards of ``shard_key``.
        replication_factor: Copies of each shard.
        write_consistency_factor: Copies that must have a write before it counts as done.
        on_disk_payload: Keep payloads on disk instead of in memory.
        hnsw: The graph index of the dense vectors.
        quantization: Compress dense vectors in memory: ``scalar`` to a quarter, ``binary`` to 1/32.
        default_segment_number: Segments that the optimizer aims at.
        max_segment_size: Largest segment that it makes, in kB.
        indexing_threshold: Size in kB from which on a segment gets a graph.
        shard_key: Where this retriever writes and what it searches; needs custom sharding.
        consistency: Copies that must agree on a read: a number, or ``majority``, ``quorum``,
            ``all``.
        ordering: Of writes: ``weak``, ``medium`` or ``strong``.
    """

    shard_number: int | None = Field(default=None, ge=1)
    sharding_method: Literal["auto", "custom"] | None = None
    replication_factor: int | None = Field(default=None, ge=1)
    write_consistency_factor: int | None = Field(default=None, ge=1)
    on_disk_payload: bool | None = None
    hnsw: HnswSettings | None = None
    quantization: Literal["scalar", "binary"] | None = None
    default_segment_number: int | None = Field(default=None, ge=0)
    max_segment_size: int | None = Field(default=None, ge=1)
    indexing_threshold: int | None = Field(default=None, ge=0)
    shard_key: str | int | None = None
    consistency: int | Literal["majority", "quorum", "all"] | None = None
    ordering: Literal["weak", "medium", "strong"] | None = None

    @model_validator(mode="after")
    def _require_custom_sharding(self) -> Self:
        if self.shard_key is not None and self.sharding_method != "custom":
            raise ValueError(
                f"shard_key is {self.shard_key!r}, but only custom sharding has keys: set "
                "sharding_method to 'custom'"
            )
        return self


class CollectionSettings(Settings):
    """How a collection is laid out.

    Attributes:
        sparse_vector: Name of the sparse vector in each point.
        datatype: Storage of the sparse weights in the inverted index.
        on_disk: Keep the sparse index on disk instead of in memory.
        indexed_fields: Metadata fields with a payload index, as name -> schema.
        dense: Layout of the dense vectors; whether there are any is for the encoder to say.
        pruned: Keep a pruned sparse vector too, for searches in two steps.
        server: Shards, replicas, consistency and optimization on a server; not kept with the
            collection, as the server has them.
    """

    sparse_vector: str = Field(default="splade", min_length=1)
    datatype: Literal["float32", "float16", "uint8"] = "float32"
    on_disk: bool = False
    indexed_fields: dict[str, FieldSchema] = Field(default_factory=dict)
    dense: DenseSettings = Field(default_factory=DenseSettings)
    pruned: PrunedSettings | None = None
    server: ServerSettings | None = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _require_distinct_names(self) -> Self:
        names = [self.sparse_vector, self.dense.name, *([self.pruned.name] if self.pruned else [])]
        if len(set(names)) != len(names):
            raise ValueError(f"the vectors of a point are named {names}: expected distinct names")
        return self


def _cosine(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=False)) / lengths if lengths else 0.0
