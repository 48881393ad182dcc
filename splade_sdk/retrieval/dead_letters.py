"""A file of the documents that could not be stored, with what the engine said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from splade_sdk.errors import ConfigError
from splade_sdk.qdrant.payload import to_payload
from splade_sdk.types import Document

__all__ = ["DeadLetters"]


class DeadLetters:
    """Appends one line of JSON a document: id, text, metadata, cause, and ready-made vectors.

    Args:
        path: The file; made with the first document.

    Raises:
        ConfigError: if its folder does not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        if not self._path.parent.is_dir():
            raise ConfigError(f"dead_letter is {str(path)!r}, but {self._path.parent} is no folder")

    def append(self, documents: Sequence[Document], cause: Exception) -> None:
        """Note documents that could not be stored.

        Args:
            documents: The documents.
            cause: What the engine said.
        """
        self._write(_row(document) | _told(cause) for document in documents)

    def append_ids(self, ids: Iterable[str], cause: Exception) -> None:
        """Note rows of the source that made no document, and of which only the id is kept.

        Args:
            ids: Their ids.
            cause: What is wrong with them.
        """
        self._write({"id": each} | _told(cause) for each in ids)

    def _write(self, rows: Iterable[dict[str, Any]]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _told(cause: Exception) -> dict[str, Any]:
    return {"cause": f"{type(cause).__name__}: {cause}"}


def _row(document: Document) -> dict[str, Any]:
    metadata = to_payload(document)["metadata"]
    row = {"id": document.id, "text": document.text, "metadata": metadata}
    if document.vector is not None:
        row["vector"] = {
            "indices": document.vector.indices.tolist(),
            "values": document.vector.values.tolist(),
        }
    if document.dense is not None:
        row["dense"] = document.dense.tolist()
    return row
