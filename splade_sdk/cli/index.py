"""``splade index``: files into a collection."""

from pathlib import Path
from typing import Annotated

import typer

from splade_sdk.cli.options import RetrieverOptions, takes_retriever
from splade_sdk.cli.printing import printable, say, show

__all__ = ["EXAMPLES", "index"]

EXAMPLES = """**Examples**

`splade index notes/ --index ./idx` (every .txt, .md and .rst below notes/)

`splade index docs.jsonl --index ./idx --text-field title --text-field body`

`splade index docs.jsonl --index ./idx --dense-model all-MiniLM-L6-v2` (for hybrid search)

`cat docs.jsonl | splade index - --url http://localhost:6333 --collection docs`
"""


@takes_retriever("windows", "settings", "tenant")
def index(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="JSONL or CSV files, text files, folders of text files, or - for JSONL on stdin.",
        ),
    ],
    *,
    source: RetrieverOptions,
    id_field: Annotated[str, typer.Option(help="Field of the id (JSONL, CSV).")] = "id",
    text_field: Annotated[
        list[str] | None,
        typer.Option(
            help="Field of the text (JSONL, CSV); more than one are joined.  [default: text]",
            show_default=False,
        ),
    ] = None,
    metadata_field: Annotated[
        list[str] | None,
        typer.Option(
            help="Field kept as metadata; may come more than once.  [default: all others]",
            show_default=False,
        ),
    ] = None,
    string_field: Annotated[
        list[str] | None,
        typer.Option(
            help="Metadata field of a CSV that stays text, though it looks like numbers.",
            show_default=False,
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Documents stored at once.")] = 256,
    sync: Annotated[
        bool, typer.Option("--sync", help="Delete stored documents that are not given here.")
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Remember in FILE how far a long input is stored; a second run goes on there.",
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    dead_letter: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Append documents that could not be stored to FILE, with their cause.",
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    bulk: Annotated[
        bool,
        typer.Option("--bulk", help="A big load: let a server build its indexes afterwards."),
    ] = False,
) -> None:
    """Encode documents and store them.

    Indexing the same ids again replaces them; documents that have not changed are left alone.

    In the metadata of a CSV, cells that JSON would read as a number, true or false become that, so
    that filters can compare them; "007" stays text.
    """
    from splade_sdk.cli.documents import Fields, read_documents
    from splade_sdk.datasets.lines import STDIN
    from splade_sdk.errors import EngineError

    for path in paths:
        if path != STDIN and not path.exists():
            raise typer.BadParameter(printable(f"there is no {path}"), param_hint="'PATH'")
    fields = Fields(
        id=id_field,
        text=tuple(text_field or ["text"]),
        metadata=tuple(metadata_field) if metadata_field else None,
        strings=tuple(string_field or ()),
    )
    with source.open() as retriever:
        report = (retriever.sync if sync else retriever.upsert)(
            read_documents(paths, fields),
            batch_size=batch_size,
            checkpoint=checkpoint,
            dead_letter=dead_letter,
            bulk=bulk,
        )
        total = retriever.count()
    unchanged = f"{report.skipped:,} unchanged, " if report.skipped else ""
    deleted = f"{report.deleted:,} deleted, " if report.deleted else ""
    show(
        f"{report.stored:,} documents stored, {unchanged}{deleted}{total:,} in {source.collection} "
        f"(encoding {report.encode_s:.1f} s, storing {report.store_s:.1f} s)"
    )
    if report.empty:
        say(f"{report.empty:,} of them have no term: no query finds them")
    if report.failed:
        failed = sum(len(batch.ids) for batch in report.failed)
        first = report.failed[0]
        raise EngineError(
            f"{failed:,} documents were not stored, from {first.ids[0]!r} on: {first.cause}; run "
            "the same command again to store them"
        ) from first.cause
