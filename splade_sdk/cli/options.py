"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ApiKey",
    "CollectionName",
    "DenseModel",
    "IndexFolder",
    "Json",
    "MaxLength",
    "Model",
    "QuerySide",
    "SettingsFile",
    "SpladeModel",
    "Tenant",
    "Url",
    "Windows",
]


Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|DIR",
        help="A SPLADE model, by folder or name; bm25 for the bag-of-words baseline. "
        "Default: the small model that comes along.",
        show_default=False,
    ),
]
Tenant = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Whose documents, in an index of several tenants; those of others are not touched.",
        show_default=False,
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="Search settings that `splade tune` wrote: mode, fusion, pruning.",
        dir_okay=False,
        show_default=False,
    ),
]
SpladeModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|DIR",
        help="A SPLADE model, by folder or name. Default: the small model that comes along.",
        show_default=False,
    ),
]
IndexFolder = Annotated[
    Path | None,
    typer.Option(
        "--index",
        "-i",
        metavar="DIR",
        help="Folder of an embedded index.",
        file_okay=False,
        show_default=False,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Qdrant server, such as http://localhost:6333.",
        show_default=False,
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        metavar="KEY",
        help="Key of the server.",
        envvar="QDRANT_API_KEY",
        show_default=False,
    ),
]
DenseModel = Annotated[
    str | None,
    typer.Option(
        "--dense-model",
        metavar="NAME|DIR",
        help="A sentence-transformers model for dense vectors, or none. "
        "Default: the dense head of the SPLADE model, if it has one.",
        show_default=False,
    ),
]
CollectionName = Annotated[
    str, typer.Option("--collection", "-c", metavar="NAME", help="Name of the collection.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
MaxLength = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        metavar="TOKENS",
        min=3,
        help="Tokens of a text at most. Default: what the model takes.",
        show_default=False,
    ),
]
QuerySide = Annotated[
    bool, typer.Option("--query", help="Encode as queries instead of as documents.")
]
Windows = Annotated[
    bool,
    typer.Option(
        "--windows",
        help="Encode long documents whole, in overlapping windows, instead of cutting them.",
    ),
]
