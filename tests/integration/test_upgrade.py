"""A collection that gets its dense vectors later is like one that had them from the start."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_sdk import CollectionSettings, DenseSettings, Document, Retriever, UpgradeReport
from splade_sdk.errors import (
    CollectionMismatchError,
    ConfigError,
    EngineError,
)
from splade_sdk.qdrant.payload import CONTENT_HASH
from tests.contracts.fake_server import FakeServer, Fault
from tests.unit.fakes import HybridEncoder, LetterEncoder, WordEncoder

Place = Callable[[str], dict[str, Any]]


@pytest.fixture(params=["embedded", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a collection of a name lies, as arguments of Retriever."""
    if request.param == "embedded":
        yield lambda name: {"path": tmp_path, "collection": name}
        return
    server = FakeServer()
    yield lambda name: {"url": server.url, "collection": name}
    server.close()


def documents(count: int = 50) -> list[Document]:
    texts = [f"word{n} tail {'aeio'[n % 4] * n}" for n in range(count)]
    made = [Document(f"d{n:03}", text, {"n": n}) for n, text in enumerate(texts)]
    ready = WordEncoder()._encode("made elsewhere")
    return [*made, Document("blank", " ", {"n": -1}), Document("ready", "an aeon", vector=ready)]


def sparse(where: dict[str, Any]) -> Retriever:
    return Retriever(encoder=WordEncoder(), dense_encoder=False, **where)


def hybrid(where: dict[str, Any], **given: Any) -> Retriever:
    return Retriever(encoder=WordEncoder(), dense_encoder=LetterEncoder(), **where, **given)


class Content:
    """All that is stored, hashes included; equal where dense vectors differ by rounding only."""

    def __init__(self, retriever: Retriever) -> None:
        records, rest = retriever._connection.open().scroll(limit=1_000_000, with_vectors=True)
        assert rest is None
        self.rest = [(each.payload, each.vector, each.dense is None) for each in records]
        self.dense = np.array([each.dense for each in records if each.dense is not None])

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Content)
        return self.rest == other.rest and np.allclose(self.dense, other.dense, atol=1e-6, rtol=0)

    __hash__ = None  # type: ignore[assignment]


def test_it_ends_like_one_that_was_hybrid_from_the_start(place: Place) -> None:
    with sparse(place("later")) as retriever:
        retriever.upsert(documents())
    with hybrid(place("later")) as retriever:
        report = retriever.upgrade_to_hybrid(batch_size=7)
        assert (report.upgraded, report.blank) == (51, 1)
        hits = retriever.search("word7 eee", limit=5)
        assert {leg for hit in hits for leg in hit.legs} == {"sparse", "dense"}
        assert retriever.upgrade_to_hybrid() == UpgradeReport()  # there is nothing to do
        again = retriever.upsert(documents())
        assert (again.stored, again.skipped) == (0, 52)
        later = Content(retriever)
    with hybrid(place("start")) as retriever:
        retriever.upsert(documents())
        assert Content(retriever) == later
        assert [hit.id for hit in retriever.search("word7 eee", limit=5)] == [
            hit.id for hit in hits
        ]
    with hybrid(place("later")) as retriever:  # opened again
        assert Content(retriever) == later
        assert [hit.id for hit in retriever.search("word7 eee", limit=5)] == [
            hit.id for hit in hits
        ]


def test_the_dense_head_of_the_model_will_do(place: Place) -> None:
    with sparse(place("later")) as retriever:
        retriever.upsert(documents())
    with Retriever(encoder=HybridEncoder(), **place("later")) as retriever:
        assert retriever.upgrade_to_hybrid().upgraded == 51
        assert retriever.search("word7", mode="dense", limit=1)


def test_the_layout_of_the_dense_vectors_can_be_chosen(tmp_path: Path) -> None:
    where = {"path": tmp_path}
    with sparse(where) as retriever:
        retriever.upsert(documents())
    layout = CollectionSettings(dense=DenseSettings(name="meaning", distance="dot"))
    with hybrid(where, settings=layout) as retriever:
        retriever.upgrade_to_hybrid()
        dense = retriever.get("d003", with_vectors=True).dense
        assert dense is not None
        np.testing.assert_array_equal(dense, [1, 0, 1, 4])  # "word3 tail ooo", not of length 1


def test_it_goes_on_where_an_error_ended_it() -> None:
    server = FakeServer()
    where = {"url": server.url, "retry": None}
    with sparse(where) as retriever:
        retriever.upsert(documents())
    away = Fault(503, "{}")
    server.plan = lambda method, path, body: (
        away if method == "PUT" and b"word30" in body and "points" in path else None
    )
    with hybrid(where) as retriever, pytest.raises(EngineError, match="cannot store points"):
        retriever.upgrade_to_hybrid(batch_size=10)
    server.plan = lambda *_: None
    with sparse(where) as retriever:  # in use as it was before
        assert retriever.search("word7")[0].id == "d007"
        assert retriever.upsert(documents()).stored in (10, 20, 30, 40)  # what had come so far
    with hybrid(where) as retriever:
        report = retriever.upgrade_to_hybrid(batch_size=10)
        assert report.upgraded == 51  # those too that the upsert had replaced
        upgraded = Content(retriever)
    with hybrid({**where, "collection": "start"}) as retriever:
        retriever.upsert(documents())
        assert Content(retriever) == upgraded
    server.close()


def test_what_changes_meanwhile_is_not_overwritten() -> None:
    class Meddling(LetterEncoder):
        """Changes and deletes documents while it encodes them."""

        def encode(self, texts: list[str]) -> Any:
            if any("word5 " in text for text in texts):
                other.upsert([Document("d005", "another text eee")])
                other.delete("d006")
            return super().encode(texts)

    server = FakeServer()
    where: dict[str, Any] = {"url": server.url, "retry": None}
    other = sparse(where)
    other.upsert(documents())
    with Retriever(encoder=WordEncoder(), dense_encoder=Meddling(), **where) as retriever:
        retriever.upgrade_to_hybrid(batch_size=10)
        changed = retriever.get("d005", with_vectors=True)
        assert changed is not None
        assert changed.text == "another text eee"
        assert changed.dense is not None
        assert retriever.get("d006") is None
    other.close()
    server.close()


def test_without_a_dense_encoder(place: Place) -> None:
    with sparse(place("documents")) as retriever:
        retriever.upsert(documents(3))
        with pytest.raises(ConfigError, match="give the retriever a dense_encoder"):
            retriever.upgrade_to_hybrid()


def test_a_hybrid_retriever_of_a_sparse_collection_says_what_to_do(place: Place) -> None:
    with sparse(place("documents")) as retriever:
        retriever.upsert(documents(3))
    asked = hybrid(place("documents"))
    with asked, pytest.raises(CollectionMismatchError, match=r"call upgrade_to_hybrid\(\)"):
        asked.search("word1")


def test_another_dense_model_cannot_go_on(place: Place) -> None:
    class Other(LetterEncoder):
        def encode(self, texts: list[str]) -> Any:
            return 1 - super().encode(texts)

    class Failing(LetterEncoder):
        def encode(self, texts: list[str]) -> Any:
            if any("word2 " in text for text in texts):
                raise RuntimeError("out of memory")
            return super().encode(texts)

    with sparse(place("documents")) as retriever:
        retriever.upsert(documents(3))
    broken = Retriever(encoder=WordEncoder(), dense_encoder=Failing(), **place("documents"))
    with broken, pytest.raises(RuntimeError, match="out of memory"):
        broken.upgrade_to_hybrid()
    other = Retriever(encoder=WordEncoder(), dense_encoder=Other(), **place("documents"))
    with other, pytest.raises(CollectionMismatchError, match="the upgrade that is under way"):
        other.upgrade_to_hybrid()
    with hybrid(place("documents")) as retriever:
        assert retriever.upgrade_to_hybrid().upgraded == 4


def test_local_mode_is_refused_and_unchanged(tmp_path: Path) -> None:
    from splade_sdk.encoders.dense import ExternalDense
    from splade_sdk.qdrant.address import Address
    from splade_sdk.qdrant.server import ServerCollection
    from splade_sdk.retrieval.encoding import EncoderPair
    from splade_sdk.retrieval.ingest.upgrade import upgrade_to_hybrid

    encoding = EncoderPair(WordEncoder(), ExternalDense(LetterEncoder()))
    with ServerCollection.open(
        Address(path=tmp_path, collection="local"), fingerprint=encoding.encoder.fingerprint
    ) as collection:
        before = collection.contract
        with pytest.raises(EngineError, match="local mode cannot add vectors"):
            upgrade_to_hybrid(collection, encoding, DenseSettings(), batch_size=8)
        assert collection.contract == before


KILLS = 5


class Slow(LetterEncoder):
    def encode(self, texts: list[str]) -> Any:
        time.sleep(0.005)
        return super().encode(texts)


def run(path: Path, begun: Event) -> None:
    """Run in the child: one upgrade, from wherever the one before came to."""
    with Retriever(path=path, encoder=WordEncoder(), dense_encoder=Slow()) as retriever:
        begun.set()
        retriever.upgrade_to_hybrid(batch_size=8, show_progress_bar=False)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill -9")
def test_a_killed_upgrade_run_again_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    given = documents(1_500)
    for name in ("killed", "whole"):
        with sparse({"path": tmp_path / name}) as retriever:
            retriever.upsert(given)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["splade_sdk.qdrant.embedded", "tests.unit.fakes"])
    chance = random.Random()
    killed = 0
    for _ in range(KILLS):
        begun = processes.Event()
        child = processes.Process(target=run, args=(tmp_path / "killed", begun))
        child.start()
        assert begun.wait(30)
        child.join(chance.uniform(0.02, 0.4))
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
        child.close()
    assert killed > KILLS // 2, "the upgrade was too fast to be killed"
    ended = {}
    for name in ("killed", "whole"):
        with hybrid({"path": tmp_path / name}) as retriever:
            retriever.upgrade_to_hybrid(batch_size=64)
            ended[name] = Content(retriever), retriever.search("word77 eee", limit=20)
    assert ended["killed"] == ended["whole"]
    hashes = {payload[CONTENT_HASH] for payload, _, _ in ended["whole"][0].rest}
    assert len(hashes) == len(given)


def test_an_engine_that_does_not_keep_vectors_is_told() -> None:
    server = FakeServer()
    where: dict[str, Any] = {"url": server.url, "retry": None}
    with sparse(where) as retriever:
        retriever.upsert(documents())
    taken = Fault(200, '{"result": {"operation_id": 0, "status": "completed"}, "status": "ok"}')
    server.plan = lambda method, path, body: (
        taken if method == "PUT" and "/points?" in path else None
    )
    with hybrid(where) as retriever, pytest.raises(EngineError, match="does not keep them"):
        retriever.upgrade_to_hybrid(batch_size=10)
    server.close()
