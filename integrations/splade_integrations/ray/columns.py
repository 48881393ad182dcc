"""Rows of a dataset -> documents; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from splade_sdk.errors import ConfigError, InvalidDocumentError, InvalidTypeError
from splade_sdk.qdrant.payload import to_payload
from splade_sdk.types import Document, FailedBatch

__all__ = ["Columns", "Rows"]


class Rows(NamedTuple):
    """What rows became.

    Attributes:
        documents: Those that can be stored, in order.
        refused: The others, each with its cause.
    """

    documents: list[Document]
    refused: tuple[FailedBatch, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns make a document.

    Attributes:
        id: Strings or whole numbers, which become strings.
        text: Strings.
        metadata: Columns kept as metadata, under their own names.

    Raises:
        InvalidTypeError: if a name is no string, or ``metadata`` is one.
    """

    id: str = "id"
    text: str = "text"
    metadata: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.names:
            if not isinstance(name, str):
                raise InvalidTypeError(
                    f"a column is {name!r} ({type(name).__name__}): expected the name of one"
                )

    @classmethod
    def make(cls, id_column: str, text_column: str, metadata_columns: Sequence[str]) -> Columns:
        """Return the columns of these names.

        Raises:
            InvalidTypeError: if a name is no string, or ``metadata_columns`` is one.
        """
        if isinstance(metadata_columns, str):
            raise InvalidTypeError(
                f"metadata_columns is the string {metadata_columns!r}: expected a list of names, "
                f"as in [{metadata_columns!r}]"
            )
        return cls(id_column, text_column, tuple(metadata_columns))

    @property
    def names(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys((self.id, self.text, *self.metadata)))

    def require_in(self, there: Sequence[str]) -> None:
        """Check that a dataset has them.

        Raises:
            ConfigError: if it lacks one; the message names those it has.
        """
        if missing := [name for name in self.names if name not in there]:
            raise ConfigError(
                f"the dataset has no column {', '.join(map(repr, missing))}; it has "
                f"{', '.join(map(repr, there)) or 'none'}: name the right ones with id_column, "
                "text_column and metadata_columns"
            )

    def to_documents(self, rows: Iterable[Mapping[str, object]]) -> Rows:
        """Return the documents of rows; a row that makes none is set aside, with its cause.

        Args:
            rows: Values by column.
        """
        documents, refused = [], []
        for row in rows:
            try:
                documents.append(self._document(row))
            except InvalidDocumentError as error:  # noqa: PERF203 - a row may be bad
                refused.append(FailedBatch((str(row[self.id]),), error))
        return Rows(documents, tuple(refused))

    def _document(self, row: Mapping[str, object]) -> Document:
        identity, text = row[self.id], row[self.text]
        if isinstance(identity, bool) or not isinstance(identity, str | int):
            raise InvalidDocumentError(
                f"column {self.id!r} is {identity!r}: expected a non-empty string or a whole number"
            )
        if not isinstance(text, str):
            raise InvalidDocumentError(
                f"column {self.text!r} of document {str(identity)!r} is {type(text).__name__}: "
                "expected a string"
            )
        document = Document(str(identity), text, {name: row[name] for name in self.metadata})
        to_payload(document)  # what JSON cannot hold would else refuse the whole batch
        return document
