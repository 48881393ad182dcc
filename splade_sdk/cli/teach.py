"""``splade teach``: score training pairs with teachers, once."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splade_sdk.cli.printing import say

if TYPE_CHECKING:
    from splade_sdk.training.data import Source
    from splade_sdk.training.teachers import Teacher

__all__ = ["EXAMPLES", "teach"]

EXAMPLES = """**Examples**

`splade teach triples.jsonl --teacher bi-encoder:models/all-MiniLM-L6-v2 --output scored.jsonl`

`splade teach triples.jsonl -t cross-encoder:NAME -t bm25 --weight 2 --weight 1 -o scored.jsonl`
"""


def teach(
    data: Annotated[
        Path, typer.Argument(help="Pairs or triples: a JSONL file, or a folder in BEIR's layout.")
    ],
    *,
    teacher: Annotated[
        list[str],
        typer.Option(
            "--teacher",
            "-t",
            metavar="KIND[:NAME]",
            help="cross-encoder:NAME, bi-encoder:NAME, splade:NAME (each a name or a folder), "
            "bm25, or given (the data's own scores). Several are normalised and averaged.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="JSONL file to make.", dir_okay=False, show_default=False
        ),
    ],
    weight: Annotated[
        list[float] | None,
        typer.Option(
            help="With several teachers: the weight of each, in their order.  [default: all 1]",
            show_default=False,
        ),
    ] = None,
    normalization: Annotated[
        str, typer.Option(help="With several teachers: z_score, min_max or none, over each list.")
    ] = "z_score",
    split: Annotated[str, typer.Option(help="Judgements to take of a BEIR folder.")] = "train",
    batch_size: Annotated[int, typer.Option(min=1, help="Queries scored at a time.")] = 64,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output that exists.")
    ] = False,
) -> None:
    """Score the documents of each query with a teacher, for distillation.

    Scores are written as they come. A run that was stopped goes on where it was when it is
    started again.
    """
    from splade_sdk.training.data import open_source
    from splade_sdk.training.teach import score_pairs
    from splade_sdk.training.teachers import EnsembleTeacher

    weights = weight or [1.0] * len(teacher)
    if len(weights) != len(teacher):
        raise typer.BadParameter(
            f"{len(weights)} for {len(teacher)} teachers: give one for each",
            param_hint="'--weight'",
        )
    source = open_source(data, split)
    teachers = [_open(each, source) for each in teacher]
    scoring: Teacher = teachers[0]
    if len(teachers) > 1:
        voices = list(zip(teachers, weights, strict=True))
        scoring = EnsembleTeacher(voices, normalization=normalization)
    count = score_pairs(scoring, source, output, batch_size=batch_size, overwrite=overwrite)
    say(f"{count:,} examples with scores are in {output}")


def _open(teacher: str, source: "Source") -> "Teacher":
    kind, _, name = teacher.partition(":")
    if kind in _NAMED and name:
        return _NAMED[kind](name)
    if kind in _NAMELESS and not name:
        return _NAMELESS[kind](source)
    kinds = [*(f"{each}:NAME" for each in _NAMED), *_NAMELESS]
    raise typer.BadParameter(
        f"{teacher!r}: expected one of {', '.join(kinds)}", param_hint="'--teacher'"
    )


def _cross_encoder(name: str) -> "Teacher":
    from splade_sdk.training.teachers import CrossEncoderTeacher

    return CrossEncoderTeacher.from_pretrained(name, device=_device())


def _bi_encoder(name: str) -> "Teacher":
    from splade_sdk.training.teachers import BiEncoderTeacher, TransformerEmbedder

    return BiEncoderTeacher(TransformerEmbedder.from_pretrained(name, device=_device()))


def _splade(name: str) -> "Teacher":
    from splade_sdk.cli import opening
    from splade_sdk.training.teachers import SparseTeacher

    return SparseTeacher(opening.open_splade(name))


def _bm25(source: "Source") -> "Teacher":
    from splade_sdk.encoders.bm25 import Bm25Encoder
    from splade_sdk.training.teachers import SparseTeacher

    corpus = dict.fromkeys(text for at in range(len(source)) for text in source[at].documents)
    return SparseTeacher(Bm25Encoder(), corpus=corpus)


def _given(source: "Source") -> "Teacher":
    from splade_sdk.training.teachers import GivenTeacher

    return GivenTeacher(source[at] for at in range(len(source)))


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


_NAMED: dict[str, Callable[[str], "Teacher"]] = {
    "cross-encoder": _cross_encoder,
    "bi-encoder": _bi_encoder,
    "splade": _splade,
}
_NAMELESS: dict[str, Callable[["Source"], "Teacher"]] = {"bm25": _bm25, "given": _given}
