"""The lock and the contract of a collection's folder, also where others can write to it."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import portalocker
import pytest

from splade_sdk.config import Fingerprint
from splade_sdk.errors import EngineError, IndexDamagedError, IndexLockedError
from splade_sdk.qdrant.folder import CollectionFolder, temporary_folder
from splade_sdk.qdrant.schema import CollectionContract

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
needs_links = pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are followed here")


@pytest.fixture
def folder(tmp_path: Path) -> CollectionFolder:
    return CollectionFolder(tmp_path, "docs")


class TestLock:
    @needs_links
    def test_a_symbolic_link_is_not_followed(
        self, folder: CollectionFolder, tmp_path: Path
    ) -> None:
        victim = tmp_path / "victim.txt"
        victim.write_text("precious")
        (tmp_path / ".docs.lock").symlink_to(victim)
        with pytest.raises(EngineError, match=r"\.docs\.lock is a symbolic link.*remove it"):
            folder.lock()
        assert victim.read_text() == "precious"

    def test_a_file_of_something_else_is_left_alone(
        self, folder: CollectionFolder, tmp_path: Path
    ) -> None:
        # Such as a hard link to a file of this user's.
        (tmp_path / ".docs.lock").write_text("precious")
        with pytest.raises(EngineError, match="not the lock of a collection"):
            folder.lock()
        assert (tmp_path / ".docs.lock").read_text() == "precious"

    def test_a_folder_in_its_place(self, folder: CollectionFolder, tmp_path: Path) -> None:
        (tmp_path / ".docs.lock").mkdir()
        with pytest.raises(EngineError, match="is a folder: expected a regular file"):
            folder.lock()

    @needs_pipes
    def test_a_pipe_in_its_place_is_not_waited_for(
        self, folder: CollectionFolder, tmp_path: Path
    ) -> None:
        os.mkfifo(tmp_path / ".docs.lock")
        with pytest.raises(EngineError, match="is a pipe or a device: expected a regular file"):
            folder.lock()

    @pytest.mark.parametrize("code", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EIO"])
    def test_a_file_system_without_locks_is_not_in_use(
        self, folder: CollectionFolder, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        reason = OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

        def refuse(*_: Any) -> None:
            raise portalocker.LockException(reason) from reason

        monkeypatch.setattr(portalocker, "lock", refuse)
        with pytest.raises(EngineError, match=r"cannot be locked .*local disk") as caught:
            folder.lock()
        assert not isinstance(caught.value, IndexLockedError)
        assert os.strerror(getattr(errno, code)) in str(caught.value)

    def test_the_holder_is_written_down(self, folder: CollectionFolder, tmp_path: Path) -> None:
        (tmp_path / ".docs.lock").write_text("12345678901")
        folder.lock()
        assert (tmp_path / ".docs.lock").read_text() == str(os.getpid())
        with pytest.raises(IndexLockedError, match="another object of this process"):
            CollectionFolder(tmp_path, "docs").lock()
        folder.unlock()
        folder.unlock()


class TestContract:
    @needs_pipes
    def test_a_pipe_in_its_place_is_not_waited_for(
        self, folder: CollectionFolder, tmp_path: Path
    ) -> None:
        (tmp_path / "docs/shard").mkdir(parents=True)
        os.mkfifo(tmp_path / "docs/contract.json")
        with pytest.raises(IndexDamagedError, match="is a pipe or a device"):
            folder.read_contract()

    @needs_links
    def test_a_planted_link_is_replaced_not_followed(
        self, folder: CollectionFolder, tmp_path: Path, fingerprint: Fingerprint
    ) -> None:
        (tmp_path / "docs/shard").mkdir(parents=True)
        victim = tmp_path / "victim.txt"
        victim.write_text("precious")
        (tmp_path / "docs/contract.json.new").symlink_to(victim)
        contract = CollectionContract.make(fingerprint, None, None)
        folder.keep_contract(contract)
        assert victim.read_text() == "precious"
        assert folder.read_contract() == contract


@pytest.mark.usefixtures("temporary_files")
class TestTemporaryFolders:
    @pytest.fixture
    def temporary_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    @staticmethod
    def abandoned(mode: int = 0o700) -> Path:
        root = Path(tempfile.mkdtemp(prefix="splade-sdk-"))
        (root / ".temporary.lock").write_text("1234567")
        hour_ago = time.time() - 3600
        os.utime(root / ".temporary.lock", (hour_ago, hour_ago))
        root.chmod(mode)
        return root

    def test_an_abandoned_one_is_removed(self) -> None:
        root = self.abandoned()
        temporary_folder().unlock()
        assert not root.exists()

    def test_one_that_others_can_write_to_stays(self) -> None:
        root = self.abandoned(0o777)
        temporary_folder().unlock()
        assert root.exists()

    @pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system has no users")
    def test_one_of_another_user_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        root = self.abandoned()
        user = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        temporary_folder().unlock()
        assert root.exists()

    @needs_links
    def test_a_link_to_one_stays(self, tmp_path: Path) -> None:
        root = self.abandoned().rename(tmp_path / "elsewhere")
        (tmp_path / "splade-sdk-link").symlink_to(root)
        temporary_folder().unlock()
        assert root.exists()

    def test_a_disk_without_room_is_ours_to_report(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(**_: Any) -> str:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(tempfile, "mkdtemp", fail)
        with pytest.raises(EngineError, match=r"a temporary folder: .*No space left"):
            temporary_folder()
