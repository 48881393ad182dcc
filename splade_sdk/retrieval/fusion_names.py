"""Fusions <-> what a file holds of them; pure."""

from __future__ import annotations

from typing import Any

from splade_sdk.errors import ConfigError
from splade_sdk.retrieval.fusion import DBSF, RRF, Fusion, Weighted

__all__ = ["fusion_from_dict", "fusion_to_dict"]

_FUSIONS: dict[str, type[Fusion]] = {each.__name__: each for each in (RRF, DBSF, Weighted)}


def fusion_to_dict(fusion: Fusion) -> dict[str, Any]:
    """Return the name and the settings of a fusion, as in ``{"name": "RRF", "k": 60, ...}``."""
    return {"name": type(fusion).__name__, **fusion.model_dump()}


def fusion_from_dict(data: dict[str, Any]) -> Fusion:
    """Return the fusion that ``fusion_to_dict`` described.

    Raises:
        ConfigError: if its name is unknown.
    """
    settings = dict(data)
    name = settings.pop("name", None)
    if name not in _FUSIONS:
        raise ConfigError(f"fusion has the name {name!r}: expected one of {sorted(_FUSIONS)}")
    return _FUSIONS[name](**settings)
