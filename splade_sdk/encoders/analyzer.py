"""Analyzer: text to stemmed words, for encoders without a model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from threading import Lock

import Stemmer

from splade_sdk.encoders.stopwords import ENGLISH
from splade_sdk.errors import ConfigError, InvalidTypeError

__all__ = ["Analyzer"]


class Analyzer:
    """Splits text into words, drops stop words, and stems the rest.

    Text is put in Unicode's NFKC form and in lower case; a word is a run of letters, digits and
    the marks combined with them (as in Hindi). Scripts written without spaces, such as Chinese,
    are not split further.

    Attributes:
        language: Name of the Snowball stemmer, or None for no stemming.
        stopwords: Words that are dropped, before stemming.

    Args:
        language: One of Snowball's languages, such as ``english``; None keeps words as they are.
        stopwords: Words to drop; None drops the usual English ones if the language is English,
            and nothing otherwise.

    Raises:
        ConfigError: if there is no stemmer for the language.
        InvalidTypeError: if ``stopwords`` is a string or holds other than strings.
    """

    def __init__(
        self, language: str | None = "english", *, stopwords: Iterable[str] | None = None
    ) -> None:
        if language is not None and language not in Stemmer.algorithms():
            raise ConfigError(
                f"language is {language!r}: expected None or one of "
                f"{', '.join(sorted(Stemmer.algorithms()))}"
            )
        self.language = language
        self.stopwords = _require_words(stopwords) if stopwords is not None else _usual(language)
        self._stemmer = Stemmer.Stemmer(language) if language is not None else None
        self._lock = Lock()

    def words(self, text: str) -> list[str]:
        """Return the words of a text, with stop words and before stemming."""
        found: list[str] = _word().findall(_normalized(text))
        return found

    def places(self, text: str) -> list[tuple[str, int, int]]:
        """Return the words of a text, each with its first character and the one after its last.

        Where Unicode's NFKC form moves the border of a word, as in ``½``, the place is that of the
        run of characters that the word comes from.
        """
        return [
            (word, run.start(), run.end())
            for run in _word().finditer(text)
            for word in self.words(run.group())
        ]

    def stem(self, word: str) -> str | None:
        """Return the stem of a word of ``words``; None if it is a stop word."""
        if word in self.stopwords:
            return None
        if self._stemmer is None:
            return word
        with self._lock:  # a Snowball stemmer is not thread-safe
            stem: str = self._stemmer.stemWord(word)
        return stem


def _normalized(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Lower case can undo the composition, as in "İ".
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())


@cache
def _word() -> re.Pattern[str]:
    """Match letters and digits, and marks after them, which a plain word class would cut off."""
    # Within the basic plane a character class is a bitmap; beyond it, matching is ten times slower.
    marks = "".join(
        chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) in ("Mn", "Mc")
    )
    return re.compile(rf"[^\W_]+(?:[{marks}]+[^\W_]*)*")


def _usual(language: str | None) -> frozenset[str]:
    return ENGLISH if language in ("english", "porter") else frozenset()


def _require_words(words: Iterable[str]) -> frozenset[str]:
    if isinstance(words, str | bytes):
        raise InvalidTypeError(
            f"stopwords is {words!r}: expected a list of words, such as ['the', 'of']"
        )
    listed = list(words)
    for word in listed:
        if not isinstance(word, str):
            raise InvalidTypeError(f"a stop word is {word!r}: expected strings")
    return frozenset(_normalized(word) for word in listed)
