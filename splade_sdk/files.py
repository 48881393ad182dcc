"""Opens files that another user may have put something else in the place of."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["IrregularFileError", "open_regular", "read_regular", "write_new"]

# Windows has none of these, and opens neither symbolic links of others nor named pipes by path.
_SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


class IrregularFileError(OSError):
    """There is a symbolic link, a folder, a pipe or a device where a file is expected."""


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file; a symbolic link is not followed, and a pipe not waited for.

    Args:
        path: Where it lies.
        flags: Those of ``os.open``, such as ``os.O_RDONLY``.

    Returns:
        The file descriptor.

    Raises:
        IrregularFileError: if something else lies there.
        OSError: if it cannot be opened.
    """
    try:
        file = os.open(path, flags | _SAFE, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EMLINK):
            raise _irregular(path) from error
        raise
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise _irregular(path)


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file; raises as ``open_regular`` does."""
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        return file.read()


def write_new(path: Path, content: str) -> None:
    """Write a file in the place of what is there, flushed to the disk; links are replaced.

    Args:
        path: Where it will lie.
        content: Written as UTF-8.

    Raises:
        OSError: if it cannot be written.
    """
    path.unlink(missing_ok=True)
    made = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(made, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _irregular(path: Path) -> IrregularFileError:
    if path.is_symlink():
        kind = "a symbolic link"
    elif path.is_dir():
        kind = "a folder"
    else:
        kind = "a pipe or a device"
    return IrregularFileError(f"{path} is {kind}: expected a regular file")
