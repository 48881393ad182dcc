"""What the embedded adapter owes its users beyond the contract."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import models

from splade_sdk.config import Fingerprint
from splade_sdk.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    ConfigError,
    EngineClosedError,
    EngineError,
    IndexDamagedError,
    IndexLockedError,
    RequestRejectedError,
)
from splade_sdk.qdrant.base import Point, SearchRequest
from splade_sdk.qdrant.ids import point_id
from splade_sdk.types import SparseVector
from tests.unit.qdrant.points import point, query

module = pytest.importorskip("splade_sdk.qdrant.embedded")

Opener = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path, fingerprint: Fingerprint) -> Opener:
    def opened(name: str = "docs", **kw: Any) -> Any:
        return module.EmbeddedCollection.open(tmp_path, name=name, fingerprint=fingerprint, **kw)

    return opened


def snapshot(folder: Path) -> dict[str, int]:
    return {str(each.relative_to(folder)): each.stat().st_mtime_ns for each in folder.rglob("*")}


class TestLock:
    def test_a_second_object_is_told_of_the_first(self, opened: Opener) -> None:
        with opened():
            with pytest.raises(IndexLockedError, match=rf"another object.*\({os.getpid()}\)"):
                opened()
            opened("other").close()
        opened().close()

    def test_another_process_is_named(self, opened: Opener, tmp_path: Path) -> None:
        opened().close()
        processes = multiprocessing.get_context("forkserver")
        here, there = processes.Pipe()
        child = processes.Process(target=hold, args=(tmp_path / ".docs.lock", there))
        child.start()
        assert here.recv() == "locked"
        with pytest.raises(
            IndexLockedError, match=rf"in use by process {child.pid}.*Qdrant server"
        ):
            opened()
        here.send("let go")
        child.join()
        opened().close()

    def test_a_failed_opening_lets_go(self, opened: Opener, tmp_path: Path) -> None:
        opened().close()
        shutil.move(tmp_path / "docs/shard/wal", tmp_path / "wal")
        with pytest.raises(IndexDamagedError):
            opened()
        shutil.move(tmp_path / "wal", tmp_path / "docs/shard/wal")
        opened().close()


def hold(path: Path, told: Any) -> None:
    """Run in a child: hold the lock as an open collection does."""
    from splade_sdk.qdrant.folder import CollectionFolder

    folder = CollectionFolder(path.parent, "docs")
    folder.lock()
    told.send("locked")
    told.recv()
    folder.unlock()


class TestFork:
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
    @pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
    def test_a_child_is_told_and_does_no_harm(self, opened: Opener) -> None:
        with opened() as collection:
            collection.upsert([point("a")])
            read, write = os.pipe()
            child = os.fork()
            if child == 0:  # pragma: no cover - another process
                try:
                    collection.search(query())
                    told = "no error"
                except EngineError as error:
                    told = str(error)
                collection.close()
                os.write(write, told.encode())
                os._exit(0)
            os.close(write)
            with os.fdopen(read) as pipe:
                assert "does not survive fork()" in pipe.read()
            os.waitpid(child, 0)
            assert collection.count() == 1
            with pytest.raises(IndexLockedError):
                opened()

    def test_it_is_not_pickled(self, opened: Opener) -> None:
        with opened() as collection, pytest.raises(TypeError, match="open it where it is used"):
            pickle.dumps(collection)


class TestFolders:
    def test_opening_without_creating_leaves_no_trace(self, opened: Opener, tmp_path: Path) -> None:
        with pytest.raises(CollectionNotFoundError, match=r"no collection 'docs' in .*upsert"):
            opened(create=False)
        assert snapshot(tmp_path) == {}

    @pytest.mark.parametrize(
        ("file", "told"),
        [
            ("meta.json", "qdrant-client's local mode"),
            ("edge_config.json", "qdrant-edge itself"),
            ("raft_state.json", "a Qdrant server"),
        ],
    )
    def test_a_foreign_index_is_left_alone(
        self, opened: Opener, tmp_path: Path, file: str, told: str
    ) -> None:
        (tmp_path / file).write_text("{}")
        before = snapshot(tmp_path)
        with pytest.raises(CollectionMismatchError, match=f"made by {told}, not by"):
            opened()
        assert snapshot(tmp_path) == before

    def test_a_folder_of_something_else_is_left_alone(self, opened: Opener, tmp_path: Path) -> None:
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs/thesis.txt").write_text("precious")
        before = snapshot(tmp_path)
        with pytest.raises(IndexDamagedError, match=r"has no contract\.json: it was not made by"):
            opened()
        assert snapshot(tmp_path) == before

    def test_another_version_of_the_engine_is_refused(self, opened: Opener, tmp_path: Path) -> None:
        opened().close()
        contract = tmp_path / "docs/contract.json"
        contract.write_text(contract.read_text().replace("qdrant-edge 0.", "qdrant-edge 99."))
        before = snapshot(tmp_path)
        with pytest.raises(CollectionMismatchError, match=r"written by qdrant-edge 99\.\d+, but"):
            opened()
        assert snapshot(tmp_path) == before

    def test_a_path_that_is_a_file(self, opened: Opener, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(ConfigError, match="is a file"):
            module.EmbeddedCollection.open(
                tmp_path / "file", name="docs", fingerprint=opened().contract.fingerprint
            )

    def test_a_creation_cut_short_is_done_again(self, opened: Opener, tmp_path: Path) -> None:
        (tmp_path / ".docs.new/shard").mkdir(parents=True)
        (tmp_path / ".docs.new/shard/half").write_text("x")
        with opened() as collection:
            collection.upsert([point("a")])
        assert not (tmp_path / ".docs.new").exists()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda home: (home / "contract.json").write_text("{"),
            lambda home: (home / "contract.json").unlink(),
            lambda home: shutil.rmtree(home / "shard"),
            lambda home: shutil.rmtree(home / "shard/segments"),
            lambda home: shutil.rmtree(home / "shard/wal"),
            lambda home: [e.write_text("x") for e in home.glob("shard/segments/*/segment.json")],
            lambda home: [e.unlink() for e in home.glob("shard/segments/*/*_storage/page_0.dat")],
            lambda home: (home / "shard/edge_config.json").write_text("x"),
            lambda home: [shutil.rmtree(e) for e in home.glob("shard/segments/*/payload_storage")],
            lambda home: [shutil.rmtree(e) for e in home.glob("shard/segments/*/vector_storage-*")],
            lambda home: [shutil.rmtree(e) for e in home.glob("shard/segments/*/*/deleted")],
            lambda home: [e.unlink() for e in home.glob("shard/segments/*/*.mappings")],
            lambda home: [e.write_text("{}") for e in home.glob("shard/segments/*/segment.json")],
        ],
    )
    def test_damage_is_told(self, opened: Opener, tmp_path: Path, damage: Any) -> None:
        with opened() as collection:
            collection.upsert([point("a")])
        damage(tmp_path / "docs")
        with pytest.raises(IndexDamagedError, match="backup"):
            opened()

    def test_the_temporary_one_is_removed(self, fingerprint: Fingerprint) -> None:
        collection = module.EmbeddedCollection.temporary(fingerprint=fingerprint)
        folder = collection._folder.root
        assert folder.exists()
        collection.close()
        assert not folder.exists()

    def test_what_a_killed_process_left_is_removed(
        self, fingerprint: Fingerprint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def make() -> Any:
            return module.EmbeddedCollection.temporary(fingerprint=fingerprint)

        def age(folder: Path) -> None:
            os.utime(folder / ".temporary.lock", (0, 0))

        foreign = tmp_path / "splade-sdk-mine"
        foreign.mkdir()
        killed = multiprocessing.get_context("forkserver").Process(
            target=make_and_die, args=(tmp_path, fingerprint)
        )
        killed.start()
        killed.join()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        [left] = set(tmp_path.iterdir()) - {foreign}
        with make() as alive:
            age(alive._folder.root)
            assert left.exists()  # too young to be sure
            age(left)
            with make() as another:
                kept = {foreign, alive._folder.root, another._folder.root}
                assert set(tmp_path.iterdir()) == kept
                alive.upsert([point("a")])
        assert set(tmp_path.iterdir()) == {foreign}

    def test_a_forgotten_one_is_removed_and_lets_go(
        self, opened: Opener, fingerprint: Fingerprint
    ) -> None:
        collection = module.EmbeddedCollection.temporary(fingerprint=fingerprint)
        folder = collection._folder.root
        del collection
        assert not folder.exists()
        kept = opened()
        kept.upsert([point("a")])
        del kept
        with opened() as again:
            assert again.count() == 1


def make_and_die(temporary: Path, fingerprint: Fingerprint) -> None:
    """Run in a child: make a temporary collection, and end without a word."""
    tempfile.tempdir = str(temporary)
    kept = module.EmbeddedCollection.temporary(fingerprint=fingerprint)
    assert kept.count() == 0
    os._exit(0)


class FakeShard:
    """Stands in for the engine and raises what it is told to."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def count(self, _: Any) -> int:
        raise self.error

    def close(self) -> None: ...
    def flush(self) -> None: ...


PanicException = type("PanicException", (BaseException,), {})


class TestErrors:
    @pytest.mark.parametrize(
        ("raised", "ours", "told"),
        [
            (Exception("Service runtime error: x"), EngineError, "cannot count points: Service"),
            (ValueError("bad"), RequestRejectedError, "refused the request: bad"),
            (OverflowError("big"), RequestRejectedError, "big"),
            (PanicException("index out of bounds"), EngineError, "panicked.*index out of bounds"),
            (KeyboardInterrupt("stop"), KeyboardInterrupt, "^stop$"),
        ],
    )
    def test_what_becomes_of_it(
        self, opened: Opener, raised: BaseException, ours: Any, told: str
    ) -> None:
        with opened() as collection:
            shard, collection._shard = collection._shard, FakeShard(raised)
            with pytest.raises(ours, match=told):
                collection.count()
            collection._shard = shard
            assert collection.count() == 0

    def test_a_batch_with_a_bad_point_stores_nothing(self, opened: Opener) -> None:
        with opened() as collection:
            bad = Point("no uuid", point("b").vector, {})
            with pytest.raises(RequestRejectedError, match="no uuid"):
                collection.upsert([point("a"), bad])
            assert collection.count() == 0


class Counting:
    """Passes everything to the shard and counts flushes and rebuilds."""

    def __init__(self, shard: Any) -> None:
        self.shard = shard
        self.flushes = self.rebuilds = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.shard, name)

    def flush(self) -> None:
        self.flushes += 1
        self.shard.flush()

    def optimize(self) -> bool:
        self.rebuilds += 1
        return bool(self.shard.optimize())


class TestPolicy:
    @pytest.fixture
    def counted(self, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(module, "_FLUSH_EVERY", 100)
        monkeypatch.setattr(module, "_DEAD_FLOOR", 50)
        with opened() as collection:
            collection._shard = Counting(collection._shard)
            yield collection

    def test_it_flushes_every_so_many_points(self, counted: Any) -> None:
        for start in range(0, 250, 50):
            counted.upsert([point(f"d{n}") for n in range(start, start + 50)])
        assert (counted._shard.flushes, counted._shard.rebuilds) == (2, 0)

    def test_it_cleans_out_the_dead_when_they_outnumber_the_living(self, counted: Any) -> None:
        counted.upsert([point(f"d{n}") for n in range(90)])
        counted.delete([point(f"d{n}").id for n in range(44)])
        assert counted._shard.rebuilds == 0
        counted.delete([point(f"d{n}").id for n in range(44, 60)])
        assert counted._shard.rebuilds == 1
        assert counted.count() == 30


def test_twins_tie_across_segments(tmp_path: Path, fingerprint: Fingerprint) -> None:
    # Enough points that a rebuild moves them to a segment of its own, where the engine adds up
    # in another order: without settling, about one query in ten tells twins apart.
    dimensions, terms = 4096, 120
    chance = np.random.default_rng(0)

    def some(count: int) -> SparseVector:
        indices = np.sort(chance.choice(dimensions, count, replace=False))
        return SparseVector(indices, chance.random(count) + 0.01, dimensions)

    twins = [some(terms) for _ in range(50)]
    queries = [some(400) for _ in range(20)]
    only_twins = models.Filter(must=[models.FieldCondition(key="t", is_empty=False)])
    with module.EmbeddedCollection.open(
        tmp_path, name="docs", fingerprint=fingerprint.model_copy(update={"dimensions": dimensions})
    ) as collection:
        collection.upsert([Point(point_id(f"n{n}"), some(terms), {}) for n in range(11_000)])
        collection.upsert([Point(point_id(f"a{n}"), v, {"t": n}) for n, v in enumerate(twins)])
        collection.optimize()
        collection.upsert([Point(point_id(f"b{n}"), v, {"t": n}) for n, v in enumerate(twins)])
        for vector in queries:
            scores: dict[int, set[float]] = {}
            for hit in collection.search(SearchRequest(vector, limit=200, filter=only_twins)):
                scores.setdefault(hit.payload["t"], set()).add(hit.score)
            assert len(scores) == len(twins)
            assert all(len(each) == 1 for each in scores.values())


def test_threads_share_it(opened: Opener) -> None:
    errors: list[BaseException] = []

    def work(at: int) -> None:
        try:
            for n in range(20):
                collection.upsert([point(f"{at}-{n}", {at + 1: 1.0})])
                assert len(collection.search(query({at + 1: 1.0}, limit=100))) == n + 1
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    with opened() as collection:
        threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert collection.count() == 80
    with pytest.raises(EngineClosedError):
        collection.count()
