"""Prints the table of the page on models: ``python docs/generate/models.py``."""

from __future__ import annotations

from splade_sdk.models.catalogue import KNOWN_MODELS

_COLUMNS = ["model", "size", "queries", "nDCG@10 on BEIR-13", "licence", "commercial use"]


def models_table() -> str:
    """Return the catalogue as a table in Markdown."""
    rows = [
        f"| `{each.name}` | {each.parameters_millions} M | {each.queries} | "
        f"{each.beir_13 or '–'} | {each.licence} | {'yes' if each.commercial_use else 'no'} |"
        for each in KNOWN_MODELS
    ]
    header = [f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|"]
    return "\n".join([*header, *rows]) + "\n"


if __name__ == "__main__":
    print(models_table())
