"""Everything the embedded engine raises -> ours.

It raises bare exceptions, built-in ones for values it cannot read, and where it panics a class of
its own that derives from BaseException.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from splade_sdk.errors import EngineError, IndexLockedError, RequestRejectedError, SpladeError

__all__ = ["edge_errors"]


@contextmanager
def edge_errors(doing: str) -> Iterator[None]:
    """Raise ours for whatever the engine raises.

    Args:
        doing: What was tried, and where; begins every message.
    """
    try:
        yield
    except SpladeError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise RequestRejectedError(f"{doing}: the engine refused the request: {error}") from error
    except Exception as error:
        if "WouldBlock" in str(error):
            raise IndexLockedError(f"{doing}: another process holds its files") from error
        raise EngineError(f"{doing}: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise EngineError(
            f"{doing}: the engine panicked ({error}); close and reopen the collection, and report "
            "this with the steps that lead here"
        ) from error
