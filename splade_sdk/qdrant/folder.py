"""The folder of an embedded collection: its layout, its lock and its contract; no engine.

::

    <path>/<name>/contract.json   written last: a folder with it is complete
    <path>/<name>/shard/          the engine's own files
    <path>/.<name>.lock           held while open, with the process id of the holder
    <path>/.<name>.new/           a collection being made; renamed when complete
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import portalocker

from splade_sdk.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    ConfigError,
    DiskFullError,
    EngineError,
    IndexDamagedError,
    IndexLockedError,
    SpladeError,
)
from splade_sdk.files import IrregularFileError, open_regular, read_regular, write_new
from splade_sdk.forks import disown, own
from splade_sdk.qdrant.address import require_name
from splade_sdk.qdrant.schema import CollectionContract

__all__ = ["CollectionFolder", "holds_embedded", "holds_local_mode", "temporary_folder"]

_CONTRACT = "contract.json"
_SHARD = "shard"
_RESERVE_BYTES = 64_000_000  # two segments of the engine's write-ahead log
_HOLDER_BYTES = 20  # of a process id in a lock
_TEMPORARY_PREFIX = "splade-sdk-"
_TEMPORARY = "temporary"
_GRACE_S = 60.0  # a younger temporary folder may be about to be locked


def holds_local_mode(path: Path) -> bool:
    """Return whether a folder was made by qdrant-client's local mode."""
    return (path / "meta.json").is_file()


def holds_embedded(path: Path) -> bool:
    """Return whether a folder holds embedded collections of this package."""
    return any(path.glob(f"*/{_CONTRACT}"))


class CollectionFolder:
    """Where one embedded collection lies.

    Args:
        path: Folder of all collections; made when the first one is.
        name: Name of the collection.

    Raises:
        ConfigError: if the name is not valid, or ``path`` is a file.
        CollectionMismatchError: if another program's index lies there; nothing is touched.
    """

    def __init__(self, path: str | Path, name: str) -> None:
        self.root = Path(path)
        self.home = self.root / require_name(name)
        self.shard = self.home / _SHARD
        self._lock_path = self.root / f".{name}.lock"
        self._lock: int | None = None  # a file descriptor
        self._opened: tuple[int, int] | None = None
        if self.root.exists() and not self.root.is_dir():
            raise ConfigError(f"path {self.root} is a file: expected a folder for collections")
        for made_by, theirs in (
            ("qdrant-client's local mode", holds_local_mode(self.root)),
            ("qdrant-edge itself", (self.root / "edge_config.json").is_file()),
            ("a Qdrant server", (self.root / "raft_state.json").is_file()),
        ):
            if theirs:
                raise CollectionMismatchError(
                    f"the index in {self.root} was made by {made_by}, not by this package's "
                    "embedded engine: choose another path and index again (nothing was changed)"
                )

    def __str__(self) -> str:
        return f"collection {self.home.name!r} in {self.root}"

    def exists(self) -> bool:
        """Return whether the collection is there, complete or damaged."""
        return self.home.exists()

    def lock(self) -> None:
        """Take hold of the collection until ``unlock``.

        Raises:
            IndexLockedError: if another process, or another object of this one, holds it.
            EngineError: if the folder cannot be written.
        """
        try:
            lock = open_regular(self._lock_path, os.O_RDWR | os.O_CREAT)
        except IrregularFileError as error:
            raise EngineError(f"{self}: {error}, the lock of the collection: remove it") from error
        except OSError as error:
            raise self.unwritable(error) from error
        try:
            self._take(lock)
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock
        own(self, self._drop_inherited_lock)

    def _take(self, lock: int) -> None:
        flags = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
        try:
            portalocker.lock(lock, flags)
        except (portalocker.LockException, OSError) as error:
            if not _is_held(error):
                raise EngineError(
                    f"{self} cannot be locked ({error}), and the embedded engine needs that: keep "
                    "the index on a file system with locks, such as that of a local disk"
                ) from error
            raise IndexLockedError(
                f"{self} is in use by {_named(_holder(lock))}; for several processes at once, run "
                "a Qdrant server and pass its url"
            ) from error
        content = _content(lock)
        if content and not content.isdigit():
            raise EngineError(
                f"{self}: {self._lock_path} begins with {content!r}, so it is not the lock of a "
                "collection: move it away"
            )
        with suppress(OSError):  # only messages need it, and the disk may be full
            os.ftruncate(lock, 0)
            os.lseek(lock, 0, os.SEEK_SET)
            os.write(lock, str(os.getpid()).encode())

    def _drop_inherited_lock(self) -> None:
        """Close the descriptor in a forked child; the parent goes on holding the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def unwritable(self, error: Exception) -> EngineError:
        """Return the error for a folder that cannot be written to.

        Args:
            error: What said so.
        """
        return EngineError(
            f"{self} cannot be written to ({error}), and the embedded engine writes there also to "
            "search: make it writable, open a copy of it, or run a Qdrant server"
        )

    def unlock(self) -> None:
        """Let go; doing it twice is harmless."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        disown(self)
        try:
            portalocker.unlock(lock)
        finally:
            os.close(lock)

    def create(self, contract: CollectionContract, make_shard: Callable[[Path], None]) -> None:
        """Make the collection; a crash on the way leaves no half-made one.

        Args:
            contract: What to keep with it.
            make_shard: Makes the engine's files in the given folder, and closes them.

        Raises:
            DiskFullError: if there is no room for it.
            EngineError: if the folder cannot be written.
        """
        self.require_room(0)
        fresh = self.root / f".{self.home.name}.new"
        try:
            if fresh.exists():
                shutil.rmtree(fresh)
            (fresh / _SHARD).mkdir(parents=True)
            make_shard(fresh / _SHARD)
            write_new(fresh / _CONTRACT, _to_text(contract))
            fresh.rename(self.home)
        except BaseException as error:
            shutil.rmtree(fresh, ignore_errors=True)
            if isinstance(error, OSError) and not isinstance(error, EngineError):
                raise EngineError(f"{self}: cannot be made: {error}") from error
            raise

    def keep_contract(self, contract: CollectionContract) -> None:
        """Replace what is kept with the collection; a crash leaves the one or the other.

        Raises:
            EngineError: if the folder cannot be written.
        """
        fresh = self.home / f"{_CONTRACT}.new"
        try:
            write_new(fresh, _to_text(contract))
            fresh.replace(self.home / _CONTRACT)
        except OSError as error:
            raise self.unwritable(error) from error
        self.mark_opened()

    def mark_opened(self) -> None:
        """Remember which collection lies here now, for ``require_writable``."""
        self._opened = self._identity()

    def is_still_there(self) -> bool:
        """Return whether the collection is the one that was opened."""
        return self._identity() == self._opened

    def require_writable(self, needed_bytes: int = 0) -> None:
        """Check that the collection is the one that was opened, and that the disk has room.

        The engine holds its files open: into a folder that was deleted or replaced it would go on
        writing, and nobody would ever see that again.

        Args:
            needed_bytes: As for ``require_room``.

        Raises:
            IndexDamagedError: if it is gone, or another one lies in its place.
            DiskFullError: if there is less room.
        """
        if self.is_still_there():
            self.require_room(needed_bytes)
            return
        what = "was replaced by another one" if self._identity() else "was deleted"
        raise IndexDamagedError(
            f"{self} {what} while it was open, so that nothing can be stored any more: close it, "
            "open it again, and store the documents again"
        )

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = (self.home / _CONTRACT).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def allocated_bytes(self) -> int:
        """Return how much of the disk the collection occupies: the engine's files have holes."""
        files = (each.stat() for each in self.home.rglob("*") if each.is_file())
        return sum(
            512 * each.st_blocks if hasattr(each, "st_blocks") else each.st_size for each in files
        )

    def require_room(self, needed_bytes: int) -> None:
        """Check that the disk has room for what the engine is about to write.

        It maps its files into memory, so that on a full disk it would not fail but be killed, and
        this process with it (SIGBUS).

        Args:
            needed_bytes: What is to be written, beside the room that the engine needs in any case.

        Raises:
            DiskFullError: if there is less.
        """
        needed = needed_bytes + _RESERVE_BYTES
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise DiskFullError(
                f"{self}: its disk has {free / 1e6:,.0f} MB free, and the engine needs "
                f"{needed / 1e6:,.0f} MB to go on safely: free some, or keep the index on another "
                "disk; nothing was stored"
            )

    def read_contract(self) -> CollectionContract:
        """Return what is kept with the collection.

        Raises:
            CollectionNotFoundError: if there is no such collection.
            IndexDamagedError: if its contract or the engine's files are missing or unreadable.
        """
        if not self.exists():
            raise CollectionNotFoundError(f"there is no {self}: upsert documents first")
        missing = [each for each in (_CONTRACT, _SHARD) if not (self.home / each).exists()]
        if missing:
            raise IndexDamagedError(
                f"{self.home} has no {missing[0]}: it was not made by this package, or is damaged; "
                "choose another path, restore a backup, or delete the folder and index again"
            )
        try:
            text = read_regular(self.home / _CONTRACT)
        except IrregularFileError as error:
            raise IndexDamagedError(f"{self}: {error}; restore a backup, or remove it") from error
        except OSError as error:
            raise EngineError(f"{self}: its contract cannot be read: {error}") from error
        return CollectionContract.from_json(text, where=str(self))

    def prepare(self) -> None:
        """Make the folder of all collections.

        Raises:
            EngineError: if it cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"cannot make the folder {self.root}: {error}") from error


def _to_text(contract: CollectionContract) -> str:
    return json.dumps(contract.to_json(), indent=2, ensure_ascii=False)


def temporary_folder() -> CollectionFolder:
    """Return a new locked folder among the temporary files.

    Folders of this user that killed processes left behind are removed.

    Raises:
        EngineError: if it cannot be made.
    """
    try:
        root = tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX)
    except OSError as error:
        raise EngineError(f"cannot make a temporary folder: {error}") from error
    folder = CollectionFolder(root, _TEMPORARY)
    for each in folder.root.parent.glob(f"{_TEMPORARY_PREFIX}*"):
        if each != folder.root:
            _remove_abandoned(each)
    folder.lock()
    return folder


def _remove_abandoned(root: Path) -> None:
    """Remove a temporary folder that no process holds; leave it where there is any doubt."""
    lock = root / f".{_TEMPORARY}.lock"
    try:
        if not _is_own_folder(root) or time.time() - lock.lstat().st_mtime < _GRACE_S:
            return
        folder = CollectionFolder(root, _TEMPORARY)
        folder.lock()
    except (OSError, SpladeError):  # in use, or not one of ours
        return
    try:
        shutil.rmtree(root, ignore_errors=True)
    finally:
        folder.unlock()


def _is_own_folder(path: Path) -> bool:
    """Return whether this is a folder of this user's that nobody else can write to."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return False
    if not hasattr(os, "getuid"):  # Windows, where temporary files are each user's own
        return True
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def _is_held(error: Exception) -> bool:
    """Return whether a lock failed since somebody has it, not for another reason."""
    if isinstance(error, portalocker.AlreadyLocked):
        return True
    reasons = [each for each in (error, *error.args, error.__cause__) if isinstance(each, OSError)]
    return any(each.errno in (errno.EACCES, errno.EAGAIN) for each in reasons)


def _content(lock: int) -> bytes:
    os.lseek(lock, 0, os.SEEK_SET)
    return os.read(lock, _HOLDER_BYTES)


def _holder(lock: int) -> int | None:
    """Return the process id in a lock; None where there is none."""
    try:
        return int(_content(lock))
    except (OSError, ValueError):
        return None


def _named(holder: int | None) -> str:
    if holder is None:
        return "another process"
    if holder == os.getpid():
        return f"another object of this process ({holder}): close it first, or use it"
    return f"process {holder}: wait for it, or end it"
