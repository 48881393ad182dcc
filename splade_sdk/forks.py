"""Fork safety: what a process owns is neither used nor destroyed in a child made by ``os.fork``.

A forked child has copies of its parent's objects. Destroying the copy of an embedded engine writes
into the parent's files, and destroying that of a client in local mode unlocks the parent's folder.
So the child keeps such objects alive for as long as it runs, and they refuse to be used in it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress

from splade_sdk.errors import ForkedProcessError

__all__ = ["disown", "forked_error", "own"]

_owned: dict[int, tuple[object, Callable[[], None] | None]] = {}

_increase_refcount = ctypes.pythonapi["Py_IncRef"]
_increase_refcount.argtypes = [ctypes.py_object]
_increase_refcount.restype = None


def own(resource: object, in_child: Callable[[], None] | None = None) -> None:
    """Keep an object alive until ``disown``, and in forked children for ever.

    Args:
        resource: What must not be destroyed in a child.
        in_child: Called in a child right after the fork; what it raises is ignored.
    """
    _owned[id(resource)] = (resource, in_child)


def disown(resource: object) -> None:
    """Let an object go that was released in the process that owns it."""
    _owned.pop(id(resource), None)


def forked_error(process: int, what: str) -> ForkedProcessError:
    """Return the error for an object that is used in a fork of the process that made it.

    Args:
        process: The id of the process that made it.
        what: What to call the object in the message.
    """
    return ForkedProcessError(
        f"{what} was opened by process {process}, this is its fork {os.getpid()}: an open "
        "collection does not survive fork(); open it in the process that uses it"
    )


def _abandon() -> None:
    """Run in a forked child: no reference to what the parent owns is ever given back.

    The interpreter clears all modules when it ends, so that a reference held by one is not enough.
    """
    for resource, in_child in _owned.values():
        _increase_refcount(resource)
        if in_child is not None:
            with suppress(Exception):
                in_child()
    _owned.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon)
