"""What is stored and found: documents and hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from splade_sdk.errors import InvalidDocumentError, InvalidInputError
from splade_sdk.types.arguments import lone_surrogate
from splade_sdk.types.arrays import FloatArray
from splade_sdk.types.dense import as_dense, same_fields
from splade_sdk.types.sparse import SparseVector

if TYPE_CHECKING:
    from typing_extensions import Self

    from splade_sdk.types.explanation import Explanation

__all__ = ["Document", "GroupKey", "Hit", "HitGroup", "Leg"]

GroupKey = str | int | float
"""A value of the metadata that documents are grouped by."""


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A text to index.

    Attributes:
        id: The caller's own id: any non-empty string.
        text: What is encoded and returned; may be empty (stored, but never matches).
        metadata: JSON values to filter by and to return; 2024.0 comes back as 2024.
        vector: A ready-made sparse vector; the text is then not encoded for it.
        dense: A ready-made dense vector; the text is then not encoded for it.
            Shape: ``(dense_dimensions,)``.

    Raises:
        InvalidDocumentError: if a field has the wrong type or the id is empty.
        InvalidVectorError: if the dense vector is not one row of finite numbers.
    """

    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    vector: SparseVector | None = None
    dense: FloatArray | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise InvalidDocumentError(
                f"document id is {self.id!r}: expected a non-empty string (str(...) for numbers)"
            )
        if not isinstance(self.text, str):
            raise InvalidDocumentError(
                f"text of document {self.id!r} is {type(self.text).__name__}: expected a string"
            )
        _require_unicode(self.id, f"the id {self.id!r}")
        _require_unicode(self.text, f"text of document {self.id!r}")
        if not isinstance(self.metadata, Mapping):
            raise InvalidDocumentError(
                f"metadata of document {self.id!r} is {type(self.metadata).__name__}: "
                "expected a mapping such as {'year': 2024}"
            )
        if self.dense is not None:
            dense = as_dense(self.dense, f"the dense vector of document {self.id!r}")
            object.__setattr__(self, "dense", dense)

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Leg:
    """What one leg of a search (sparse, dense) said of a hit.

    Attributes:
        rank: Position in that leg's own ranking, from 1.
        score: That leg's own score.
    """

    rank: int
    score: float


class _Explained:
    """Room for the search that found a hit: no field, so that values compare and pickle alone."""

    __slots__ = ("_explainer",)


@dataclass(frozen=True, slots=True, eq=False)
class Hit(_Explained):
    """A found document.

    Attributes:
        id: The id the document was stored under.
        score: The score the hits are ordered by.
        text: The document's text.
        metadata: The document's metadata.
        vector: The stored sparse vector, where asked for.
        dense: The stored dense vector, where asked for. Shape: ``(dense_dimensions,)``.
        legs: Rank and score in each leg that found it, by leg name.
    """

    id: str
    score: float
    text: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    vector: SparseVector | None = None
    legs: Mapping[str, Leg] = field(default_factory=dict)
    dense: FloatArray | None = None

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]

    def explain(self, *, query: str | None = None) -> Explanation:
        """Return which terms matched, where they come from, and what each gave to the score.

        Args:
            query: Text of the query, for a search that was given its ready-made vector, so that the
                explanation can say where the query's terms come from.

        Raises:
            InvalidInputError: if the hit does not know its search: it was made by hand, copied or
                unpickled.
            DocumentNotFoundError: if the document has been deleted since.
            EngineError: if the engine fails.
        """
        explainer: Callable[..., Explanation] | None = getattr(self, "_explainer", None)
        if explainer is None:
            raise InvalidInputError(
                f"the hit {self.id!r} does not know its search (it was made by hand, copied or "
                "unpickled): use retriever.explain(query, hit)"
            )
        return explainer(self) if query is None else explainer(self, query=query)

    def _found_by(self, explainer: Callable[[Hit], Explanation]) -> Self:
        """Let the hit know its search; returns itself."""
        object.__setattr__(self, "_explainer", explainer)
        return self


@dataclass(frozen=True, slots=True)
class HitGroup:
    """The best documents that share a value.

    Attributes:
        key: The value.
        hits: They, the best first.
    """

    key: GroupKey
    hits: tuple[Hit, ...]


def _require_unicode(text: str, what: str) -> None:
    if not text.isascii() and (at := lone_surrogate(text)) is not None:
        raise InvalidDocumentError(
            f"{what} has a lone surrogate at character {at}: it is not valid Unicode; "
            "read files with errors='replace', or drop the character"
        )
