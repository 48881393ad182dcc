"""``load_dataset`` under its earlier path; it is in ``splade_sdk.datasets.beir``."""

from splade_sdk.datasets.beir import BeirDataset, load_dataset

__all__ = ["BeirDataset", "load_dataset"]
