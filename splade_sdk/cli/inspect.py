"""``splade inspect``: what a model makes of a text."""

from typing import Annotated

import typer

from splade_sdk.cli.options import Json, QuerySide, SpladeModel
from splade_sdk.cli.printing import print_json, say

__all__ = ["EXAMPLES", "inspect"]

EXAMPLES = """**Examples**

`splade inspect "heart attack symptoms"`

`splade inspect "heart attack symptoms" --query --top-k 10`
"""


def inspect(
    text: Annotated[str, typer.Argument(help="The text to encode.")],
    *,
    query: QuerySide = False,
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, help="Terms at most.")] = 30,
    as_json: Json = False,
    model: SpladeModel = None,
) -> None:
    """Show what a model makes of a text.

    Its terms with their weights: those that stand in the text, and those added (+).
    """
    from splade_sdk.cli.opening import open_splade
    from splade_sdk.cli.tables import print_terms
    from splade_sdk.types import SparseVector

    encoder = open_splade(model)
    vector = encoder.encode_query(text) if query else encoder.encode_document(text)
    literal_ids = encoder.literal_terms(text)
    terms = []
    for stands in (True, False):
        part = {i: weight for i, weight in vector.to_dict().items() if (i in literal_ids) is stands}
        decoded = encoder.decode(SparseVector.from_dict(part, vector.dimensions))
        terms += [(term, weight, stands) for term, weight in decoded]
    terms.sort(key=lambda term: (-term[1], term[0]))
    literal = sum(stands for _, _, stands in terms)
    if as_json:
        rows = [{"term": t, "weight": w, "literal": stands} for t, w, stands in terms[:top_k]]
        print_json(rows)
        return
    print_terms(terms[:top_k])
    shown = f"the {top_k} heaviest of " if len(terms) > top_k else ""
    say(f"{shown}{len(terms)} terms: {literal} stand in the text, {len(terms) - literal} added (+)")
