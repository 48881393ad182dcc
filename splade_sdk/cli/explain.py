"""``splade explain``: why a document matches a query."""

import json
from pathlib import Path
from typing import Annotated

import typer

from splade_sdk.cli.options import (
    ApiKey,
    CollectionName,
    IndexFolder,
    Json,
    Model,
    SettingsFile,
    Tenant,
    Url,
)

__all__ = ["EXAMPLES", "explain"]

EXAMPLES = """**Examples**

`splade explain "heart attack symptoms" --id a1 --index ./idx`

`splade explain "heart attack symptoms" --id a1 --index ./idx --html why.html`
"""


def explain(
    query: Annotated[str, typer.Argument(help="What was looked for.")],
    *,
    document_id: Annotated[
        str, typer.Option("--id", metavar="ID", help="The document, found or not.")
    ],
    index: IndexFolder = None,
    url: Url = None,
    collection: CollectionName = "documents",
    api_key: ApiKey = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page instead.", show_default=False),
    ] = None,
    as_json: Json = False,
    model: Model = None,
    settings: SettingsFile = None,
    tenant: Tenant = None,
) -> None:
    """Show why a document matches a query.

    The terms that both share, where in the text they come from, and what each gives to the score.
    """
    from splade_sdk.cli.opening import open_retriever
    from splade_sdk.cli.tables import print_explanations

    with open_retriever(
        index, url, collection, api_key=api_key, model=model, settings=settings, tenant=tenant
    ) as retriever:
        explained = retriever.explain(query, document_id)
    if html is not None:
        html.write_text(explained.to_html(page=True), encoding="utf-8")
    elif as_json:
        print(json.dumps(explained.to_dict(), ensure_ascii=False, indent=2))
    else:
        print_explanations([explained])
