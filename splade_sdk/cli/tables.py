"""Hits, explanations and weighted terms as terminal output, drawn with rich."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from splade_sdk.cli import printing
from splade_sdk.types import Explanation, Hit

if TYPE_CHECKING:
    from splade_sdk.evaluation.expansions import ExpansionComparison

__all__ = ["print_answers", "print_expansions", "print_explanations", "print_hits", "print_terms"]

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
    (console or printing.console()).print(table)


def print_explanations(
    explanations: Iterable[Explanation], *, console: Console | None = None
) -> None:
    """Print explanations, a blank line between them."""
    out = console or printing.console()
    for number, each in enumerate(explanations):
        if number:
            out.print()
        out.print(each)


def print_answers(
    answers: Iterable[tuple[str, Sequence[Hit]]], *, console: Console | None = None
) -> None:
    """Print questions with their hits, one line a hit, in columns that run through."""
    listed = list(answers)
    out = console or printing.console()
    widest = max((cell_len(hit.id) for _, hits in listed for hit in hits), default=0)
    for question, hits in listed:
        out.print()
        out.print(Text(f"? {question}", style="bold magenta"))
        for hit in hits:
            line = Text(f"  {hit.score:6.3g}  ", style="green")
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
    out = console or printing.console()
    for term, weight, literal in rows:
        style = "green" if literal else "yellow"
        line = Text(term + " " * (widest - cell_len(term)), style=style)
        line.append(f"  {weight:5.2f}  ", style="bold")
        line.append("█" * max(1, round(BAR_WIDTH * weight / heaviest)), style=style)
        line.append("" if literal else " +", style=style)
        out.print(line, no_wrap=True, overflow="ellipsis")


def print_expansions(
    comparisons: Iterable[ExpansionComparison],
    models: tuple[str, str],
    top_k: int,
    *,
    console: Console | None = None,
) -> None:
    """Print the terms of two models side by side, a table for each text.

    Args:
        comparisons: One for each text.
        models: What to call the two.
        top_k: Terms of each text at most.
        console: Where to print; None for stdout.
    """
    out = console or printing.console()
    for number, each in enumerate(comparisons):
        if number:
            out.print()
        out.print(Text(" ".join(each.text.split()), style="bold magenta"))
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("")
        for model in models:
            table.add_column(Text(model), overflow="fold", min_width=BAR_WIDTH // 2 + 5)
        heaviest = max((max(t.first or 0.0, t.second or 0.0) for t in each.terms), default=1.0)
        for term in each.terms[:top_k]:
            style = "green" if term.literal else "yellow"
            name = Text(term.term + ("" if term.literal else " +"), style=style)
            cells = (_weight_bar(weight, heaviest, style) for weight in (term.first, term.second))
            table.add_row(name, *cells)
        out.print(table)
        hidden = len(each.terms) - top_k
        counts = (each.counts(), each.counts(second=True))
        expansion = "; ".join(
            f"{model}: {literal} literal, {added} added"
            for model, (literal, added) in zip(models, counts, strict=True)
        )
        out.print(
            f"{f'{hidden} more terms; ' if hidden > 0 else ''}{each.shared} in both "
            f"({100 * each.overlap:.0f} %), cosine {each.cosine:.2f}; {expansion}",
            style="dim",
            markup=False,
        )


def _weight_bar(weight: float | None, heaviest: float, style: str) -> Text:
    if weight is None:
        return Text("   –", style="dim")
    bar = "█" * max(1, round(BAR_WIDTH // 2 * weight / heaviest))
    return Text.assemble((f"{weight:.2f} ", "bold"), (bar, style))


def _snippet(text: str) -> str:
    flat = " ".join(text.split())
    if len(flat) <= SNIPPET_CHARACTERS:
        return flat
    return flat[:SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " …"
