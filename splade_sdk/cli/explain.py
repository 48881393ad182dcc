"""``splade explain``: why a document matches a query."""

from pathlib import Path
from typing import Annotated

import typer

from splade_sdk.cli.options import Json, RetrieverOptions, takes_retriever
from splade_sdk.cli.printing import print_json

__all__ = ["EXAMPLES", "explain"]

EXAMPLES = """**Examples**

`splade explain "heart attack symptoms" --id a1 --index ./idx`

`splade explain "heart attack symptoms" --id a1 --index ./idx --html why.html`
"""


@takes_retriever("settings", "tenant")
def explain(
    query: Annotated[str, typer.Argument(help="The query.")],
    *,
    document_id: Annotated[
        str, typer.Option("--id", metavar="ID", help="The document, found or not.")
    ],
    source: RetrieverOptions,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page instead.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show why a document matches a query.

    The terms that both share, where in the text they come from, and what each gives to the score.
    """
    from splade_sdk.cli.tables import print_explanations

    with source.open() as retriever:
        explained = retriever.explain(query, document_id)
    if html is not None:
        html.write_text(explained.to_html(page=True), encoding="utf-8")
    elif as_json:
        print_json(explained.to_dict())
    else:
        print_explanations([explained])
