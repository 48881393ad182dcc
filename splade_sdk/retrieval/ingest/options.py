"""Options of ``upsert`` and ``sync``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.types.arguments import require_whole

__all__ = ["UpsertKeywords", "UpsertOptions", "require_file"]


class UpsertKeywords(TypedDict, total=False):
    """The fields of ``UpsertOptions`` as keywords of ``upsert`` and ``sync``."""

    batch_size: int
    skip_unchanged: bool
    checkpoint: str | Path | None
    dead_letter: str | Path | None
    on_bad_document: Literal["raise", "skip"]
    bulk: bool
    show_progress_bar: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertOptions:
    """How ``upsert`` and ``sync`` store documents.

    Attributes:
        batch_size: Most documents stored at once; a batch of more than about 4 MB of text and
            vectors is smaller.
        skip_unchanged: Leave out documents that are stored already, with the same content; False
            encodes and writes all of them.
        checkpoint: File that records how far the stream is stored, so that the same upsert of the
            same stream goes on there after a crash; removed when all is stored. It is checked
            against the stream and the collection.
        dead_letter: File to which documents that could not be stored are appended, as JSON lines
            with their cause. Metadata that JSON cannot hold is written as Python shows it.
        on_bad_document: What to do with a document that cannot be stored (metadata that JSON
            cannot hold, a ready-made vector of another space, an item that is not a Document).
            ``"raise"`` stores the documents before it and raises an error with its id and
            position. ``"skip"`` stores the rest of its batch, and reports it in ``failed`` and in
            the dead letters; the report then takes memory for each of them. A missing dense
            encoder raises in any case, and so does what the iterable itself raises.
        bulk: Let a server build indexes of dense vectors after the load instead of during it,
            for big loads; other engines do so in any case.
        show_progress_bar: Draw a bar on stderr; None shows one on a terminal, for work that takes
            a while.

    Raises:
        InvalidTypeError: if ``batch_size`` is not a whole number, or a file is not a path.
        ConfigError: if ``batch_size`` is below 1, ``on_bad_document`` is another word, or the
            folder of a file does not exist.
    """

    batch_size: int = 256
    skip_unchanged: bool = True
    checkpoint: str | Path | None = None
    dead_letter: str | Path | None = None
    on_bad_document: Literal["raise", "skip"] = "raise"
    bulk: bool = False
    show_progress_bar: bool | None = None

    def __post_init__(self) -> None:
        require_whole(self.batch_size, "batch_size", least=1)
        if self.on_bad_document not in ("raise", "skip"):
            raise ConfigError(
                f"on_bad_document is {self.on_bad_document!r}: expected 'raise' or 'skip'"
            )
        for name, path in (("checkpoint", self.checkpoint), ("dead_letter", self.dead_letter)):
            if path is not None:
                require_file(name, path)


def require_file(name: str, path: str | Path) -> Path:
    """Return the path of a file to write to.

    Raises:
        InvalidTypeError: if it is not a path.
        ConfigError: if its folder does not exist.
    """
    try:
        file = Path(path)
    except TypeError as error:
        raise InvalidTypeError(
            f"{name} is {path!r} ({type(path).__name__}): expected a path"
        ) from error
    if not file.parent.is_dir():
        raise ConfigError(f"{name} is {str(path)!r}, but {file.parent} is no folder")
    return file
