"""JsonSearchOptions: the options of a search in JSON types.

The command line and the HTTP service make their options from its fields: a field that is added here
appears in both. Names and defaults are those of ``Retriever.search`` (tested).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

__all__ = ["JsonSearchOptions"]


class JsonSearchOptions(BaseModel):
    """How to search; see ``Retriever.search``. Only what JSON can express.

    Attributes:
        limit: Hits at most.
        filter: Conditions on the metadata.
        mode: Which vectors to search by; None for hybrid where the collection has dense vectors,
            else sparse.
        fusion: Name of a fusion, or an object with its ``name`` and settings.
        prefetch_limit: Hits of each leg that a hybrid search fuses.
        score_threshold: Lowest score wanted, inclusive.
        leg_thresholds: Lowest score in a leg, inclusive, by leg name.
        offset: Hits to skip from the top.
        two_step: Choose candidates by pruned vectors first, with the default settings of TwoStep.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=10, ge=1, description="Hits at most.")
    filter: dict[str, JsonValue] | None = Field(
        default=None, description="Conditions on the metadata, such as '{\"year\": 2024}'."
    )
    mode: Literal["sparse", "dense", "hybrid"] | None = Field(
        default=None,
        description="By which vectors. Default: hybrid where the index has dense vectors, else "
        "sparse.",
    )
    fusion: Literal["RRF", "DBSF"] | dict[str, JsonValue] | None = Field(
        default=None,
        description="How a hybrid search fuses its legs: RRF, DBSF, or an object such as "
        '\'{"name": "Weighted", "alpha": 0.4}\'.',
    )
    prefetch_limit: int | None = Field(
        default=None, ge=1, description="Hits of each leg that a hybrid search fuses."
    )
    score_threshold: float | None = Field(
        default=None, allow_inf_nan=False, description="Lowest score wanted."
    )
    leg_thresholds: dict[Literal["sparse", "dense"], float] | None = Field(
        default=None, description="Lowest score in a leg, such as '{\"dense\": 0.5}'."
    )
    offset: int = Field(default=0, ge=0, description="Hits to skip from the top.")
    two_step: bool = Field(
        default=False,
        description="Choose candidates by pruned vectors first; the index needs them.",
    )

    def keywords(self) -> dict[str, Any]:
        """Return the options as keyword arguments of ``Retriever.search``.

        Raises:
            ConfigError: if there is no such fusion, or it has no such setting.
        """
        given = {name: getattr(self, name) for name in JsonSearchOptions.model_fields}
        if self.fusion is not None:
            from splade_sdk.retrieval.search.fusion import fusion_from_dict

            named = {"name": self.fusion} if isinstance(self.fusion, str) else self.fusion
            given["fusion"] = fusion_from_dict(dict(named))
        given["two_step"] = None
        if self.two_step:
            from splade_sdk.qdrant.two_step import TwoStep

            given["two_step"] = TwoStep()
        return given
