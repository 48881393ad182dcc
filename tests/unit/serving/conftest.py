"""A real server on a free port, and small models to serve."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, ClassVar

import httpx
import numpy as np
import pytest

from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.types import HybridBatch, SparseBatch, SparseVector, TermActivation
from splade_sdk.types.activation import Place
from tests.serving import running_server
from tests.unit.fakes import WordEncoder

Serve = Callable[..., httpx.Client]


class Terms(WordEncoder):
    """Words whose names are known, and terms that the model adds to both sides."""

    synonyms: ClassVar = {"doctor": "physician", "physician": "doctor", "sleeping": "##ing"}

    def __init__(self) -> None:
        super().__init__("terms")
        self._names: dict[int, str] = {}

    def _id(self, word: str) -> int:
        index = zlib.crc32(word.encode()) % self.dimensions
        self._names[index] = word
        return index

    def _encode(self, text: str) -> SparseVector:
        weights: dict[int, float] = {}
        for word in text.lower().replace(",", " ").split():
            weights[self._id(word)] = weights.get(self._id(word), 0.0) + 1.0
            if word in self.synonyms:
                weights.setdefault(self._id(self.synonyms[word]), 0.5)
        return SparseVector.from_dict(weights, self.dimensions)

    def literal_terms(self, text: str) -> set[int]:
        return {self._id(word) for word in text.lower().replace(",", " ").split()}

    def activations(self, text: str, *, query: bool = False) -> list[TermActivation]:
        """Return each term with the words it comes from: itself, or that whose synonym it is."""
        vector, literal = self._encode(text), self.literal_terms(text)
        sources: dict[int, list[Place]] = {index: [] for index in vector.indices.tolist()}
        for found in re.finditer(r"[^\s,]+", text):
            word, place = found.group().lower(), Place(*found.span(), *found.span())
            sources[self._id(word)].append(place)
            if (synonym := self.synonyms.get(word)) and self._id(synonym) not in literal:
                sources[self._id(synonym)].append(place)
        made = [
            TermActivation(index, self._names[index], weight, index in literal, (*sources[index],))
            for index, weight in vector.to_dict().items()
        ]
        return sorted(made, key=lambda each: (-each.weight, each.index))

    def decode(self, vector: SparseVector, top_k: int | None = None) -> list[tuple[str, float]]:
        ordered = sorted(vector.to_dict().items(), key=lambda item: (-item[1], item[0]))
        return [(self._names[index], weight) for index, weight in ordered[:top_k]]


class Dense(WordEncoder):
    """Words, and a dense vector that tells the length of the text and its side."""

    @property
    def dense_dimensions(self) -> int:
        return 2

    def encode_hybrid(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> HybridBatch:
        first = float(side == "query")
        rows = np.array([[first, float(len(text))] for text in texts], dtype=np.float32)
        return HybridBatch(self.encode_texts(texts, side=side, options=options), rows)


class Gated(WordEncoder):
    """Encodes nothing until the gate opens; a text "poison" breaks its batch."""

    def __init__(self) -> None:
        super().__init__("gated")
        self.gate = threading.Event()
        self.begun = threading.Event()

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        self.begun.set()
        assert self.gate.wait(30)
        if "poison" in texts:
            self.calls.append(list(texts))
            raise RuntimeError("broken by the text")
        return super().encode_texts(texts, side=side, options=options)


@pytest.fixture
def gated() -> Iterator[Gated]:
    encoder = Gated()
    yield encoder
    encoder.gate.set()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Run the service of an encoder under uvicorn, and give a client of it."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    from splade_sdk.serving import ServiceSettings, create_app

    with ExitStack() as stack:

        def start(encoder: Any, retriever: Any = None, **settings: Any) -> httpx.Client:
            app = create_app(encoder, retriever, ServiceSettings(**settings))
            url, server = stack.enter_context(running_server(app))
            headers = {"Content-Type": "application/json"}  # for bodies that are sent raw
            client = stack.enter_context(httpx.Client(base_url=url, timeout=30, headers=headers))
            client.server = server  # type: ignore[attr-defined]
            return client

        yield start


def vector_of(row: list[dict[str, float]], dimensions: int) -> SparseVector:
    return SparseVector.from_dict({int(e["index"]): e["value"] for e in row}, dimensions)


def batch_of(rows: list[list[dict[str, float]]], dimensions: int) -> SparseBatch:
    return SparseBatch.from_vectors([vector_of(row, dimensions) for row in rows], dimensions)
