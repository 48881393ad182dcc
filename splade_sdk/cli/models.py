"""``splade models``: which models there are, and what their licences allow."""

from dataclasses import asdict

from splade_sdk.cli.options import Json
from splade_sdk.cli.printing import console, print_json

__all__ = ["EXAMPLES", "models"]

EXAMPLES = """**Examples**

`splade models`

`splade models --json`
"""


def models(*, as_json: Json = False) -> None:
    """List known SPLADE models with size, dimensions and licence.

    Any masked language model works, too: pass its name or folder.
    """
    from rich.table import Table

    from splade_sdk.models.catalogue import KNOWN_MODELS

    if as_json:
        print_json([asdict(model) for model in KNOWN_MODELS])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", overflow="fold")
    for column in ("parameters", "dimensions", "queries", "BEIR-13"):
        table.add_column(column, justify="right")
    table.add_column("licence")
    table.add_column("commercial use")
    for model in KNOWN_MODELS:
        table.add_row(
            model.name,
            f"{model.parameters_millions} M",
            f"{model.dimensions:,}",
            "no model" if model.queries == "table" else "model",
            "" if model.beir_13 is None else f"{model.beir_13:.1f}",
            model.licence,
            "yes" if model.commercial_use else "no",
        )
    console().print(table)
