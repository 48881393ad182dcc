"""What people see: hits and weighted terms, drawn with rich."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from splade_sdk.types import Explanation, Hit

__all__ = ["print_answers", "print_explanations", "print_hits", "print_terms"]

BAR_WIDTH = 32
SNIPPET_CHARACTERS = 160


def print_hits(hits: Sequence[Hit], *, console: Console | None = None) -> None:
    """Print hits as a table: score, rank in each of several legs, id, beginning of the text."""
    legs = sorted({leg for hit in hits for leg in hit.legs}, reverse=True)
    ranked = (
        legs if any(hit.score != leg.score for hit in hits for leg in hit.legs.values()) else []
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("score", justify="right", style="green", no_wrap=True)
    for leg in ranked:
        table.add_column(leg, justify="right", no_wrap=True)
    table.add_column("id", style="cyan", overflow="fold", max_width=28)
    table.add_column("text", overflow="ellipsis")
    for hit in hits:
        ranks = (f"#{hit.legs[leg].rank}" if leg in hit.legs else "" for leg in ranked)
        score = f"{hit.score:.4f}" if ranked else f"{hit.score:.2f}"  # fused ones are small
        table.add_row(score, *ranks, Text(hit.id), Text(_snippet(hit.text)))
    (console or Console()).print(table)


def print_explanations(
    explanations: Iterable[Explanation], *, console: Console | None = None
) -> None:
    """Print explanations, a blank line between them."""
    out = console or Console(highlight=False)
    for number, each in enumerate(explanations):
        if number:
            out.print()
        out.print(each)


def print_answers(
    answers: Iterable[tuple[str, Sequence[Hit]]], *, console: Console | None = None
) -> None:
    """Print questions with their hits, one line a hit, in columns that run through."""
    listed = list(answers)
    out = console or Console(highlight=False)
    widest = max((cell_len(hit.id) for _, hits in listed for hit in hits), default=0)
    for question, hits in listed:
        out.print()
        out.print(Text(f"? {question}", style="bold magenta"))
        for hit in hits:
            line = Text(f"  {hit.score:5.2f}  ", style="green")
            line.append(hit.id + " " * (widest - cell_len(hit.id)), style="cyan")
            line.append("  " + " ".join(hit.text.split()), style="default")
            out.print(line, no_wrap=True, overflow="ellipsis", crop=True)


def print_terms(
    terms: Iterable[tuple[str, float, bool]], *, console: Console | None = None
) -> None:
    """Print terms as a bar list, literal ones apart from expanded ones by colour and mark.

    Args:
        terms: Term, weight, and whether it stands in the text; heaviest first.
        console: Where to print; None for stdout.
    """
    rows = list(terms)
    heaviest = max((weight for _, weight, _ in rows), default=1.0)
    widest = max((cell_len(term) for term, _, _ in rows), default=0)
    out = console or Console(highlight=False)
    for term, weight, literal in rows:
        style = "green" if literal else "yellow"
        line = Text(term + " " * (widest - cell_len(term)), style=style)
        line.append(f"  {weight:5.2f}  ", style="bold")
        line.append("█" * max(1, round(BAR_WIDTH * weight / heaviest)), style=style)
        line.append("" if literal else " +", style=style)
        out.print(line, no_wrap=True, overflow="ellipsis")


def _snippet(text: str) -> str:
    flat = " ".join(text.split())
    if len(flat) <= SNIPPET_CHARACTERS:
        return flat
    return flat[:SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " …"
