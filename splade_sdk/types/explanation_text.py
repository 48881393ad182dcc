"""An explanation as terminal output, drawn with rich."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from splade_sdk.types.explanation_parts import highlights, is_exact, legs, notes, where

if TYPE_CHECKING:
    from splade_sdk.types.explanation import Explanation, WordMatch

__all__ = ["explanation_text"]

_MAX_ROWS = 15
_BAR_WIDTH = 20
_CHARACTERS = 600
_BEFORE = 40  # characters shown before the first word of a part
_EXACT, _EXPANDED = "green", "yellow"


def explanation_text(explanation: Explanation) -> Group:
    """Return what to print: the score, the text with its words highlighted, and the terms.

    Args:
        explanation: What to show.
    """
    parts: list[Text | Table] = [_head(explanation)]
    if explanation.text:
        parts.append(_text(explanation))
    parts.append(_table(explanation.words()) if explanation.terms else Text("no term is shared"))
    return Group(*parts, *(Text(_printable(note), style="dim") for note in notes(explanation)))


def _head(explanation: Explanation) -> Text:
    head = Text()
    head.append(_printable(explanation.document_id), style="bold cyan")
    head.append(f"  {explanation.score:.4f}", style="bold green")
    if explanation.query is not None:
        head.append(f"  for {explanation.query!r}")
    for leg in legs(explanation):
        head.append(f"  {leg}", style="dim")
    return head


def _text(explanation: Explanation) -> Text:
    """Return the text, or the part of a long one with the strongest words in it."""
    found = highlights(explanation)
    start, end = _window(explanation, [(each.start, each.contribution) for each in found])
    text = Text(_printable(explanation.text[start:end]))
    for each in found:
        if start <= each.start and each.end <= end:
            style = _EXACT if each.exact else _EXPANDED
            strong = " bold underline" if each.strength > 0.5 else ""
            text.stylize(style + strong, each.start - start, each.end - start)
    before = "… " if start else ""
    after = " …" if end < len(explanation.text) else ""
    return Text.assemble(before, text, after)


def _window(explanation: Explanation, given: list[tuple[int, float]]) -> tuple[int, int]:
    text = explanation.text
    if len(text) <= _CHARACTERS:
        return 0, len(text)

    def inside(start: int) -> float:
        return sum(worth for at, worth in given if start <= at < start + _CHARACTERS)

    best = max((at for at, _ in given), key=inside, default=0)
    if inside(0) >= inside(best):
        return 0, _CHARACTERS
    start = max(0, text.rfind(" ", 0, max(0, best - _BEFORE)) + 1)
    return start, min(start + _CHARACTERS, len(text))


def _table(words: list[WordMatch]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("term", overflow="fold")
    table.add_column("query × document", justify="right", style="dim", no_wrap=True)
    table.add_column("gives", justify="right", style="bold", no_wrap=True)
    table.add_column("in", no_wrap=True)
    table.add_column("", no_wrap=True)
    largest = max(word.contribution for word in words)
    for word in words[:_MAX_ROWS]:
        first = word.terms[0]
        style = _EXACT if is_exact(first) else _EXPANDED
        bar = "█" * max(1, round(_BAR_WIDTH * word.contribution / largest))
        given = f"{word.contribution:.2f}"
        table.add_row(_name(word, style), _how(word), given, where(first), Text(bar, style=style))
    if rest := words[_MAX_ROWS:]:
        given = f"{fsum(word.contribution for word in rest):.2f}"
        table.add_row(Text(f"{len(rest)} more", style="dim"), "", given, "", "")
    return table


def _name(word: WordMatch, style: str) -> Text:
    name = Text(word.word, style=style)
    first = word.terms[0]
    if len(word.terms) > 1 or first.query_word or first.document_word:
        name.append(" " + " ".join(term.term for term in word.terms), style="dim")
    return name


def _how(word: WordMatch) -> str:
    if len(word.terms) > 1:
        return f"{len(word.terms)} pieces"
    term = word.terms[0]
    idf = f" × {term.idf:.2f}" if term.idf != 1.0 else ""
    return f"{term.query_weight:.2f}{idf} × {term.document_weight:.2f}"


def _printable(text: str) -> str:
    """Return a text of the same length that cannot steer the terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else "�" for each in text)
