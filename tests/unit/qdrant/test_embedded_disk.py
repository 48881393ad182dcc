"""Where the embedded engine must not write: on a full disk, in a folder that is gone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from splade_sdk.config import CollectionSettings, Fingerprint
from splade_sdk.errors import DiskFullError, EngineError, IndexDamagedError
from tests.unit.qdrant.points import point, query

module = pytest.importorskip("splade_sdk.qdrant.embedded")
edge = pytest.importorskip("splade_sdk.qdrant.edge")

Opener = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path, fingerprint: Fingerprint) -> Opener:
    def opened(name: str = "docs", **kw: Any) -> Any:
        return module.EmbeddedCollection.open(tmp_path, name=name, fingerprint=fingerprint, **kw)

    return opened


class Usage(NamedTuple):
    free: int


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the disk have so many bytes free."""
    return lambda size: monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(size))


FULL = r"collection 'docs' in .* 3 MB free, and the engine needs 64 MB .* nothing was stored"


class TestFullDisk:
    def test_nothing_is_made(self, opened: Opener, free: Any, tmp_path: Path) -> None:
        free(3_000_000)
        with pytest.raises(DiskFullError, match=FULL):
            opened()
        assert [each.name for each in tmp_path.iterdir()] == [".docs.lock"]
        free(10**9)
        opened().close()  # the lock was let go

    def test_making_that_fails_half_way_leaves_nothing(
        self, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", fail)
            with pytest.raises(Exception, match=r"cannot be made: .*No space left"):
                opened()
        assert [each.name for each in tmp_path.iterdir()] == [".docs.lock"]
        opened().close()

    def test_nothing_is_opened(self, opened: Opener, free: Any) -> None:
        opened().close()
        free(3_000_000)
        with pytest.raises(DiskFullError, match=FULL):
            opened()

    def test_nothing_is_written_but_searches_go_on(self, opened: Opener, free: Any) -> None:
        with opened() as collection:
            collection.upsert([point("a")])
            free(3_000_000)
            for write in (
                lambda: collection.upsert([point("b")]),
                lambda: collection.delete([point("a").id]),
                lambda: collection.create_payload_index("metadata.year", "integer"),
                collection.optimize,
            ):
                with pytest.raises(DiskFullError, match="3 MB free"):
                    write()
            assert [hit.id for hit in collection.search(query())] == [point("a").id]
        with pytest.raises(DiskFullError):
            opened(settings=CollectionSettings(indexed_fields={"year": "integer"}))

    def test_a_batch_needs_room_for_itself_twice(self, opened: Opener, free: Any) -> None:
        # 64 MB, and 20 MB of text in the log and in the storage.
        with opened() as collection:
            big = point("a", text="x" * 20_000_000)
            free(103_000_000)
            with pytest.raises(DiskFullError, match="needs 104 MB"):
                collection.upsert([big])
            assert collection.count() == 0

    def test_cleaning_out_the_deleted_waits_for_room(
        self, opened: Opener, free: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_DEAD_FLOOR", 1)
        with opened() as collection:
            collection.upsert([point("a"), point("b")])
            free(64_000_000)
            collection.delete([point("a").id])
            assert collection.count() == 1

    def test_a_temporary_one_leaves_nothing(
        self, fingerprint: Fingerprint, free: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        free(0)
        with pytest.raises(DiskFullError):
            module.EmbeddedCollection.temporary(fingerprint=fingerprint)
        assert list(tmp_path.iterdir()) == []


class TestCloseOnAFullDisk:
    def test_the_folder_is_let_go(
        self, opened: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        collection = opened()
        collection.upsert([point("a")])
        shard = collection._shard

        class Full:
            def flush(self) -> None:
                raise Exception("No space left on device")

            def __getattr__(self, name: str) -> Any:
                return getattr(shard, name)

        collection._shard = Full()
        with pytest.raises(EngineError, match="cannot close it: No space left"):
            collection.close()
        collection.close()
        with opened() as again:  # neither our lock nor the engine's is held any more
            assert again.count() == 1


class TestFolderThatCannotBeWritten:
    TOLD = r"cannot be written to \(.*(Permission|Read-only).*: make it writable, open a copy of it"

    def test_its_lock(
        self, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened().close()

        def refuse(path: Any, *given: Any, **named: Any) -> Any:
            if not str(path).endswith(".lock"):
                return allowed(path, *given, **named)
            raise PermissionError(13, "Permission denied", str(path))

        allowed = os.open
        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(EngineError, match=self.TOLD):
            opened()

    @pytest.mark.parametrize("why", ["Permission denied", "Read-only file system"])
    def test_its_files(self, opened: Opener, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
        opened().close()

        class Shard:
            @staticmethod
            def load(_: str) -> None:
                raise Exception(f"Failed to open mmap payload storage: {why}")

        monkeypatch.setattr(edge.edge, "EdgeShard", Shard)
        with pytest.raises(EngineError, match=self.TOLD) as caught:
            opened()
        assert not isinstance(caught.value, IndexDamagedError)


class TestFolderThatIsGone:
    def test_nothing_is_stored_in_a_deleted_one(self, opened: Opener, tmp_path: Path) -> None:
        collection = opened()
        collection.upsert([point("a")])
        shutil.rmtree(tmp_path / "docs")
        for write in (
            lambda: collection.upsert([point("b")]),
            lambda: collection.delete([point("a").id]),
            collection.optimize,
        ):
            with pytest.raises(IndexDamagedError, match="was deleted while it was open"):
                write()
        collection.close()
        assert not (tmp_path / "docs").exists()
        with opened() as again:
            again.upsert([point("b")])

    def test_nothing_is_stored_beside_one_in_its_place(
        self, opened: Opener, tmp_path: Path
    ) -> None:
        collection = opened()
        shutil.rmtree(tmp_path / "docs")
        (tmp_path / ".docs.lock").unlink()
        with opened() as other:
            other.upsert([point("a")])
            with pytest.raises(IndexDamagedError, match="was replaced by another one"):
                collection.upsert([point("b")])
            collection.close()
            assert other.count() == 1

    def test_a_temporary_one_can_be_cleaned_away_too(self, fingerprint: Fingerprint) -> None:
        with module.EmbeddedCollection.temporary(fingerprint=fingerprint) as collection:
            shutil.rmtree(collection._folder.root)
            with pytest.raises(IndexDamagedError, match="was deleted"):
                collection.upsert([point("a")])
