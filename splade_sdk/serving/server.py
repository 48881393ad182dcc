"""Runs the service with uvicorn, and ends the process in bounded time."""

from __future__ import annotations

import faulthandler
import logging
import signal
from typing import TYPE_CHECKING

from splade_sdk.errors import MissingDependencyError

if TYPE_CHECKING:
    from types import FrameType

    from starlette.types import ASGIApp
    from uvicorn import Server

__all__ = ["CLOSE_S", "make_server", "run_process"]

CLOSE_S = 5
"""Seconds that ``run_process`` leaves for closing the engine after the requests' time is over."""

_log = logging.getLogger(__name__)


def make_server(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    stop_timeout_s: int = 20,
    access_log: bool = False,
) -> Server:
    """Return the server; its ``run`` blocks until SIGINT or SIGTERM, as uvicorn's does.

    Requests whose headers are too long or too slow, and clients that do not read their answers, are
    cut off. On a signal it accepts no new connection, answers the requests under way, and returns.

    Args:
        app: From ``create_app``.
        host: Address to listen on; ``0.0.0.0`` for all.
        port: 0 for any that is free.
        stop_timeout_s: Seconds that requests under way are given after the signal.
        access_log: Log a line for each request.

    Raises:
        MissingDependencyError: if the extra ``serve`` is not installed.
    """
    try:
        import uvicorn

        from splade_sdk.serving.protocol import bounded_http
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
            http=bounded_http(),
            ws="none",
        )
    )


def run_process(server: Server) -> None:
    """Run the server as the only task of this process, which ends in bounded time after a signal.

    A search that does not return cannot be cancelled: Python waits for its thread, and the engine
    keeps the index locked. Therefore the process exits with code 1, which releases the lock,
    ``stop_timeout_s + CLOSE_S`` seconds after the first SIGINT or SIGTERM if it has not ended by
    itself until then; the stacks of its threads are printed to stderr. The clock does not depend on
    the interpreter (``faulthandler``), so it also runs while the engine holds the GIL.

    Args:
        server: From ``make_server``.
    """
    within_s = (server.config.timeout_graceful_shutdown or 0) + CLOSE_S
    stop = server.handle_exit

    def stop_within_bounds(sig: int, frame: FrameType | None) -> None:
        if not server.should_exit:
            _log.info("signal %s: ending within %d s", signal.Signals(sig).name, within_s)
            faulthandler.dump_traceback_later(within_s, exit=True)
        stop(sig, frame)

    server.handle_exit = stop_within_bounds  # type: ignore[method-assign]  # uvicorn's own hook
    server.run()
