"""Options that several commands share, and the group of those that open a retriever."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from splade_sdk.retrieval.retriever import Retriever

__all__ = [
    "DenseModel",
    "Json",
    "MaxLength",
    "Model",
    "QuerySide",
    "RetrieverOptions",
    "SpladeModel",
    "Windows",
    "expand",
    "takes_retriever",
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


@dataclass(frozen=True)
class RetrieverOptions:
    """Which collection, and by which models: the options that ``takes_retriever`` adds."""

    index: Annotated[
        Path | None,
        typer.Option(
            "--index",
            "-i",
            metavar="DIR",
            help="Folder of an embedded index.",
            file_okay=False,
            show_default=False,
        ),
    ] = None
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Qdrant server, such as http://localhost:6333.",
            show_default=False,
        ),
    ] = None
    collection: Annotated[
        str, typer.Option("--collection", "-c", metavar="NAME", help="Name of the collection.")
    ] = "documents"
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            metavar="KEY",
            help="Key of the server.",
            envvar="QDRANT_API_KEY",
            show_default=False,
        ),
    ] = None
    model: Model = None
    dense_model: DenseModel = None
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="Search settings that `splade tune` wrote: mode, fusion, pruning.",
            dir_okay=False,
            show_default=False,
        ),
    ] = None
    tenant: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Whose documents, in an index of several tenants; those of others are not "
            "touched.",
            show_default=False,
        ),
    ] = None
    windows: Windows = False

    @property
    def is_given(self) -> bool:
        """Whether a folder or a server is named."""
        return self.index is not None or self.url is not None

    def open(self) -> "Retriever":
        """Return the retriever of the folder or the server.

        Raises:
            typer.BadParameter: if not exactly one of the two is given.
        """
        from splade_sdk.cli.opening import open_retriever

        return open_retriever(self)


_COLLECTION = ("index", "url", "collection", "api_key")
_MODELS = ("model", "dense_model")

Command = Callable[..., None]


def takes_retriever(*more: str) -> Callable[[Command], Command]:
    """Return a decorator that gives a command the options of its parameter ``source``.

    ``source: RetrieverOptions`` becomes ``--index``, ``--url``, ``--collection`` and ``--api-key``
    in its place, and at the end ``--model``, ``--dense-model`` and the options named in ``more``.
    """
    hints = get_type_hints(RetrieverOptions, include_extras=True)

    def parameters(names: Sequence[str]) -> list[inspect.Parameter]:
        return [option(name, hints[name], getattr(RetrieverOptions, name)) for name in names]

    def decorate(command: Command) -> Command:
        return expand(
            command,
            "source",
            RetrieverOptions,
            parameters(_COLLECTION),
            last=parameters((*_MODELS, *more)),
        )

    return decorate


def option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """Return a keyword parameter, as ``expand`` takes."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def expand(
    command: Command,
    name: str,
    make: Callable[..., object],
    parameters: Sequence[inspect.Parameter],
    *,
    last: Sequence[inspect.Parameter] = (),
) -> Command:
    """Return the command with a parameter replaced by several, from whose values it is made.

    Args:
        command: A typer command.
        name: Its parameter.
        make: Called with the values of the new parameters, by name; returns the parameter's value.
        parameters: New parameters in its place.
        last: New parameters after all others.
    """
    new = [each.name for each in (*parameters, *last)]
    shown: list[inspect.Parameter] = []
    for each in inspect.signature(command).parameters.values():
        shown += parameters if each.name == name else [each]
    shown += last

    @functools.wraps(command)
    def expanded(*args: Any, **values: Any) -> None:
        made = make(**{each: values.pop(each) for each in new})
        command(*args, **values, **{name: made})

    # What typer reads, in its older and newer versions.
    expanded.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # PEP 362
    expanded.__annotations__ = {each.name: each.annotation for each in shown}
    return expanded
