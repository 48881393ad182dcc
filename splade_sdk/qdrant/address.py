"""Where a collection is: a url or a path, and its name, checked; pure."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.types.arguments import lone_surrogate

__all__ = ["MEMORY", "require_name", "require_place", "without_credentials"]

MEMORY = ":memory:"

_CREDENTIALS = re.compile(r"(?<=//)[^/@]*@")
_NAME = re.compile(r"[^<>:\"/\\|?*\x00-\x1f]{1,200}")


def require_place(url: object, path: object) -> tuple[str | None, Path | None]:
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


def without_credentials(url: str) -> str:
    """Return a url without the user and password in it, for messages."""
    return _CREDENTIALS.sub("", url)


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
    except ValueError:  # a port that is no number, a broken IPv6 address
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
            f"path is {_shown(given)}, which is no folder: pass it as the url, as in "
            f"Retriever({_shown(given)})"
        )
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"path is {given!r}, and that home folder is not known") from error


def _shown(url: object) -> str:
    return repr(without_credentials(url)) if isinstance(url, str) else repr(url)
