"""Our settings -> Qdrant's collection parameters, and the contract kept with every collection."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError
from qdrant_client import models

from splade_sdk.config import (
    CollectionSettings,
    DenseFingerprint,
    DenseSettings,
    Fingerprint,
    Settings,
)
from splade_sdk.errors import CollectionMismatchError, IndexDamagedError

__all__ = [
    "LEGS",
    "CollectionContract",
    "LegSpec",
    "dense_params",
    "require_contract",
    "sparse_params",
]


LEGS = ("sparse", "dense")
"""Names of the legs that a search can have."""


class LegSpec(NamedTuple):
    """A leg that a collection can be searched by.

    Attributes:
        name: What callers call it.
        vector: Name of the vectors that it compares, in the engine.
        kind: What those are.
    """

    name: str
    vector: str
    kind: Literal["sparse", "dense"]


class CollectionContract(Settings):
    """What is kept with a collection so that only vectors of the same model ever meet.

    Attributes:
        format: Version of the layout: 1 with one sparse vector in each point, 2 with more vectors.
        engine: Engine and version that wrote the files; None where a server owns them.
        fingerprint: The encoder whose sparse vectors are stored.
        settings: How the collection was laid out.
        dense: The model of the dense vectors; None where the collection has none.
        upgrading: The model of the dense vectors that an upgrade under way is adding; the
            collection is used without them until it is finished.
    """

    format: Literal[1, 2] = 1
    engine: str | None = None
    fingerprint: Fingerprint
    settings: CollectionSettings = Field(default_factory=CollectionSettings)
    dense: DenseFingerprint | None = None
    upgrading: DenseFingerprint | None = None

    @classmethod
    def make(
        cls,
        fingerprint: Fingerprint,
        settings: CollectionSettings | None,
        dense: DenseFingerprint | None,
        *,
        engine: str | None = None,
    ) -> CollectionContract:
        """Return the contract of a new collection.

        Args:
            fingerprint: The encoder whose sparse vectors will be stored.
            settings: Its layout; None for the defaults.
            dense: The model of its dense vectors, if it is to have them.
            engine: Engine and version that will write the files.
        """
        settings = settings or CollectionSettings()
        return cls(
            format=1 if dense is None and settings.pruned is None else 2,
            engine=engine,
            fingerprint=fingerprint,
            settings=settings,
            dense=dense,
        )

    @property
    def legs(self) -> tuple[LegSpec, ...]:
        """What the collection can be searched by."""
        sparse = LegSpec("sparse", self.settings.sparse_vector, "sparse")
        if self.dense is None:
            return (sparse,)
        return (sparse, LegSpec("dense", self.settings.dense.name, "dense"))

    def upgraded_by(self, dense: DenseFingerprint, layout: DenseSettings) -> CollectionContract:
        """Return the contract while dense vectors are being added.

        Args:
            dense: Their model.
            layout: How they are kept.
        """
        settings = self.settings.model_copy(update={"dense": layout})
        return self.model_copy(update={"format": 2, "settings": settings, "upgrading": dense})

    def upgraded(self) -> CollectionContract:
        """Return the contract when all dense vectors of an upgrade under way are there."""
        if self.upgrading is None:
            return self
        return self.model_copy(update={"dense": self.upgrading, "upgrading": None})

    def to_json(self) -> dict[str, Any]:
        """Return what is kept, as JSON values; of format 1 as it was before there were others."""
        if self.format == 1:
            return self.model_dump(
                mode="json",
                exclude={"dense": True, "upgrading": True, "settings": {"dense", "pruned"}},
            )
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str) -> CollectionContract:
        """Read a contract.

        Args:
            text: What ``to_json`` returned.
            where: What it was kept with; named in messages.

        Raises:
            CollectionMismatchError: if a newer version of this package wrote it.
            IndexDamagedError: if it is not a contract.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            if any(each["loc"] == ("format",) for each in error.errors()):
                raise CollectionMismatchError(
                    f"{where} has another format than 1 or 2, which this version of splade-sdk "
                    "reads: install the version that made it, or index again"
                ) from error
            first = error.errors()[0]
            raise IndexDamagedError(
                f"the contract of {where} cannot be read "
                f"({'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}): restore the "
                "collection from a backup, or delete it and index again"
            ) from error


def require_contract(
    stored: CollectionContract,
    fingerprint: Fingerprint,
    settings: CollectionSettings | None,
    dense: DenseFingerprint | None,
    *,
    where: str,
) -> None:
    """Check that a collection may be used by an encoder with these settings.

    Payload indexes are not compared: missing ones are added when the collection is opened. Nor is
    a dense model where one side has none: the collection is then used without dense vectors.

    Args:
        stored: What is kept with the collection.
        fingerprint: The encoder in use.
        settings: What the caller asks for; None for whatever the collection has.
        dense: The dense model in use.
        where: What to call the collection in messages.

    Raises:
        CollectionMismatchError: if a model or the layout differs.
    """
    stored.fingerprint.require_same(fingerprint, where=where)
    if stored.dense is not None and dense is not None:
        stored.dense.require_same(dense, where=where)
    if settings is None:
        return
    left_out = {"indexed_fields"} if stored.dense else {"indexed_fields", "dense"}
    has = stored.settings.model_dump(exclude=left_out)
    wanted = settings.model_dump(exclude=left_out)
    if differences := ", ".join(
        f"{name} {has[name]!r} != {wanted[name]!r}" for name in has if has[name] != wanted[name]
    ):
        raise CollectionMismatchError(
            f"{where} was laid out with other settings ({differences}): leave settings out to use "
            "it as it is, or index again into another collection"
        )


def sparse_params(contract: CollectionContract) -> dict[str, models.SparseVectorParams]:
    """Return how a server stores and scores the sparse vectors, by name.

    The IDF modifier multiplies each query weight by ``ln((n - df + 0.5) / (df + 0.5) + 1)``, with
    n points of which df have the term. It is on only where the encoder asks for it (BM25): SPLADE
    has learned its own term weights.
    """
    params = models.SparseVectorParams(
        index=models.SparseIndexParams(
            on_disk=contract.settings.on_disk,
            datatype=models.Datatype(contract.settings.datatype),
        ),
        modifier=models.Modifier.IDF if contract.fingerprint.idf else None,
    )
    pruned = contract.settings.pruned
    names = [contract.settings.sparse_vector, *([pruned.name] if pruned else [])]
    return dict.fromkeys(names, params)


def dense_params(contract: CollectionContract) -> dict[str, models.VectorParams]:
    """Return how a server stores and compares the dense vectors, by name; empty without them."""
    if contract.dense is None:
        return {}
    settings = contract.settings.dense
    return {
        settings.name: models.VectorParams(
            size=contract.dense.dimensions,
            distance=models.Distance[settings.distance.upper()],
            datatype=models.Datatype(settings.datatype),
            on_disk=settings.on_disk,
        )
    }
