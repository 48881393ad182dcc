"""``splade demo``: search Python's own documentation, in one command."""

import hashlib
import os
import platform
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splade_sdk.cli.options import Model
from splade_sdk.cli.printing import console, say

if TYPE_CHECKING:
    from splade_sdk.config import Fingerprint
    from splade_sdk.retrieval.retriever import Retriever

__all__ = ["EXAMPLES", "demo"]

EXAMPLES = """**Examples**

`splade demo`

`splade demo --index ./demo-index`
"""

QUESTIONS = (
    "run another program and capture its output",
    "compress data to make it smaller",
    "find files matching a pattern",
    "hash a password",
)
ANSWERS = 3


def demo(
    *,
    index: Annotated[
        Path | None,
        typer.Option(
            "--index",
            "-i",
            metavar="DIR",
            help="Where to keep the index.  [default: a folder in the user's cache]",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    model: Model = None,
) -> None:
    """Search the documentation of Python itself.

    Indexes the docstrings of the standard library and asks them a few questions.

    Thousands of real, short texts; a minute or so the first time, seconds after that. Nothing
    is downloaded.
    """
    from splade_sdk.cli.opening import open_encoder
    from splade_sdk.cli.tables import print_answers
    from splade_sdk.retrieval.retriever import Retriever

    encoder = open_encoder(model)
    folder = index or _cache_folder(encoder.fingerprint)
    out = console()
    with Retriever(path=folder, encoder=encoder) as retriever:
        _index_once(retriever)
        answers = retriever.search_batch(QUESTIONS, limit=ANSWERS)
        total = retriever.count()
    out.print(f"[bold]{total:,} docstrings of Python {platform.python_version()}[/bold]")
    # A text's first line is the name and signature; the name is the id already.
    shown = [[replace(hit, text=hit.text.partition("\n")[2]) for hit in hits] for hits in answers]
    print_answers(zip(QUESTIONS, shown, strict=True), console=out)
    command = f'splade search "your own question" --index {shlex.quote(str(folder))}'
    command += f" --model {shlex.quote(model)}" if model else ""
    out.print("\nAsk your own:")
    out.print(f"  {command}", style="bold", markup=False, soft_wrap=True)


def _index_once(retriever: "Retriever") -> None:
    """Index this interpreter's docstrings, unless all of them are stored already."""
    from splade_sdk.cli.stdlib_docs import stdlib_documents
    from splade_sdk.errors import CollectionNotFoundError

    mark = {"python": platform.python_version()}
    documents = [
        replace(document, metadata={**document.metadata, **mark}) for document in stdlib_documents()
    ]
    try:
        stored = retriever.count(mark)
    except CollectionNotFoundError:
        stored = 0
    if stored == len(documents):
        return
    say(f"indexing {len(documents):,} docstrings, once …")
    report = retriever.upsert(documents)
    for batch in report.failed:
        raise batch.cause


def _cache_folder(fingerprint: "Fingerprint") -> Path:
    """Return the folder of this interpreter's and this model's index."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    identity = fingerprint.model_dump_json(exclude={"model"})
    key = hashlib.sha256(identity.encode()).hexdigest()[:8]
    return caches / "splade-sdk" / f"demo-{platform.python_version()}-{key}"
