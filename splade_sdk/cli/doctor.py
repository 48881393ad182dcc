"""``splade doctor``: a checkup of an index."""

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

__all__ = ["EXAMPLES", "doctor"]

EXAMPLES = """**Examples**

`splade doctor --index ./idx`

`splade doctor --url http://localhost:6333 --collection articles --json | jq .findings`
"""


def doctor(
    *,
    index: IndexFolder = None,
    url: Url = None,
    collection: CollectionName = "documents",
    api_key: ApiKey = None,
    model: Model = None,
    dense_model: DenseModel = None,
    as_json: Json = False,
) -> None:
    """Check an index and its model, and say what to do.

    Model, vocabulary, IDF, versions, the optimizer, empty and missing vectors, fields without an
    index. Ends with exit code 1 if something is worse than worth knowing.
    """
    from splade_sdk.cli.opening import open_retriever

    with open_retriever(
        index, url, collection, api_key=api_key, model=model, dense_model=dense_model
    ) as retriever:
        report = retriever.doctor()
    print(json.dumps(asdict(report), ensure_ascii=False, indent=2) if as_json else report)
    if not report.healthy:
        raise typer.Exit(1)
