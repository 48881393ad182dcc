"""Text to stemmed words and their term ids, for encoders without a model."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from threading import Lock

import Stemmer

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.types.arrays import MAX_DIMENSIONS

__all__ = ["ENGLISH_STOPWORDS", "Analyzer", "TermIds"]

# https://snowballstem.org/algorithms/english/stop.txt (BSD licence), and the pieces that its
# contractions fall into.
ENGLISH_STOPWORDS = frozenset(
    """
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself
    she her hers herself it its itself they them their theirs themselves
    what which who whom this that these those
    am is are was were be been being have has had having do does did doing
    would should could ought
    a an the and but if or because as until while of at by for with about against between into
    through during before after above below to from up down in out on off over under
    again further then once here there when where why how all any both each few more most other
    some such no nor not only own same so than too very
    s t d ll m re ve isn aren wasn weren hasn haven hadn doesn don didn won wouldn shan shouldn
    can cannot couldn mustn let
    """.split()  # noqa: SIM905 - a list literal of 180 strings cannot be read
)

# Words remembered at a time (about 200 MB); a stream of documents has no end of new ones.
_REMEMBERED = 1_000_000


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

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """Return (word, start, end) of each word of a text, before stemming.

        Where Unicode's NFKC form moves the border of a word, as in ``½``, start and end are those
        of the run of characters that the word comes from.
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
    return ENGLISH_STOPWORDS if language in ("english", "porter") else frozenset()


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


class TermIds:
    """The term ids of texts.

    A term's id is the first 8 bytes of its stem's BLAKE2b hash, modulo the size of the space: the
    same in every process and release. Of n distinct terms, n**2 / 2**32 pairs share an id: 0.6
    pairs at n = 50,000.

    Args:
        analyzer: Finds the terms.
        remembered: Words kept at most, with their ids; when full, all are forgotten.
    """

    def __init__(self, analyzer: Analyzer, *, remembered: int = _REMEMBERED) -> None:
        self.analyzer = analyzer
        self._words = _Words(self)
        self._stems: dict[int, str] = {}
        self._remembered = remembered

    def of(self, text: str) -> list[int]:
        """Return the id of each word that is not a stop word, in order."""
        look_up = self._words.__getitem__
        return [term for term in map(look_up, self.analyzer.words(text)) if term >= 0]

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) of each word that is not a stop word, in order."""
        found = self.analyzer.spans(text)
        ids = [(self._words[word], start, end) for word, start, end in found]
        return [span for span in ids if span[0] >= 0]

    def stem_of(self, term: int) -> str:
        """Return the stem of an id, or ``#id`` if no word with it is remembered."""
        return self._stems.get(term, f"#{term}")

    def _learn(self, word: str) -> int:
        """Return and remember the id of a new word; -1 for a stop word."""
        stem = self.analyzer.stem(word)
        if len(self._words) >= self._remembered:
            self._words.clear()
            self._stems.clear()
        term = -1
        if stem is not None:
            digest = hashlib.blake2b(stem.encode(), digest_size=8).digest()
            term = int.from_bytes(digest, "big") % MAX_DIMENSIONS
            self._stems[term] = stem
        self._words[word] = term
        return term


class _Words(dict[str, int]):
    """A cache that fills itself: a hit costs no call of Python code."""

    def __init__(self, terms: TermIds) -> None:
        super().__init__()
        self._terms = terms

    def __missing__(self, word: str) -> int:
        return self._terms._learn(word)
