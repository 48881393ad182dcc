"""``splade search``: the best documents for a query."""

import json
from dataclasses import asdict
from enum import Enum
from typing import Annotated, Any

import typer

from splade_sdk.cli.options import (
    ApiKey,
    CollectionName,
    DenseModel,
    IndexFolder,
    Json,
    Model,
    SettingsFile,
    Tenant,
    Url,
)

__all__ = ["EXAMPLES", "search"]

EXAMPLES = """**Examples**

`splade search "heart attack symptoms" --index ./idx`

`splade search "heart attack" --index ./idx --filter '{"year": 2024}' --limit 3`

`splade search "heart attack" --index ./idx --mode hybrid`

`splade search "heart attack" --index ./idx --limit 3 --explain`

`splade search "heart attack" --url http://localhost:6333 --json | jq '.[].id'`
"""


class SearchMode(str, Enum):
    """The modes of Retriever.search."""

    sparse = "sparse"
    dense = "dense"
    hybrid = "hybrid"


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    *,
    index: IndexFolder = None,
    url: Url = None,
    collection: CollectionName = "documents",
    api_key: ApiKey = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Hits at most.")] = 10,
    filter: Annotated[  # noqa: A002 - named as in Retriever.search
        str | None,
        typer.Option(
            metavar="JSON",
            help="Conditions on the metadata, such as '{\"year\": 2024}'.",
            show_default=False,
        ),
    ] = None,
    mode: Annotated[
        SearchMode | None,
        typer.Option(
            help="By which vectors. Default: hybrid where the index has dense vectors, "
            "else sparse.",
            show_default=False,
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show which terms matched, and what each gave.")
    ] = False,
    as_json: Json = False,
    model: Model = None,
    dense_model: DenseModel = None,
    settings: SettingsFile = None,
    tenant: Tenant = None,
) -> None:
    """Find documents and print them, the best first."""
    from splade_sdk.cli.opening import open_retriever
    from splade_sdk.cli.tables import print_explanations, print_hits

    conditions = _conditions(filter)
    with open_retriever(
        index,
        url,
        collection,
        api_key=api_key,
        model=model,
        dense_model=dense_model,
        settings=settings,
        tenant=tenant,
    ) as retriever:
        hits = retriever.search(
            query, limit=limit, filter=conditions, mode=mode.value if mode else None
        )
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
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    elif explained:
        print_explanations(explained)
    elif hits:
        print_hits(hits)
    elif conditions and not met:
        typer.echo(
            'no document meets the filter; a number and a string, such as 2024 and "2024", differ',
            err=True,
        )
    elif conditions:
        typer.echo(f"none of the {met:,} documents that meet the filter shares a term", err=True)
    else:
        typer.echo("no document shares a term with the query", err=True)


def _conditions(given: str | None) -> dict[str, Any] | None:
    from splade_sdk.errors import InvalidFilterError

    if given is None:
        return None
    try:
        conditions = json.loads(given)
    except json.JSONDecodeError as error:
        raise InvalidFilterError(
            f"--filter is not JSON ({error.msg} at character {error.colno}): expected an object "
            "such as '{\"year\": 2024}', in single quotes"
        ) from error
    if not isinstance(conditions, dict):
        raise InvalidFilterError(
            f"--filter is {given}: expected a JSON object such as '{{\"year\": 2024}}'"
        )
    return conditions
