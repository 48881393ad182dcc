"""Our settings -> Qdrant's collection parameters, and the contract kept with every collection."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError
from qdrant_client import models

from splade_sdk.config import CollectionSettings, Fingerprint, Settings
from splade_sdk.errors import CollectionMismatchError, IndexDamagedError

__all__ = ["FORMAT", "CollectionContract", "require_contract", "sparse_params"]

FORMAT: Literal[1] = 1
"""Version of the payload layout and of the contract itself."""


class CollectionContract(Settings):
    """What is kept with a collection so that only vectors of the same model ever meet.

    Attributes:
        format: Version of the layout.
        engine: Engine and version that wrote the files; None where a server owns them.
        fingerprint: The encoder whose vectors are stored.
        settings: How the collection was laid out.
    """

    format: Literal[1] = FORMAT
    engine: str | None = None
    fingerprint: Fingerprint
    settings: CollectionSettings = Field(default_factory=CollectionSettings)

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str) -> CollectionContract:
        """Read a contract.

        Args:
            text: JSON, as ``model_dump_json`` writes it.
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
                    f"{where} has another format than version {FORMAT}, the one this version of "
                    "splade-sdk reads: install the version that made it, or index anew"
                ) from error
            first = error.errors()[0]
            raise IndexDamagedError(
                f"the contract of {where} cannot be read "
                f"({'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}): restore the "
                "collection from a backup, or delete it and index anew"
            ) from error


def require_contract(
    stored: CollectionContract,
    fingerprint: Fingerprint,
    settings: CollectionSettings | None,
    *,
    where: str,
) -> None:
    """Check that a collection may be used by an encoder with these settings.

    Payload indexes are not compared: missing ones are added when the collection is opened.

    Args:
        stored: What is kept with the collection.
        fingerprint: The encoder in use.
        settings: What the caller asks for; None for whatever the collection has.
        where: What to call the collection in messages.

    Raises:
        CollectionMismatchError: if the model or the layout differs.
    """
    stored.fingerprint.require_same(fingerprint, where=where)
    if settings is None:
        return
    has = stored.settings.model_dump(exclude={"indexed_fields"})
    wanted = settings.model_dump(exclude={"indexed_fields"})
    if told := ", ".join(
        f"{name} {has[name]!r} != {wanted[name]!r}" for name in has if has[name] != wanted[name]
    ):
        raise CollectionMismatchError(
            f"{where} was laid out with other settings ({told}): leave settings out to use it as "
            "it is, or index anew into another collection"
        )


def sparse_params(contract: CollectionContract) -> models.SparseVectorParams:
    """Return how a server stores and scores the sparse vector.

    The IDF modifier multiplies each query weight by ``ln((n - df + 0.5) / (df + 0.5) + 1)``, with
    n points of which df have the term. It is on only where the encoder asks for it (BM25): SPLADE
    has learned its own term weights.
    """
    return models.SparseVectorParams(
        index=models.SparseIndexParams(
            on_disk=contract.settings.on_disk,
            datatype=models.Datatype(contract.settings.datatype),
        ),
        modifier=models.Modifier.IDF if contract.fingerprint.idf else None,
    )
