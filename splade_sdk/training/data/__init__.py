"""Training data: what a row is, where rows come from, and how they become batches."""

from __future__ import annotations

from splade_sdk.datasets.line_file import LineFile
from splade_sdk.training.data.beir import BeirSource
from splade_sdk.training.data.collator import Batch, collate
from splade_sdk.training.data.example import Example, parse_example
from splade_sdk.training.data.mixing import MixedData, MixingSampler
from splade_sdk.training.data.source import JsonlSource, Source, open_source

__all__ = [
    "Batch",
    "BeirSource",
    "Example",
    "JsonlSource",
    "LineFile",
    "MixedData",
    "MixingSampler",
    "Source",
    "collate",
    "open_source",
    "parse_example",
]
