"""Runs an application of ``create_app`` for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from splade_sdk.serving.server import make_server

__all__ = ["running", "running_server", "wait_for"]


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Run the application under uvicorn on a free port, and give its address."""
    with running_server(app) as (url, _):
        yield url


@contextmanager
def running_server(app: Any) -> Iterator[tuple[str, Any]]:
    """The same, with uvicorn's server."""
    server = make_server(app, port=0, stop_timeout_s=10)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is so; a bound of 30 s keeps a broken test from hanging."""
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)
