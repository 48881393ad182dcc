"""``splade encode``: texts to sparse vectors, one JSON object a line."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from splade_sdk.cli.options import Model, QuerySide, Windows
from splade_sdk.cli.printing import print_json

__all__ = ["EXAMPLES", "encode"]

BATCH = 256

EXAMPLES = """**Examples**

`splade encode "what is a sparse vector?" --terms`

`cat texts.txt | splade encode > vectors.jsonl`

`splade encode --jsonl --text-field body < docs.jsonl > vectors.jsonl`
"""


def encode(
    texts: Annotated[
        list[str] | None,
        typer.Argument(help="Texts to encode; without any, one a line from stdin."),
    ] = None,
    *,
    terms: Annotated[
        bool, typer.Option("--terms", help="Print terms with weights instead of numbers.")
    ] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Lines on stdin are JSON objects; their id is kept.")
    ] = False,
    text_field: Annotated[str, typer.Option(help="With --jsonl: field of the text.")] = "text",
    id_field: Annotated[str, typer.Option(help="With --jsonl: field of the id.")] = "id",
    query: QuerySide = False,
    max_active_dims: Annotated[
        int | None,
        typer.Option(min=1, help="Keep this many of the largest weights.", show_default=False),
    ] = None,
    windows: Windows = False,
    model: Model = None,
) -> None:
    """Turn texts into sparse vectors, as JSON lines.

    A line is {"indices": [...], "values": [...]}.

    With --terms it is {"terms": {"vector": 2.1, ...}}, the heaviest term first.
    """
    from splade_sdk.cli.opening import open_encoder

    if jsonl and texts:
        raise typer.BadParameter("it reads stdin: give no texts", param_hint="'--jsonl'")
    encoder = open_encoder(model, windows=windows)
    side = encoder.encode_query if query else encoder.encode_document
    rows = ((None, text) for text in texts) if texts else _stdin(jsonl, id_field, text_field)
    for batch in _batches(rows):
        vectors = side([text for _, text in batch], max_active_dims=max_active_dims)
        for (identity, _), vector in zip(batch, vectors, strict=True):
            line: dict[str, Any] = {} if identity is None else {"id": identity}
            if terms:
                line["terms"] = {term: round(w, 4) for term, w in encoder.decode(vector)}
            else:
                line |= {"indices": vector.indices.tolist(), "values": vector.values.tolist()}
            print_json(line, indent=None)


Row = tuple[str | None, str]


def _stdin(jsonl: bool, id_field: str, text_field: str) -> Iterator[Row]:
    from splade_sdk.cli.documents import Fields, read_documents
    from splade_sdk.datasets.lines import STDIN, read_lines

    if jsonl:
        fields = Fields(id=id_field, text=(text_field,), metadata=())
        return ((document.id, document.text) for document in read_documents([STDIN], fields))
    return ((None, line.rstrip("\r\n")) for _, line in read_lines(STDIN))


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch
