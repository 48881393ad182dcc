"""``splade compare``: how two models expand the same texts."""

from typing import TYPE_CHECKING, Annotated

import typer

from splade_sdk.cli.options import Json, MaxLength, QuerySide
from splade_sdk.cli.printing import print_json

if TYPE_CHECKING:
    from splade_sdk.encoders.base import LocatingEncoder

__all__ = ["EXAMPLES", "compare"]

EXAMPLES = """**Examples**

`splade compare default ./my-model "heart attack symptoms"`

`splade compare default bm25 "heart attack symptoms" "growing tomatoes" --query --top-k 10`
"""

_MODEL = (
    "A SPLADE model, by folder or name; default for the one that comes along, bm25 for the "
    "bag-of-words baseline."
)


def compare(
    first: Annotated[str, typer.Argument(metavar="MODEL_A", help=_MODEL)],
    second: Annotated[str, typer.Argument(metavar="MODEL_B", help="What to compare it with.")],
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...", help="Texts to encode.")],
    *,
    query: QuerySide = False,
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, help="Terms at most.")] = 20,
    as_json: Json = False,
    max_length: MaxLength = None,
) -> None:
    """Show how two models expand the same texts, side by side.

    Their terms with both weights, those that stand in the text apart from those added (+), and how
    far the two agree.
    """
    from splade_sdk.cli.tables import print_expansions
    from splade_sdk.evaluation.expansions import compare_expansions

    one, other = _open(first, max_length), _open(second, max_length)
    compared = [compare_expansions(one, other, text, query=query) for text in texts]
    if as_json:
        rows = [{"models": [first, second], **each.to_dict()} for each in compared]
        print_json(rows)
    else:
        print_expansions(compared, (first, second), top_k)


def _open(model: str, max_length: int | None) -> "LocatingEncoder":
    from splade_sdk.cli.opening import open_encoder
    from splade_sdk.encoders.base import LocatingEncoder
    from splade_sdk.errors import InvalidTypeError

    encoder = open_encoder(None if model == "default" else model, max_length=max_length)
    if not isinstance(encoder, LocatingEncoder):
        raise InvalidTypeError(
            f"{type(encoder).__name__} cannot tell which terms stand in a text: expected a SPLADE "
            "model or bm25"
        )
    return encoder
