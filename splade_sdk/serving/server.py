"""Runs the service with uvicorn, and stops it without losing a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splade_sdk.errors import MissingDependencyError

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn import Server

__all__ = ["make_server"]


def make_server(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    stop_timeout_s: int = 30,
    access_log: bool = False,
) -> Server:
    """Return the server; its ``run`` blocks until SIGINT or SIGTERM, as uvicorn's does.

    Requests whose headers are too long or too slow, and clients that do not read their answers, are
    cut off. Told to stop, it takes no new connection, answers the requests that are under way, and
    ends.

    Args:
        app: From ``create_app``.
        host: Address to listen on; ``0.0.0.0`` for all.
        port: 0 for any that is free.
        stop_timeout_s: Seconds that requests under way are given at the end.
        access_log: Log a line for each request.

    Raises:
        MissingDependencyError: if the extra ``serve`` is not installed.
    """
    try:
        import uvicorn

        from splade_sdk.serving.protocol import BoundedHttp
    except ModuleNotFoundError as error:
        raise MissingDependencyError.for_extra(error.name or "uvicorn", "serve") from error
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            timeout_graceful_shutdown=stop_timeout_s,
            access_log=access_log,
            server_header=False,
            http=BoundedHttp,
            ws="none",
        )
    )
