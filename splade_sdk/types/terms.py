"""Terms as people read them."""

from __future__ import annotations

from functools import cache

__all__ = ["readable_term"]

_CONTINUES = "##"  # WordPiece: goes on with a word
_BEGINS = "▁"  # SentencePiece: begins a word


def readable_term(term: str) -> str:
    """Return a term of a vocabulary without the marks of its tokenizer.

    ``##raphy`` becomes ``…raphy``, ``▁heart`` and ``Ġheart`` become ``heart``, and the bytes of
    byte-level vocabularies become the characters they stand for, where they are whole.

    Args:
        term: As the vocabulary writes it.
    """
    if term.startswith(_CONTINUES) and len(term) > len(_CONTINUES):
        return f"…{term[len(_CONTINUES) :]}"
    if term.startswith(_BEGINS):
        return term[len(_BEGINS) :] or term
    if not term.isascii():
        return _from_bytes(term) or term
    return term


def _from_bytes(term: str) -> str | None:
    """Undo the byte-to-character table of byte-level BPE; None if the term is not of that kind."""
    table = _byte_table()
    if any(character not in table for character in term):
        return None
    try:
        text = bytes(table[character] for character in term).decode().strip()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


@cache
def _byte_table() -> dict[str, int]:
    """Printable bytes stand for themselves; the others follow in order from U+0100."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    table = {chr(byte): byte for byte in plain}
    table.update({chr(0x100 + at): byte for at, byte in enumerate(others)})
    return table
