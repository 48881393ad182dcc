"""Folders among the temporary files, for collections that live as long as their process."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from splade_sdk.errors import SpladeError
from splade_sdk.qdrant.folder import CollectionFolder

__all__ = ["temporary_folder"]

_PREFIX = "splade-sdk-"
_NAME = "temporary"
_GRACE_S = 60.0  # a younger folder may be about to be locked


def temporary_folder() -> CollectionFolder:
    """Return a new folder, locked; those that killed processes left are removed.

    Raises:
        EngineError: if it cannot be made.
    """
    folder = CollectionFolder(tempfile.mkdtemp(prefix=_PREFIX), _NAME)
    for each in folder.root.parent.glob(f"{_PREFIX}*"):
        if each != folder.root:
            _remove_forgotten(each)
    folder.lock()
    return folder


def _remove_forgotten(root: Path) -> None:
    """Remove a folder that nobody holds; leave it where there is any doubt."""
    lock = root / f".{_NAME}.lock"
    try:
        if time.time() - lock.stat().st_mtime < _GRACE_S:
            return
        folder = CollectionFolder(root, _NAME)
        folder.lock()
    except (OSError, SpladeError):  # another user's, one in use, or not one of ours
        return
    try:
        shutil.rmtree(root, ignore_errors=True)
    finally:
        folder.unlock()
