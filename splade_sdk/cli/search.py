"""``splade search``: the best documents for a query."""

from dataclasses import asdict
from typing import Annotated

import typer

from splade_sdk.cli.options import Json, RetrieverOptions, takes_retriever
from splade_sdk.cli.printing import print_json, say
from splade_sdk.cli.search_options import takes_search_options
from splade_sdk.retrieval.search.json_options import JsonSearchOptions

__all__ = ["EXAMPLES", "search"]

EXAMPLES = """**Examples**

`splade search "heart attack symptoms" --index ./idx`

`splade search "heart attack" --index ./idx --filter '{"year": 2024}' --limit 3`

`splade search "heart attack" --index ./idx --mode hybrid`

`splade search "heart attack" --index ./idx --limit 3 --explain`

`splade search "heart attack" --url http://localhost:6333 --json | jq '.[].id'`
"""


@takes_retriever("settings", "tenant")
@takes_search_options
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    *,
    source: RetrieverOptions,
    options: JsonSearchOptions,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show which terms matched, and what each gave.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find documents and print them, the best first."""
    from splade_sdk.cli.tables import print_explanations, print_hits

    conditions = options.filter
    with source.open() as retriever:
        hits = retriever.search(query, **options.keywords())
        met = retriever.count(conditions) if conditions and not hits else 0
        explained = [hit.explain() for hit in hits] if explain else []
    if as_json:
        rows = [
            {
                "id": hit.id,
                "score": hit.score,
                "legs": {name: asdict(leg) for name, leg in hit.legs.items()},
                "text": hit.text,
                "metadata": dict(hit.metadata),
            }
            for hit in hits
        ]
        for row, each in zip(rows, explained, strict=False):
            row["explanation"] = each.to_dict()
        print_json(rows)
    elif explained:
        print_explanations(explained)
    elif hits:
        print_hits(hits)
    elif conditions and not met:
        say('no document meets the filter; a number and a string, such as 2024 and "2024", differ')
    elif conditions:
        say(f"none of the {met:,} documents that meet the filter shares a term")
    else:
        say("no document shares a term with the query")
