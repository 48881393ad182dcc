"""How a retriever searches and prunes unless a call says otherwise: what tuning finds, as a file.

{
"mode": "hybrid",
"fusion": {"name": "Weighted", "alpha": 0.4},
"prefetch_limit": 200,
"query_max_active_dims": 16,
"document_max_active_dims": 96,
"datatype": "float16"
}
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
)

from splade_sdk.errors import ConfigError, InvalidDataError, InvalidTypeError
from splade_sdk.retrieval.fusion import RRF, Fusion
from splade_sdk.retrieval.fusion_names import fusion_from_dict, fusion_to_dict
from splade_sdk.settings import Settings, config_error

if TYPE_CHECKING:
    from splade_sdk.config import CollectionSettings

__all__ = ["Mode", "SearchSettings", "read_search_settings"]

Mode = Literal["sparse", "dense", "hybrid"]
"""By which vectors documents are found."""

_VALUES = TypeAdapter(dict[str, Any])


def _fusion(given: object) -> object:
    if not isinstance(given, dict):
        return given
    try:
        return fusion_from_dict(given)
    except ConfigError as error:
        raise ValueError(str(error)) from error


class SearchSettings(Settings):
    """What a retriever does unless a call says otherwise.

    Attributes:
        mode: By which vectors texts are searched; None for ``hybrid`` where there are dense
            vectors, else ``sparse``.
        fusion: How a hybrid search fuses its legs.
        prefetch_limit: Hits of each leg that a hybrid search fuses, and never fewer than are asked
            for; None for max(100, 4 · limit).
        query_max_active_dims: Terms that the sparse vector of a query's text keeps, the heaviest
            first; None for all.
        document_max_active_dims: The same for documents; documents that were stored under another
            number are encoded again by the next ``upsert``.
        datatype: Storage of the sparse weights in the index of a collection that is created,
            unless its ``CollectionSettings`` name one.
    """

    # Fusions of the user's own are allowed in code, though a file cannot name them.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    mode: Mode | None = None
    fusion: Annotated[Fusion, BeforeValidator(_fusion), PlainSerializer(fusion_to_dict)] = Field(
        default_factory=RRF
    )
    prefetch_limit: int | None = Field(default=None, gt=0)
    query_max_active_dims: int | None = Field(default=None, gt=0)
    document_max_active_dims: int | None = Field(default=None, gt=0)
    datatype: Literal["float32", "float16", "uint8"] | None = None

    def save(self, path: str | Path) -> None:
        """Write the settings as JSON, which ``Retriever(search_settings=path)`` reads.

        Raises:
            InvalidDataError: if the file cannot be written.
        """
        try:
            Path(path).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise InvalidDataError(
                f"{path} cannot be written: {error.strerror or error}; pass another file"
            ) from error

    def layout(self, settings: CollectionSettings | None) -> CollectionSettings | None:
        """Return the layout of a collection that is created, with our type of weights.

        Args:
            settings: What the user said; a type of weights in it counts.
        """
        if self.datatype is None:
            return settings
        if settings is None:
            from splade_sdk.config import CollectionSettings

            return CollectionSettings(datatype=self.datatype)
        if "datatype" in settings.model_fields_set:
            return settings
        return settings.model_copy(update={"datatype": self.datatype})


def read_search_settings(given: SearchSettings | str | Path | None) -> SearchSettings:
    """Return settings, from their file where it is one; None for the defaults.

    Raises:
        InvalidDataError: if the file cannot be read, or is not a JSON object.
        ConfigError: if a key does not exist, or a value is out of range.
        InvalidTypeError: if it is something else.
    """
    if given is None:
        return SearchSettings()
    if isinstance(given, SearchSettings):
        return given
    told: object = given
    if not isinstance(told, str | Path):
        raise InvalidTypeError(
            f"search_settings is {type(told).__name__}: expected SearchSettings(...), the path of "
            "a file of them, or None"
        )
    try:
        values = _VALUES.validate_json(Path(told).read_bytes())
    except OSError as error:
        raise InvalidDataError(
            f"the search settings {given} cannot be read: {error.strerror or error}; expected a "
            "file that `splade tune` or SearchSettings.save wrote"
        ) from error
    except ValidationError as error:
        raise InvalidDataError(
            f"the search settings {given} are not a JSON object: expected a file that `splade "
            "tune` or SearchSettings.save wrote"
        ) from error
    try:
        return SearchSettings.model_validate(values)
    except ValidationError as error:
        raise config_error(error, SearchSettings, where=str(given)) from error
