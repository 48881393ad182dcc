"""An explanation as HTML: a fragment for notebooks, or a page; everything is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from splade_sdk.types.explanation_parts import Highlight, highlights, is_exact, legs, notes, where

if TYPE_CHECKING:
    from splade_sdk.types.explanation import Explanation, WordMatch

__all__ = ["explanation_html"]

_MAX_ROWS = 25

# Colours are translucent, so that they lie on light and on dark pages.
_STYLE = """
.splade-explanation{font:14px/1.55 system-ui,sans-serif;max-width:60rem}
.splade-explanation .head{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:0 0 .6rem}
.splade-explanation .score{font-weight:600;font-variant-numeric:tabular-nums}
.splade-explanation .text{white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 .8rem}
.splade-explanation mark{color:inherit;border-radius:3px;padding:0 1px}
.splade-explanation .rows{display:grid;
 grid-template-columns:minmax(5rem,max-content) minmax(3rem,1fr) max-content max-content;
 gap:.1rem .7rem;align-items:center}
.splade-explanation .word{overflow-wrap:anywhere}
.splade-explanation .pieces,.splade-explanation .how{font-size:12px;opacity:.7}
.splade-explanation .how,.splade-explanation .give{font-variant-numeric:tabular-nums;
 text-align:right}
.splade-explanation .bar{height:.7rem;border-radius:2px}
.splade-explanation .exact{background:rgba(42,120,214,.75)}
.splade-explanation .expanded{background:rgba(235,104,52,.75)}
.splade-explanation .key{display:inline-block;width:.7rem;height:.7rem;border-radius:2px;
 margin-right:.3rem;vertical-align:-1px}
.splade-explanation .notes{margin:.6rem 0 0;padding-left:1.1rem;font-size:13px;opacity:.85}
@media (max-width:480px){
 .splade-explanation .rows{grid-template-columns:minmax(5rem,max-content) 1fr max-content}
 .splade-explanation .how{display:none}}
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>:root{{color-scheme:light dark}}body{{margin:1rem auto;padding:0 1rem;max-width:60rem}}
</style></head><body>{body}</body></html>
"""


def explanation_html(explanation: Explanation, *, page: bool = False) -> str:
    """Return the HTML of an explanation.

    Args:
        explanation: What to show.
        page: Return a whole page instead of a fragment.
    """
    parts = [
        f"<style>{_STYLE}</style>",
        _head(explanation),
        f'<div class="text">{_text(explanation)}</div>',
        _rows(explanation),
        _notes(explanation),
    ]
    body = f'<div class="splade-explanation">{"".join(parts)}</div>'
    if not page:
        return body
    title = f"Why {explanation.document_id} matched"
    return _PAGE.format(title=escape(title), body=body)


def _head(explanation: Explanation) -> str:
    query = "a vector" if explanation.query is None else f"“{escape(explanation.query)}”"
    told = "".join(f"<span>{escape(leg)}</span>" for leg in legs(explanation))
    return (
        f'<div class="head"><span>{query} → <b>{escape(explanation.document_id)}</b></span>'
        f'<span class="score">score {explanation.score:.4f}</span>{told}'
        '<span><span class="key exact"></span>in both texts</span>'
        '<span><span class="key expanded"></span>by expansion</span></div>'
    )


def _text(explanation: Explanation) -> str:
    made, at = [], 0
    for each in highlights(explanation):
        made.append(escape(explanation.text[at : each.start]))
        made.append(_mark(each, explanation.text[each.start : each.end]))
        at = each.end
    return "".join([*made, escape(explanation.text[at:])])


def _mark(highlight: Highlight, word: str) -> str:
    told = ", ".join(f"{term} {given:.2f}" for term, given in highlight.terms)
    colour = "42,120,214" if highlight.exact else "235,104,52"
    alpha = 0.1 + 0.45 * highlight.strength
    return (
        f'<mark style="background:rgba({colour},{alpha:.2f})" '
        f'title="{escape(f"{highlight.contribution:.2f}: {told}")}">{escape(word)}</mark>'
    )


def _rows(explanation: Explanation) -> str:
    words = explanation.words()
    largest = max((word.contribution for word in words), default=1.0)
    rows = "".join(_row(word, largest) for word in words[:_MAX_ROWS])
    rest = words[_MAX_ROWS:]
    if rest:
        given = sum(word.contribution for word in rest)
        rows += _cells(f"{len(rest)} more", "", "", f"{given:.2f}")
    return f'<div class="rows">{rows}</div>' if rows else "<div>No term is shared.</div>"


def _row(word: WordMatch, largest: float) -> str:
    first = word.terms[0]
    told = escape(word.word)
    if len(word.terms) > 1 or first.query_word or first.document_word:
        pieces = " ".join(escape(term.term) for term in word.terms)
        told += f' <span class="pieces">{pieces}</span>'
    how = _how(word)
    kind = "exact" if is_exact(first) else "expanded"
    width = 100 * word.contribution / largest
    bar = f'<div class="bar {kind}" style="width:{width:.1f}%" title="{how}"></div>'
    return _cells(told, bar, how, f"{word.contribution:.2f}")


def _how(word: WordMatch) -> str:
    first = word.terms[0]
    known = first.in_query is not None and first.in_document is not None
    place = f"in {where(first)} · " if known else ""
    if len(word.terms) > 1:
        return f"{place}{len(word.terms)} pieces"
    idf = f" × idf {first.idf:.2f}" if first.idf != 1.0 else ""
    return f"{place}{first.query_weight:.2f}{idf} × {first.document_weight:.2f}"


def _cells(word: str, bar: str, how: str, given: str) -> str:
    return (
        f'<div class="word">{word}</div><div>{bar}</div>'
        f'<div class="how">{how}</div><div class="give">{given}</div>'
    )


def _notes(explanation: Explanation) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes(explanation))
    return f'<ul class="notes">{items}</ul>' if items else ""
