"""Known SPLADE models, and what their licences allow.

Licences are those that the models' own cards state; they were looked up, not audited. The data a
model was trained on may have terms of its own: most were trained on MS MARCO, whose terms are
non-commercial.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["KNOWN_MODELS", "KnownModel"]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A public model that SpladeEncoder loads by name.

    Attributes:
        name: On the Hugging Face hub; the first of KNOWN_MODELS is the model in the package, which
            SpladeEncoder loads without a name.
        parameters_millions: Size of the model.
        dimensions: Size of the sparse space.
        queries: How queries are encoded: by the ``model``, or by a ``table`` of term weights,
            without one.
        licence: SPDX identifier of the weights.
        commercial_use: Whether the licence of the weights allows it.
        beir_13: Mean nDCG@10 over 13 collections of BEIR, in percent, as published; None where it
            was not.
    """

    name: str
    parameters_millions: int
    dimensions: int
    queries: Literal["model", "table"]
    licence: str
    commercial_use: bool
    beir_13: float | None = None


_NAVER = "CC-BY-NC-SA-4.0"
_APACHE = "Apache-2.0"
_BERT, _ROBERTA = 30522, 50265

KNOWN_MODELS = (
    KnownModel("(the default)", 23, _BERT, "model", _APACHE, True),
    KnownModel("naver/splade-v3", 110, _BERT, "model", _NAVER, False, 51.7),
    KnownModel("naver/splade-v3-distilbert", 67, _BERT, "model", _NAVER, False, 50.0),
    KnownModel("naver/splade-v3-lexical", 110, _BERT, "model", _NAVER, False, 49.1),
    KnownModel("naver/splade-cocondenser-ensembledistil", 110, _BERT, "model", _NAVER, False, 50.5),
    KnownModel("prithivida/Splade_PP_en_v1", 110, _BERT, "model", _APACHE, True),
    KnownModel("ibm-granite/granite-embedding-30m-sparse", 30, _ROBERTA, "model", _APACHE, True),
    KnownModel(
        "opensearch-project/opensearch-neural-sparse-encoding-v2-distill",
        67,
        _BERT,
        "model",
        _APACHE,
        True,
        52.8,
    ),
    KnownModel(
        "opensearch-project/opensearch-neural-sparse-encoding-doc-v3-distill",
        67,
        _BERT,
        "table",
        _APACHE,
        True,
    ),
    KnownModel(
        "opensearch-project/opensearch-neural-sparse-encoding-doc-v3-gte",
        133,
        _BERT,
        "table",
        _APACHE,
        True,
        54.6,
    ),
)
"""The default, then models whose cards were read, the naver ones first."""
