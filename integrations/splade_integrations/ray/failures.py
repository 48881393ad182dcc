"""What Ray raises -> the error of ours that caused it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from splade_sdk.errors import SpladeError

__all__ = ["our_errors"]


@contextmanager
def our_errors() -> Iterator[None]:
    """Raise the error of ours that a worker raised; everything else passes as it is."""
    try:
        yield
    except SpladeError as error:
        if (ours := _found(error)) is not None and ours is not error:
            raise ours from error
        raise
    except Exception as error:
        if (ours := _found(error)) is not None:
            raise ours from error
        raise


def _found(error: BaseException | None) -> SpladeError | None:
    return None
