"""Bugs that users of other integrations have reported, as tests over ours.

Each runs over LangChain, Haystack and LlamaIndex, on the embedded engine and over REST, and where
it can be both synchronously and asynchronously. The reports are named as repository#number; hci is
deepset-ai/haystack-core-integrations.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.errors import EngineError
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import RRF, Weighted
from splade_sdk.types import Document, FailedBatch, IngestReport, SparseBatch
from tests.splade_integrations.conftest import MakeRetriever
from tests.splade_integrations.frameworks import FRAMEWORKS, Framework, Scored, in_turn
from tests.unit.fakes import LetterEncoder, WordEncoder

TEXTS = [f"word {n}" for n in range(60)]

Over = Callable[..., Framework]


@pytest.fixture(params=FRAMEWORKS, ids=lambda each: each.__name__)
def over(request: pytest.FixtureRequest, make_retriever: MakeRetriever) -> Over:
    """Make the framework's integration over encoders."""
    return lambda encoder=None, **given: request.param(make_retriever(encoder, **given))


@pytest.fixture
def retriever(make_retriever: MakeRetriever) -> Retriever:
    return make_retriever(WordEncoder(), dense_encoder=LetterEncoder())


@pytest.fixture(params=FRAMEWORKS, ids=lambda each: each.__name__)
def hybrid(request: pytest.FixtureRequest, retriever: Retriever) -> Framework:
    """The framework's integration over sparse and dense vectors."""
    made: Framework = request.param(retriever)
    return made


def texts(found: Scored) -> list[str]:
    return [text for text, _ in found]


def test_a_hybrid_search_returns_as_many_as_asked_for(hybrid: Framework) -> None:
    """Haystack's hybrid retriever leaves the depth unset, and never returns more than 20."""
    hybrid.add(TEXTS)
    for limit in (50, 21, 1):
        for found in in_turn(hybrid, "word 7", limit):
            assert len(found) == limit


def test_a_hybrid_search_looks_deeper_than_it_returns(hybrid: Framework) -> None:
    """LangChain's store fetches k hits a leg, so that the best of both may be in neither."""
    sparse_first, both, dense_first = "f f f f a", "f f e a", "ee"
    hybrid.add([sparse_first, both, dense_first, "ea a", "ea aa"])
    # Words "f" and "e": 4, 3, and none. Letters, cosine to one e: 0 (the fifth), 1 / √2, 1; then
    # 1 / √5 and 1 / √10.
    assert texts(hybrid.search("f e", 9, mode="sparse")) == [sparse_first, both]
    assert texts(hybrid.search("f e", 2, mode="dense")) == [dense_first, both]
    for found in in_turn(hybrid, "f e", 1, mode="hybrid"):
        assert found == [(both, pytest.approx(2 / (60 + 2)))]  # > 1 / (60 + 1) + 1 / (60 + 5)


def test_a_weight_of_0_is_0(hybrid: Framework) -> None:
    """LlamaIndex's asynchronous search takes alpha 0 for none, and makes it 0.5."""
    # Words: "e" occurs twice, once and never. Letters: the cosines are 2 / √5, 1 / √10 and 1.
    twice, once, never = "e e x i", "o o o e", "eee"
    hybrid.add([twice, once, never])
    for fusion, wanted in (
        (Weighted(alpha=0), [twice, once]),
        (Weighted(alpha=1), [never, twice, once]),
        (RRF(dense_weight=0), [twice, once]),
        (RRF(sparse_weight=0), [never, twice, once]),
    ):
        for found in in_turn(hybrid, "e", 3, mode="hybrid", fusion=fusion):
            assert texts(found) == wanted


def test_the_k_of_rrf_is_what_was_asked_for(hybrid: Framework) -> None:
    """hci#3701, qdrant#5116: no way to set k; clients and engines count ranks differently."""
    hybrid.add(["e e", "o"])
    for k in (1, 60):
        for found in in_turn(hybrid, "e", 1, mode="hybrid", fusion=RRF(k=k)):
            assert found == [("e e", pytest.approx(2 / (k + 1)))]  # first in both legs


def test_a_threshold_holds(over: Over) -> None:
    """hci#1055: no score_threshold."""
    framework = over()
    framework.add(["word", "word word", "word word word"])
    assert framework.search("word", 9, threshold=2.0) == [("word word word", 3), ("word word", 2)]


def test_an_empty_text_does_not_break_a_batch(hybrid: Framework, retriever: Retriever) -> None:
    """qdrant-client#744: empty vectors; some dense models refuse empty texts."""
    hybrid.add(["word 1", "", "word 2", " \n"])
    assert retriever.count() == 4
    for found in in_turn(hybrid, "word", 9):
        assert sorted(texts(found)) == ["word 1", "word 2"]
    assert in_turn(hybrid, "", 9) == [[], []]


def test_texts_added_again_are_stored_once(hybrid: Framework, retriever: Retriever) -> None:
    """langflow#12641, langchain#3442: random ids store texts again each time."""
    for _ in range(2):
        hybrid.add(TEXTS[:5])
    assert retriever.count() == 5


def test_a_batch_that_could_not_be_stored_is_an_error(
    hybrid: Framework, retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama_index#16483: batches vanish."""

    def upsert(documents: Iterable[Document], **_: Any) -> IngestReport:
        ids = tuple(each.id for each in documents)
        return IngestReport(stored=1, failed=(FailedBatch(ids[1:], OSError("disk full")),))

    monkeypatch.setattr(retriever, "upsert", upsert)
    with pytest.raises(EngineError, match=r"2 of 3 documents.*disk full"):
        hybrid.add(TEXTS[:3])


def test_queries_are_encoded_as_queries(over: Over) -> None:
    """LlamaIndex's default sparse functions encode queries as documents."""

    class TwoSided(WordEncoder):
        def encode_texts(
            self, texts: list[str], *, side: SideName, options: EncodeOptions
        ) -> SparseBatch:
            made = super().encode_texts(texts, side=side, options=options)
            factor = 3 if side == "query" else 1
            return SparseBatch(made.indptr, made.indices, factor * made.values, made.dimensions)

    framework = over(TwoSided())
    framework.add(["word word"])
    assert in_turn(framework, "word", 1) == [[("word word", 3.0 * 2.0)]] * 2


def test_bm25_weighs_rare_words_more(over: Over) -> None:
    """llama_index#15538, langchain-qdrant: collections without the IDF that the vectors need."""
    framework = over(Bm25Encoder(b=0, stopwords=[]))
    framework.add([*TEXTS[:3], "word rare"])
    # "rare" is in 1 of 4 texts, "word" in all: idf = ln((n - df + 0.5) / (df + 0.5) + 1); each
    # occurs once, so that tf * (k1 + 1) / (tf + k1) is 1.
    rare, word = math.log(3.5 / 1.5 + 1), math.log(0.5 / 4.5 + 1)
    for found in in_turn(framework, "word rare", 1):
        assert found == [("word rare", pytest.approx(rare + word, rel=1e-4))]


def test_an_asynchronous_search_leaves_the_loop_alone(over: Over) -> None:
    """langchain#34812, llama_index#20002: "asynchronous" searches that block the event loop."""

    class Slow(WordEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.begun, self.may_end = threading.Event(), threading.Event()

        def encode_texts(
            self, texts: list[str], *, side: SideName, options: EncodeOptions
        ) -> SparseBatch:
            if side == "query":
                self.begun.set()
                assert self.may_end.wait(30)
            return super().encode_texts(texts, side=side, options=options)

    encoder = Slow()
    framework = over(encoder)
    framework.add(["word"])

    async def search() -> Scored:
        task = asyncio.create_task(framework.asearch("word", 1))
        while not encoder.begun.is_set():
            await asyncio.sleep(0.001)
        encoder.may_end.set()  # by the loop, which runs while the search does
        return await task

    assert texts(asyncio.run(search())) == ["word"]
