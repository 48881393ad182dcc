"""``splade upgrade``: dense vectors for an index that was made without."""

from dataclasses import asdict

from splade_sdk.cli.options import Json, RetrieverOptions, takes_retriever
from splade_sdk.cli.printing import print_json, show

__all__ = ["EXAMPLES", "upgrade"]

EXAMPLES = """**Examples**

`splade upgrade --index ./idx --dense-model sentence-transformers/all-MiniLM-L6-v2`

`splade upgrade --url http://localhost:6333 --collection articles --dense-model ./my-model`
"""


@takes_retriever()
def upgrade(
    *,
    source: RetrieverOptions,
    as_json: Json = False,
) -> None:
    """Add dense vectors to an index, so that it can be searched by both.

    Texts are encoded by the dense model only. The index stays in use meanwhile; stopped on the way,
    the same command goes on where it was.
    """
    with source.open() as retriever:
        report = retriever.upgrade_to_hybrid()
    if as_json:
        print_json(asdict(report), indent=None)
    else:
        show(report)
