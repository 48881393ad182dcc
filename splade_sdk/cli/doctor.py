"""``splade doctor``: a checkup of an index."""

from dataclasses import asdict

import typer

from splade_sdk.cli.options import Json, RetrieverOptions, takes_retriever
from splade_sdk.cli.printing import print_json, show

__all__ = ["EXAMPLES", "doctor"]

EXAMPLES = """**Examples**

`splade doctor --index ./idx`

`splade doctor --url http://localhost:6333 --collection articles --json | jq .findings`
"""


@takes_retriever()
def doctor(
    *,
    source: RetrieverOptions,
    as_json: Json = False,
) -> None:
    """Check an index and its model, and say what to do.

    Model, vocabulary, IDF, versions, the optimizer, empty and missing vectors, fields without an
    index. Ends with exit code 1 if something is worse than worth knowing.
    """
    with source.open() as retriever:
        report = retriever.doctor()
    if as_json:
        print_json(asdict(report))
    else:
        show(report)
    if not report.healthy:
        raise typer.Exit(1)
