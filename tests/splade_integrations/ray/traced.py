"""An encoder that leaves traces in a folder of what it did in which process, and may die."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.types import SparseBatch
from tests.unit.fakes import WordEncoder

__all__ = ["TracedEncoder", "encoded", "workers"]


class TracedEncoder(WordEncoder):
    """Notes each text; dies of those that contain ``deadly``, ``deaths`` times in all processes."""

    def __init__(
        self, folder: Path, name: str = "words", *, deadly: str = "\0", deaths: int = 0
    ) -> None:
        super().__init__(name)
        self._folder = folder
        self._deadly = deadly
        self._deaths = deaths

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        with (self._folder / f"{os.getpid()}.texts").open("a") as file:
            file.writelines(f"{text}\n" for text in texts)
        if any(self._deadly in text for text in texts) and self._may_die():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_texts(texts, side=side, options=options)

    def _may_die(self) -> bool:
        for number in range(self._deaths):
            try:
                (self._folder / f"{number}.death").touch(exist_ok=False)
            except FileExistsError:
                continue
            return True
        return False


def encoded(folder: Path) -> Counter[str]:
    """How often each text was encoded, by all workers."""
    return Counter(
        line for file in folder.glob("*.texts") for line in file.read_text().splitlines()
    )


def workers(folder: Path) -> int:
    """The number of processes that encoded."""
    return len(list(folder.glob("*.texts")))
