"""Every error this package raises.

Each is ours and the standard library's, so that both ``except SpladeError`` and the
built-in class a caller would expect catch it::

    SpladeError
    ├── InvalidInputError (ValueError)         a value the caller gave is wrong
    │   ├── InvalidVectorError                 a sparse or dense vector breaks its invariants
    │   ├── InvalidDocumentError               a document has a bad id, text or metadata
    │   ├── InvalidFilterError                 a search filter has the wrong shape
    │   ├── InvalidDataError                   a line of a data file cannot be used
    │   ├── DocumentNotFoundError (LookupError) no document has the id asked for
    │   └── ConfigError                        a setting does not exist or is out of range
    ├── InvalidTypeError (TypeError)           a value has the wrong type altogether
    ├── MissingDependencyError (ImportError)   an extra is not installed
    ├── ModelError (RuntimeError)              a model cannot be used
    │   ├── ModelNotFoundError (FileNotFoundError)
    │   ├── ModelFormatError (ValueError)      no masked-LM head, unknown pooling, bad files
    │   └── UnsafeModelError (PermissionError) pickled weights or remote code, not allowed
    ├── TrainingError (RuntimeError)           a training run cannot go on
    │   └── CollapseError                      every weight of a side has become zero
    └── EngineError (RuntimeError)             Qdrant, or an encoding service, failed
        ├── EngineConnectionError (ConnectionError)
        ├── EngineTimeoutError (TimeoutError)
        ├── AuthenticationError (PermissionError)
        ├── RequestRejectedError (ValueError)  the request was refused as malformed
        ├── RateLimitedError
        ├── CollectionNotFoundError (LookupError)
        ├── CollectionMismatchError (ValueError)  made by another model or with other settings
        ├── DiskFullError (OSError)            there is no room to store more
        ├── IndexLockedError (BlockingIOError) another process holds the folder
        ├── IndexDamagedError                  the folder cannot be read
        └── EngineClosedError                  used after close()
            └── ForkedProcessError             used in a child made by fork()

    TruncationWarning (UserWarning)            texts were cut to the model's length
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "AuthenticationError",
    "CollapseError",
    "CollectionMismatchError",
    "CollectionNotFoundError",
    "ConfigError",
    "DiskFullError",
    "DocumentNotFoundError",
    "EngineClosedError",
    "EngineConnectionError",
    "EngineError",
    "EngineTimeoutError",
    "ForkedProcessError",
    "IndexDamagedError",
    "IndexLockedError",
    "InvalidDataError",
    "InvalidDocumentError",
    "InvalidFilterError",
    "InvalidInputError",
    "InvalidTypeError",
    "InvalidVectorError",
    "MissingDependencyError",
    "ModelError",
    "ModelFormatError",
    "ModelNotFoundError",
    "RateLimitedError",
    "RequestRejectedError",
    "SpladeError",
    "TrainingError",
    "TruncationWarning",
    "UnsafeModelError",
]


class SpladeError(Exception):
    """Base of every error raised by this package."""


class InvalidInputError(SpladeError, ValueError):
    """A value given by the caller is wrong."""


class InvalidVectorError(InvalidInputError):
    """A vector breaks its invariants (sorted, unique, in range, finite, positive)."""


class InvalidDocumentError(InvalidInputError):
    """A document has a bad id, text or metadata."""


class InvalidFilterError(InvalidInputError):
    """A search filter has the wrong shape."""


class InvalidDataError(InvalidInputError):
    """A line of a data file cannot be used; the message names file, line and field."""


class DocumentNotFoundError(InvalidInputError, LookupError):
    """No document has the id asked for."""


class ConfigError(InvalidInputError):
    """A setting does not exist or is out of range."""


class InvalidTypeError(SpladeError, TypeError):
    """A value given by the caller has the wrong type."""


class MissingDependencyError(SpladeError, ImportError):
    """An optional dependency is not installed; the message names the extra."""

    @classmethod
    def for_extra(cls, package: str, extra: str) -> MissingDependencyError:
        """Build the message that names what to install.

        Args:
            package: Distribution that could not be imported.
            extra: Extra of this package that brings it.
        """
        return cls(
            f"{package} is not installed, and this feature needs it: "
            f"run pip install 'splade-sdk[{extra}]'",
            name=package,
        )


class ModelError(SpladeError, RuntimeError):
    """A model cannot be used."""


class ModelNotFoundError(ModelError, FileNotFoundError):
    """No model at the given folder or name."""


class ModelFormatError(ModelError, ValueError):
    """The model's files are not of a form this package can use."""


class UnsafeModelError(ModelError, PermissionError):
    """Loading would unpickle files or run remote code, and the caller has not allowed it."""


class TrainingError(SpladeError, RuntimeError):
    """A training run cannot go on."""


class CollapseError(TrainingError):
    """Every weight of the query or document side has become zero."""


class EngineError(SpladeError, RuntimeError):
    """Qdrant, embedded or on a server, failed; or the service of a remote encoder did.

    Attributes:
        retryable: How often the same call is worth another try: ``never``, a ``few`` times, or
            ``often``.
    """

    retryable: Literal["never", "few", "often"] = "never"


class EngineConnectionError(EngineError, ConnectionError):
    """The server cannot be reached or dropped the connection."""


class EngineTimeoutError(EngineError, TimeoutError):
    """The server did not answer in time."""


class AuthenticationError(EngineError, PermissionError):
    """The API key is missing, wrong or not allowed to do this."""


class RequestRejectedError(EngineError, ValueError):
    """The engine or service refused the request as malformed."""


class RateLimitedError(EngineError):
    """The server asks to slow down.

    Attributes:
        retry_after_s: Seconds the server asks to wait, or None where it does not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CollectionNotFoundError(EngineError, LookupError):
    """The collection does not exist."""


class CollectionMismatchError(EngineError, ValueError):
    """The collection was made by another model or with other settings."""


class DiskFullError(EngineError, OSError):
    """The disk of the index, or the server's, has no room to store more."""


class IndexLockedError(EngineError, BlockingIOError):
    """Another process, or another object of this one, holds the index folder."""


class IndexDamagedError(EngineError):
    """The index folder cannot be read."""


class EngineClosedError(EngineError):
    """The object was used after close()."""


class ForkedProcessError(EngineClosedError):
    """The object was opened before a fork(), and this is the child: open it there."""


class TruncationWarning(UserWarning):
    """Texts were longer than the model takes, and their ends were not encoded."""
