"""What an encoding service says of itself at ``GET /info``."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from splade_sdk.config import Fingerprint

__all__ = ["ServiceInfo", "SpladeServiceInfo"]


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
