"""``splade upgrade``: dense vectors for an index that was made without."""

import json
from dataclasses import asdict

import typer

from splade_sdk.cli.options import (
    ApiKey,
    CollectionName,
    DenseModel,
    IndexFolder,
    Json,
    Model,
    Url,
)

__all__ = ["EXAMPLES", "upgrade"]

EXAMPLES = """**Examples**

`splade upgrade --index ./idx --dense-model sentence-transformers/all-MiniLM-L6-v2`

`splade upgrade --url http://localhost:6333 --collection articles --dense-model ./my-model`
"""


def upgrade(
    *,
    index: IndexFolder = None,
    url: Url = None,
    collection: CollectionName = "documents",
    api_key: ApiKey = None,
    model: Model = None,
    dense_model: DenseModel = None,
    as_json: Json = False,
) -> None:
    """Add dense vectors to an index, so that it can be searched by both.

    Texts are encoded by the dense model only. The index stays in use meanwhile; stopped on the way,
    the same command goes on where it was.
    """
    from splade_sdk.cli.opening import open_retriever

    with open_retriever(
        index, url, collection, api_key=api_key, model=model, dense_model=dense_model
    ) as retriever:
        report = retriever.upgrade_to_hybrid()
    if as_json:
        print(json.dumps(asdict(report)))
    else:
        typer.echo(str(report))
