"""Where documents go, and by which model: what a worker needs to open the collection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from splade_sdk.config import CollectionSettings
from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.qdrant.address import MEMORY, require_name, require_place
from splade_sdk.retrieval.connection import Connection
from splade_sdk.retry import RetrySettings

__all__ = ["MakeDenseEncoder", "MakeEncoder", "Target"]

MakeEncoder = Callable[[], SparseEncoder]
MakeDenseEncoder = Callable[[], DenseEncoder]


@dataclass(frozen=True, slots=True)
class Target:
    """A collection on a server; travels to the workers, which connect for themselves.

    The arguments are those of ``index_dataset``.

    Raises:
        ConfigError: if ``url`` is no server's, or the name or a number is out of range.
        InvalidTypeError: if an argument has the wrong type.
    """

    url: str
    collection: str
    make_encoder: MakeEncoder | None
    make_dense_encoder: MakeDenseEncoder | Literal[False] | None
    api_key: str | None = field(repr=False)
    settings: CollectionSettings | None
    timeout_s: float
    retry: RetrySettings | None

    def __post_init__(self) -> None:
        if self.url == MEMORY:
            raise ConfigError(
                f"url is {MEMORY!r}, which every worker would have for itself: expected the "
                "address of a server that all workers reach, such as 'http://10.0.0.5:6333'"
            )
        require_place(self.url, None)
        require_name(self.collection)
        _require_maker(self.make_encoder, "make_encoder", "SpladeEncoder(...)")
        if self.make_dense_encoder is not False:
            example = "SentenceTransformer(...)"
            _require_maker(self.make_dense_encoder, "make_dense_encoder", example)
        self._connection(None, None)  # checks the rest; nothing is opened

    def connect(self) -> Connection:
        """Make the encoders and what opens the collection; the encoders may load here."""
        dense = self.make_dense_encoder
        return self._connection(
            None if self.make_encoder is None else self.make_encoder(),
            dense if dense is None or dense is False else dense(),
        )

    def _connection(
        self, encoder: SparseEncoder | None, dense: DenseEncoder | Literal[False] | None
    ) -> Connection:
        return Connection(
            self.url,
            path=None,
            name=self.collection,
            encoder=encoder,
            dense_encoder=dense,
            api_key=self.api_key,
            settings=self.settings,
            timeout_s=self.timeout_s,
            retry=self.retry,
        )


def _require_maker(given: object, name: str, example: str) -> None:
    if given is not None and not callable(given):
        raise InvalidTypeError(
            f"{name} is {type(given).__name__}: expected a function that makes one in each worker, "
            f"as in lambda: {example}"
        )
