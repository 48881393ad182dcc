"""Whose code called this package: what warnings should point at."""

from __future__ import annotations

import inspect

__all__ = ["stacklevel"]

_PACKAGE = __name__.partition(".")[0]


def stacklevel() -> int:
    """Return the ``stacklevel`` with which ``warnings.warn`` points at the user's own code.

    To be called in the arguments of ``warnings.warn``, however deep in this package.
    """
    level = 1
    frame = inspect.currentframe()
    frame = frame.f_back if frame else None
    while frame is not None and frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name != _PACKAGE and not name.startswith(f"{_PACKAGE}."):
            break
        frame = frame.f_back
        level += 1
    return level
