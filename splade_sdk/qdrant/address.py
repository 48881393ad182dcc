"""Where a collection is and how to reach it, checked once; pure."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.retry import DEFAULT_RETRY, RetrySettings
from splade_sdk.settings import require_settings
from splade_sdk.types.arguments import lone_surrogate, require_seconds, without_credentials

__all__ = ["MEMORY", "Address", "require_name"]

MEMORY = ":memory:"

_NAME = re.compile(r"[^<>:\"/\\|?*\x00-\x1f]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Address:
    """Where a collection is, and how to reach it.

    Args:
        url: ``http://...`` or ``https://...`` of a Qdrant server, or ``":memory:"``.
        path: Folder of embedded collections, instead of a url; ``~`` is the user's home.
        collection: Name of the collection.
        api_key: Key of the server.
        timeout_s: Seconds to wait for an answer of the server.
        retry: How calls of the server that failed are tried again; None tries each once.

    Raises:
        ConfigError: if not exactly one of ``url`` and ``path`` is given, if one of them or the name
            is malformed, or if ``timeout_s`` is not above 0.
        InvalidTypeError: if an argument has the wrong type.
    """

    url: str | None = None
    path: str | os.PathLike[str] | None = None
    collection: str
    api_key: str | None = None
    timeout_s: float = 30.0
    retry: RetrySettings | None = DEFAULT_RETRY

    def __post_init__(self) -> None:
        url, path = _require_place(self.url, self.path)
        object.__setattr__(self, "url", url)
        object.__setattr__(self, "path", path)
        require_name(self.collection)
        object.__setattr__(self, "timeout_s", require_seconds(self.timeout_s, "timeout_s"))
        require_settings(self.retry, RetrySettings, "retry")

    @property
    def folder(self) -> Path | None:
        """The path; None where there is a url."""
        return None if self.path is None else Path(self.path)

    @property
    def on_server(self) -> bool:
        """Whether a server has it, not this process."""
        return self.url is not None and self.url != MEMORY

    @property
    def place(self) -> str:
        """The url without user and password, or the path."""
        return str(self.path) if self.url is None else without_credentials(self.url)

    def __str__(self) -> str:
        return f"collection {self.collection!r} at {self.place}"

    def __repr__(self) -> str:
        return f"Address({self.place!r}, collection={self.collection!r})"


def require_name(name: object) -> str:
    """Return a collection's name if a server and a file system take it.

    Raises:
        ConfigError: if it is empty, too long, starts with a dot or has characters such as ``/``.
    """
    if (
        not isinstance(name, str)
        or not _NAME.fullmatch(name)
        or name.startswith(".")
        or lone_surrogate(name) is not None
    ):
        raise ConfigError(
            f'collection is {name!r}: expected 1 to 200 characters, none of < > : " / \\ | ? *, no '
            "lone surrogate, and no dot at the start"
        )
    return name


def _require_place(url: object, path: object) -> tuple[str | None, Path | None]:
    """Return a url, or the path of a folder, if exactly one of them is given.

    Args:
        url: ``http://...``, ``https://...`` or ``":memory:"``.
        path: A folder; ``~`` is the user's home.

    Raises:
        ConfigError: if both or neither are given, or one is malformed.
        InvalidTypeError: if one has the wrong type.
    """
    if (url is None) == (path is None):
        raise ConfigError(
            f"url is {_shown(url)} and path is {path!r}: give exactly one, a server's url such as "
            "'http://localhost:6333', the path of a folder, or the url ':memory:'"
        )
    return (_require_url(url), None) if path is None else (None, _require_path(path))


def _require_url(url: object) -> str:
    if not isinstance(url, str):
        raise InvalidTypeError(
            f"url is {type(url).__name__}: expected a string such as 'http://localhost:6333'"
            + ("; for a folder pass path= instead" if isinstance(url, os.PathLike) else "")
        )
    if url == MEMORY:
        return url
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        valid &= not any(each.isspace() for each in url)
    except ValueError:  # a port that is not a number, a broken IPv6 address
        valid = False
    if not valid:
        raise ConfigError(
            f"url is {_shown(url)}: expected http://host:port, https://host or ':memory:'; for a "
            "folder pass path= instead"
        )
    return url


def _require_path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise InvalidTypeError(f"path is {type(path).__name__}: expected the path of a folder")
    given = os.fspath(path)
    if not isinstance(given, str) or not given or "\0" in given:
        raise ConfigError(f"path is {given!r}: expected the path of a folder, such as './index'")
    if given == MEMORY or given.startswith(("http://", "https://")):
        raise ConfigError(
            f"path is {_shown(given)}, which is not a folder: pass it as the url, as in "
            f"Retriever({_shown(given)})"
        )
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"path is {given!r}, and that home folder is not known") from error


def _shown(url: object) -> str:
    return repr(without_credentials(url)) if isinstance(url, str) else repr(url)
