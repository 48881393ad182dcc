"""What a search can be asked for: the options of one call, and the defaults of a retriever.

An option is a field of ``SearchOptions`` and a key of ``SearchKeywords``; the command line, the
service and the integrations take theirs from the fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)
from qdrant_client import models
from typing_extensions import TypedDict

from splade_sdk.config import CollectionSettings
from splade_sdk.errors import ConfigError, InvalidDataError, InvalidInputError, InvalidTypeError
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.payload import payload_path
from splade_sdk.qdrant.schema import LEGS
from splade_sdk.qdrant.two_step import TwoStep
from splade_sdk.retrieval.search.fusion import RRF, Fusion, fusion_from_dict, fusion_to_dict
from splade_sdk.settings import Settings, config_error
from splade_sdk.types.arguments import require_whole

__all__ = [
    "GroupKeywords",
    "Mode",
    "SearchKeywords",
    "SearchOptions",
    "SearchSettings",
    "read_search_settings",
]

Mode = Literal["sparse", "dense", "hybrid"]
"""By which legs documents are found: one of them, or all, fused."""

_LEAST_PREFETCH = 100
_PREFETCH_A_HIT = 4

_VALUES = TypeAdapter(dict[str, Any])


def _limit(given: object) -> int:
    return require_whole(given, "limit", 1)


def _mode(given: object) -> Mode | None:
    if given is not None and given not in get_args(Mode):
        modes = ", ".join(get_args(Mode))
        raise InvalidInputError(f"mode is {given!r}: expected one of {modes}, or None")
    return cast("Mode | None", given)


def _offset(given: object) -> int:
    return require_whole(given, "offset", 0)


def _prefetch_limit(given: object) -> int | None:
    return None if given is None else require_whole(given, "prefetch_limit", 1)


def _threshold(given: object, name: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise InvalidTypeError(f"{name} is {type(given).__name__}: expected a number or None")
    try:
        value = float(given)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise InvalidInputError(
            f"{name} is {given:.4g}: expected a finite number, or None for no limit"
            if isinstance(given, float)
            else f"{name} does not fit in a float: expected a finite number, or None for no limit"
        )
    return value


def _score_threshold(given: object) -> float | None:
    return None if given is None else _threshold(given, "score_threshold")


def _leg_thresholds(given: object) -> dict[str, float] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InvalidTypeError(
            f"leg_thresholds is {type(given).__name__}: expected a mapping such as {{'dense': 0.5}}"
        )
    for leg in given:
        if leg not in LEGS:
            expected = " or ".join(map(repr, LEGS))
            raise InvalidInputError(f"leg_thresholds has {leg!r}: expected {expected}")
    return {leg: _threshold(each, f"leg_thresholds[{leg!r}]") for leg, each in given.items()}


def _payload_fields(given: object) -> bool | tuple[str, ...]:
    if isinstance(given, bool):
        return given
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise InvalidTypeError(
            f"with_payload is {given!r}: expected True, False, or a list of fields such as "
            "['text', 'year']"
        )
    for each in given:
        if not isinstance(each, str):
            raise InvalidTypeError(f"with_payload has {each!r}: expected names of fields")
        payload_path(each)
    return tuple(given)


def _fusion(given: object) -> Fusion | None:
    if given is None or isinstance(given, Fusion):
        return given
    if isinstance(given, Mapping) and "name" in given:
        return fusion_from_dict(given)
    raise InvalidTypeError(f"fusion is {given!r}: expected RRF(), DBSF() or Weighted()")


def _two_step(given: object) -> TwoStep | None:
    if given is None or isinstance(given, TwoStep):
        return given
    raise InvalidTypeError(f"two_step is {given!r}: expected TwoStep() or None")


class SearchOptions(Settings):
    """How to search: what ``search``, ``search_groups``, ``recommend`` and ``explain`` take.

    Attributes:
        limit: Hits wanted at most, at least 1; ``search_groups`` counts groups.
        filter: Conditions on the metadata, as in ``{"year": 2024}``, or Qdrant's own Filter; each
            leg finds only documents that meet them.
        mode: ``sparse``, ``dense`` or ``hybrid``; None for what the retriever's search settings
            say, or ``hybrid`` where the collection has dense vectors and there is an encoder for
            them, else ``sparse``. Ready-made vectors are searched by what they are.
        fusion: How a hybrid search fuses its legs: RRF, DBSF or Weighted; None for what the search
            settings say, RRF unless they say otherwise.
        prefetch_limit: Hits of each leg that a hybrid search fuses; None for what the search
            settings say, or max(100, 4 · limit), or as many as the page needs. Pages of one ranking
            need the same one: beyond the hundredth hit, set it.
        score_threshold: Lowest ``Hit.score`` wanted, inclusive; of a hybrid search, the fused
            score.
        leg_thresholds: Lowest score in a leg, inclusive, as in ``{"dense": 0.5}``: what is below is
            not found by that leg.
        offset: Hits to skip from the top.
        with_payload: Return text and metadata: all, nothing, or only these fields, where ``text``
            is the text and anything else a field of the metadata.
        with_vectors: Return the stored vectors.
        two_step: Let the sparse leg choose candidates by pruned vectors first, for speed; the
            collection needs them (``CollectionSettings.pruned``).

    Raises:
        InvalidInputError: if a value is out of range, or the filter has the wrong shape.
        InvalidTypeError: if a value has the wrong type.
        ConfigError: if there is no such option; the message names the nearest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    limit: Annotated[int, PlainValidator(_limit)] = Field(default=10, description="Hits at most.")
    filter: Annotated[Mapping[str, Any] | models.Filter | None, PlainValidator(to_filter)] = Field(
        default=None, description="Conditions on the metadata, such as '{\"year\": 2024}'."
    )
    mode: Annotated[Mode | None, PlainValidator(_mode)] = Field(
        default=None,
        description="By which vectors. Default: hybrid where the index has dense vectors, else "
        "sparse.",
    )
    fusion: Annotated[Fusion | None, PlainValidator(_fusion)] = Field(
        default=None, description="How a hybrid search fuses its legs."
    )
    prefetch_limit: Annotated[int | None, PlainValidator(_prefetch_limit)] = Field(
        default=None, description="Hits of each leg that a hybrid search fuses."
    )
    score_threshold: Annotated[float | None, PlainValidator(_score_threshold)] = Field(
        default=None, description="Lowest score wanted."
    )
    leg_thresholds: Annotated[Mapping[str, float] | None, PlainValidator(_leg_thresholds)] = Field(
        default=None, description="Lowest score in a leg, such as '{\"dense\": 0.5}'."
    )
    offset: Annotated[int, PlainValidator(_offset)] = Field(
        default=0, description="Hits to skip from the top."
    )
    with_payload: Annotated[bool | Sequence[str], PlainValidator(_payload_fields)] = Field(
        default=True, description="Return text and metadata."
    )
    with_vectors: bool = Field(default=False, description="Return the stored vectors.")
    two_step: Annotated[TwoStep | None, PlainValidator(_two_step)] = Field(
        default=None, description="Choose candidates by pruned vectors first."
    )

    def prefetch(self, settings: SearchSettings | None = None) -> int:
        """Return how many hits each leg of a fused search fetches.

        By default max(100, 4 · limit), so that all pages up to the hundredth hit are cut from one
        ranking; further down as many as the page needs.

        Args:
            settings: What is done where the options leave it open.
        """
        if self.prefetch_limit is not None:
            return self.prefetch_limit
        page = self.offset + self.limit
        if settings is not None and settings.prefetch_limit is not None:
            return max(settings.prefetch_limit, page)
        return max(_LEAST_PREFETCH, _PREFETCH_A_HIT * self.limit, page)


class GroupKeywords(TypedDict, total=False):
    """The options of ``search_groups``: those of a search without ``offset``; see SearchOptions."""

    limit: int
    filter: Mapping[str, Any] | models.Filter | None
    mode: Mode | None
    fusion: Fusion | None
    prefetch_limit: int | None
    score_threshold: float | None
    leg_thresholds: Mapping[str, float] | None
    with_payload: bool | Sequence[str]
    with_vectors: bool
    two_step: TwoStep | None


class SearchKeywords(GroupKeywords, total=False):
    """The options of a search; see SearchOptions."""

    offset: int


def _settings_fusion(given: object) -> object:
    if not isinstance(given, dict):
        return given
    try:
        return fusion_from_dict(given)
    except ConfigError as error:
        raise ValueError(str(error)) from error


class SearchSettings(Settings):
    """What a retriever does unless a call says otherwise: what tuning finds, as a file.

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

    Example of a file::

        {
        "mode": "hybrid",
        "fusion": {"name": "Weighted", "alpha": 0.4},
        "prefetch_limit": 200,
        "query_max_active_dims": 16,
        "document_max_active_dims": 96,
        "datatype": "float16"
        }
    """

    # Fusions of the user's own are allowed in code, though a file cannot name them.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    mode: Mode | None = None
    fusion: Annotated[
        Fusion, BeforeValidator(_settings_fusion), PlainSerializer(fusion_to_dict)
    ] = Field(default_factory=RRF)
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
    value: object = given
    if not isinstance(value, str | Path):
        raise InvalidTypeError(
            f"search_settings is {type(value).__name__}: expected SearchSettings(...), the path of "
            "a file of them, or None"
        )
    try:
        values = _VALUES.validate_json(Path(value).read_bytes())
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
