"""Keeps what was computed for the texts seen last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from splade_sdk.errors import ConfigError

__all__ = ["TextCache"]

T = TypeVar("T")


class TextCache(Generic[T]):
    """A value for each text; the texts asked for longest ago are forgotten first.

    Args:
        compute: Returns the values of texts that are not in the cache, in order.
        max_texts: Values kept at most.

    Raises:
        ConfigError: if ``max_texts`` is negative.
    """

    def __init__(self, compute: Callable[[list[str]], Iterable[T]], max_texts: int) -> None:
        if max_texts < 0:
            raise ConfigError(f"max_texts is {max_texts}: expected at least 0")
        self._compute = compute
        self._max_texts = max_texts
        self._values: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of values kept."""
        return len(self._values)

    def get(self, texts: Sequence[str]) -> list[T]:
        """Return the values of texts, each computed at most once."""
        found = {text: self._values[text] for text in texts if text in self._values}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            found.update(zip(missing, self._compute(missing), strict=True))
        for text in dict.fromkeys(texts):
            self._values[text] = found[text]
            self._values.move_to_end(text)
        while len(self._values) > self._max_texts:
            self._values.popitem(last=False)
        return [found[text] for text in texts]
